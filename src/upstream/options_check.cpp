// SPDX-License-Identifier: Apache-2.0
#include "upstream/options_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "upstream/target_url.hpp"
#include "upstream/tls_target.hpp"

namespace gatewaykit::upstream {

namespace {

class Checker {
 public:
  explicit Checker(const UpstreamOptions& options) : options_(options) {}

  std::vector<std::string> run() {
    check_targets();
    check_timeouts();
    check_retries();
    check_ejection();
    check_connections();
    check_tls();
    return std::move(problems_);
  }

 private:
  template <class... Args>
  void require(bool condition, fmt::format_string<Args...> sentence, Args&&... args) {
    if (condition) return;
    problems_.push_back(fmt::format("Upstream pool \"{}\": {}.", options_.name,
                                    fmt::format(sentence, std::forward<Args>(args)...)));
  }

  void require_positive(Duration duration, const char* name) {
    require(duration > Duration::zero(), "{} must be longer than nothing", name);
  }

  void check_targets() {
    require(!options_.targets.empty(), "it has no target");
    for (std::size_t i = 0; i < options_.targets.size(); ++i) {
      const UpstreamTarget& target = options_.targets[i];
      const Result<TargetUrl> url = TargetUrl::parse(target.url);
      if (!url) require(false, "the target \"{}\" {}", target.url, url.error().detail);
      require(target.weight >= 1 && target.weight <= 65535,
              "the target \"{}\" has the weight {}, which is not from 1 to 65535", target.url,
              target.weight);
      const auto begin = options_.targets.begin();
      const auto here = begin + static_cast<std::ptrdiff_t>(i);
      const bool is_repeated = std::any_of(
          begin, here, [&target](const UpstreamTarget& other) { return other.url == target.url; });
      require(!is_repeated, "the target \"{}\" is listed twice", target.url);
    }
  }

  void check_timeouts() {
    require_positive(options_.timeouts.connect, "timeouts.connect");
    require_positive(options_.timeouts.first_byte, "timeouts.first_byte");
    require_positive(options_.timeouts.idle, "timeouts.idle");
    require(!options_.timeout || !options_.timeouts.total,
            "timeout is short for timeouts.total: only one of them may be given");
    if (options_.timeout) require_positive(*options_.timeout, "timeout");
    if (options_.timeouts.total) require_positive(*options_.timeouts.total, "timeouts.total");
  }

  void check_retries() {
    require(options_.retries.attempts <= kMostRetries,
            "retries.attempts is {}, which is more than {}", options_.retries.attempts,
            kMostRetries);
    require(options_.retries.budget >= 0 && options_.retries.budget <= 1,
            "retries.budget is {}, which is not from 0 to 1", options_.retries.budget);
  }

  void check_ejection() {
    const EjectionPolicy& ejection = options_.ejection;
    require(ejection.consecutive_failures >= 1, "ejection.consecutive_failures must be at least 1");
    require_positive(ejection.base, "ejection.base");
    require(ejection.longest >= ejection.base,
            "ejection.longest must not be shorter than ejection.base");
  }

  void check_connections() {
    require(options_.max_connections >= 1, "max_connections must be at least 1");
    require_positive(options_.keep_alive, "keep_alive");
    require_positive(options_.queue_timeout, "queue_timeout");
    require(options_.http2_streams >= 1, "http2_streams must be at least 1");
    require(options_.proxy_protocol == ProxyProtocol::none || options_.http2 != Http2Use::always,
            "proxy_protocol and http2 always exclude each other: a connection of HTTP/2 is shared");
    require(options_.dns_interval >= std::chrono::seconds(1),
            "dns_interval must be at least a second");
  }

  void check_tls() {
    const auto is_secure = [](const UpstreamTarget& target) {
      return target.url.starts_with("https://");
    };
    if (std::none_of(options_.targets.begin(), options_.targets.end(), is_secure)) return;
    std::vector<std::string> problems;
    make_client_context(options_.tls, problems);
    for (const std::string& problem : problems) require(false, "{}", problem);
  }

  const UpstreamOptions& options_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> problems_of(const UpstreamOptions& options) {
  return Checker(options).run();
}

}  // namespace gatewaykit::upstream
