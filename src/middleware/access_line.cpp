// SPDX-License-Identifier: Apache-2.0
#include "middleware/access_line.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "gatewaykit/middleware/request_id.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/upstream/upstream_pool.hpp"
#include "http/scan.hpp"
#include "observe/json_line.hpp"

namespace gatewaykit {

namespace {

using observe::JsonLine;

// Limits of the escaped text.
constexpr std::size_t kMethodLimit = 64;
constexpr std::size_t kTargetLimit = 4096;
constexpr std::size_t kHostLimit = 512;
constexpr std::size_t kRouteLimit = 1024;
constexpr std::size_t kUserAgentLimit = 1024;
constexpr std::size_t kDetailLimit = 512;
constexpr std::size_t kNameLimit = 256;   // An id, an address, a pool.
constexpr std::size_t kFixedSize = 1024;  // Names, numbers, the time.
static_assert(kMethodLimit + kTargetLimit + kHostLimit + kRouteLimit + kUserAgentLimit +
                  kDetailLimit + 4 * kNameLimit + 10 * JsonLine::kStringExtra + kFixedSize +
                  JsonLine::kSlack <=
              AccessLine::kMaxSize);

constexpr std::size_t kLongestName = 63;  // So that sizes fit a word of bits.

/// `,"name":` is passed whole: one copy.
template <std::size_t N>
void add(JsonLine& line, const char (&name)[N], std::string_view value, std::size_t limit) {
  line.raw(name);
  line.string(value, limit);
}

template <std::size_t N>
void add(JsonLine& line, const char (&name)[N], std::uint64_t value) {
  line.raw(name);
  line.number(value);
}

template <std::size_t N>
void add(JsonLine& line, const char (&name)[N], Duration value) {
  line.raw(name);
  line.seconds(value);
}

void add_upstream(JsonLine& line, const UpstreamReport& report) {
  add(line, R"(,"pool":)", report.pool, kNameLimit);
  add(line, R"(,"upstream":)", report.target, kNameLimit);
  add(line, R"(,"attempts":)", report.attempts);
  add(line, R"(,"upstream_time":)", report.head_time);
}

void add_error(JsonLine& line, const Error& error) {
  add(line, R"(,"error":)", to_string(error.code), kNameLimit);
  add(line, R"(,"error_origin":)", to_string(error.origin), kNameLimit);
  if (!error.detail.empty()) add(line, R"(,"error_detail":)", error.detail, kDetailLimit);
}

}  // namespace

AccessLine::AccessLine(std::vector<std::string> redact) : redact_(std::move(redact)) {
  for (std::string& name : redact_) {
    lower(name);
    if (name.size() <= kLongestName) sizes_ |= std::uint64_t{1} << name.size();
  }
}

char* AccessLine::write(char* to, std::string_view time, const Context& ctx,
                        const Outcome& outcome) const {
  const Request& request = ctx.request();
  JsonLine line(to);
  add(line, R"({"time":)", time, time.size());
  if (const RequestId* const id = ctx.get<RequestId>()) {
    add(line, R"(,"id":)", id->value, kNameLimit);
  }
  add(line, R"(,"client":)", ctx.client().text(), kNameLimit);
  add(line, R"(,"method":)", request.method.name(), kMethodLimit);
  line.raw(R"(,"target":)");
  write_target(line, request.target);
  if (!request.authority.empty()) add(line, R"(,"host":)", request.authority, kHostLimit);
  if (!ctx.route().empty()) add(line, R"(,"route":)", ctx.route(), kRouteLimit);
  add(line, R"(,"status":)", static_cast<std::uint64_t>(code(outcome.status)));
  add(line, R"(,"bytes_in":)", outcome.bytes_in);
  add(line, R"(,"bytes_out":)", outcome.bytes_out);
  add(line, R"(,"duration":)", outcome.duration);
  if (const auto* const report = ctx.get<UpstreamReport>()) add_upstream(line, *report);
  if (outcome.error != nullptr) add_error(line, *outcome.error);
  if (const auto agent = request.headers.get(Field::user_agent)) {
    add(line, R"(,"user_agent":)", *agent, kUserAgentLimit);
  }
  line.raw("}\n");
  return line.end();
}

char* AccessLine::write_dropped(char* to, std::string_view time, std::uint64_t lines) {
  JsonLine line(to);
  add(line, R"({"time":)", time, time.size());
  add(line, R"(,"dropped":)", lines);
  line.raw("}\n");
  return line.end();
}

void AccessLine::write_target(JsonLine& line, std::string_view target) const {
  line.begin_string(kTargetLimit);
  const std::size_t question = target.find('?');
  line.append(target.substr(0, question));
  std::string_view query;
  if (question != std::string_view::npos) query = target.substr(question);
  // Each parameter is led by the '?' or the '&' in front of it.
  while (!query.empty()) {
    const std::string_view parameter = query.substr(0, query.find_first_of("&;", 1));
    query.remove_prefix(parameter.size());
    const std::size_t equals = parameter.find('=');
    if (equals != std::string_view::npos && is_secret(parameter.substr(1, equals - 1))) {
      line.append(parameter.substr(0, equals + 1));
      line.append("***");
    } else {
      line.append(parameter);
    }
  }
  line.end_string();
}

/// `name` as it stands in the query, perhaps with escapes that hide what it is.
bool AccessLine::is_secret(std::string_view name) const noexcept {
  std::array<char, kLongestName> lower;
  std::size_t size = 0;
  for (std::size_t i = 0; i < name.size(); ++i, ++size) {
    if (size == lower.size()) return false;
    char c = name[i];
    if (c == '%' && i + 2 < name.size() && hex_value(name[i + 1]) >= 0 &&
        hex_value(name[i + 2]) >= 0) {
      c = static_cast<char>(hex_value(name[i + 1]) * 16 + hex_value(name[i + 2]));
      i += 2;
    }
    lower[size] = to_lower(c);
  }
  if ((sizes_ >> size & 1) == 0) return false;
  const std::string_view key(lower.data(), size);
  return std::find(redact_.begin(), redact_.end(), key) != redact_.end();
}

}  // namespace gatewaykit
