// SPDX-License-Identifier: Apache-2.0
#include "server/listen_config.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "server/tls_server.hpp"

namespace gatewaykit::server {

namespace {

void check_limits(const ListenLimits& limits, std::vector<std::string>& problems) {
  const auto must_be_positive = [&problems](auto value, const char* name) {
    if (value > decltype(value){}) return;
    problems.push_back(fmt::format("limits.{} must be greater than zero", name));
  };
  must_be_positive(limits.target, "target");
  must_be_positive(limits.header_bytes, "header_bytes");
  must_be_positive(limits.header_fields, "header_fields");
  must_be_positive(limits.header_timeout, "header_timeout");
  must_be_positive(limits.body_idle, "body_idle");
  must_be_positive(limits.idle, "idle");
  must_be_positive(limits.send_idle, "send_idle");
  must_be_positive(limits.half_close, "half_close");
  // A head is read into one buffer, whose size is counted in 32 bits.
  constexpr std::size_t kLargest = 16 << 20;
  if (limits.target > kLargest || limits.header_bytes > kLargest) {
    problems.push_back("limits.target and limits.header_bytes must not exceed 16 MiB");
  }
}

void check_http2(const Http2Options& http2, std::vector<std::string>& problems) {
  constexpr std::uint32_t kMostStreams = 10'000;
  constexpr std::uint32_t kLeastWindow = 65'535;  // RFC 9113 section 6.9.2: what a client assumes.
  constexpr std::uint32_t kLargestWindow = 0x7fff'ffff;
  if (http2.streams < 1 || http2.streams > kMostStreams) {
    problems.push_back(fmt::format("http2.streams must be 1 to {}", kMostStreams));
  }
  for (const std::uint32_t window : {http2.stream_window, http2.connection_window}) {
    if (window >= kLeastWindow && window <= kLargestWindow) continue;
    problems.push_back(fmt::format("http2: a window must be {} to {} bytes, not {}", kLeastWindow,
                                   kLargestWindow, window));
  }
  constexpr std::uint32_t kLeastFrame = 16'384;  // RFC 9113 section 6.5.2.
  constexpr std::uint32_t kLargestFrame = 16'777'215;
  if (http2.frame_size < kLeastFrame || http2.frame_size > kLargestFrame) {
    problems.push_back(
        fmt::format("http2.frame_size must be {} to {} bytes", kLeastFrame, kLargestFrame));
  }
  if (http2.held_header_bytes == 0) {
    problems.push_back("http2.held_header_bytes must be at least 1");
  }
  if (http2.resets == 0) problems.push_back("http2.resets must be at least 1");
  if (http2.idle_frames == 0) problems.push_back("http2.idle_frames must be at least 1");
}

}  // namespace

ListenConfig ListenConfig::from(const ListenOptions& options, std::vector<std::string>& problems) {
  ListenConfig config;
  config.limits = options.limits;
  config.head_limits.target = options.limits.target;
  config.head_limits.section = {options.limits.header_bytes, options.limits.header_fields};
  if (options.client_field == ClientField::forwarded) config.client_field = Field::forwarded;
  config.http2 = options.http2;
  check_http2(options.http2, problems);
  config.encoded_slash = options.encoded_slash;
  config.unix_mode = options.unix_mode;
  if (options.unix_mode.value_or(0) > 0777) {
    problems.push_back("unix_mode must hold permissions alone, 0 to 0777");
  }
  check_limits(options.limits, problems);
  if (options.tls) {
    config.tls = std::make_shared<TlsServer>(*options.tls, options.http2.enabled, problems);
  }
  config.trust(options.trusted_proxies, problems);
  config.proxy_protocol = options.proxy_protocol;
  if (options.proxy_protocol && options.trusted_proxies.empty()) {
    problems.push_back("proxy_protocol needs trusted_proxies: nobody else's header is believed");
  }
  return config;
}

void ListenConfig::trust(const std::vector<std::string>& proxies,
                         std::vector<std::string>& problems) {
  for (const std::string& text : proxies) {
    const std::optional<Cidr> block = Cidr::parse(text);
    if (block) {
      trusted_proxies.push_back(*block);
    } else if (text == "unix") {
      trusts_unix = true;
    } else {
      problems.push_back(
          fmt::format("trusted_proxies: '{}' is neither an address nor a CIDR block", text));
    }
  }
}

bool ListenConfig::trusts(const Peer& peer) const noexcept {
  return peer.has_address() ? trusts(peer.ip()) : trusts_unix;
}

bool ListenConfig::believes(const Peer& peer) const noexcept {
  return trusts(peer) && (peer.has_address() || !proxy_protocol);
}

bool ListenConfig::trusts(const IpAddress& address) const noexcept {
  return std::any_of(trusted_proxies.begin(), trusted_proxies.end(),
                     [&address](const Cidr& block) { return block.contains(address); });
}

}  // namespace gatewaykit::server
