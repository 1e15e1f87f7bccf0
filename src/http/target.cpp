// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/http/target.hpp"

#include <algorithm>

#include "gatewaykit/http/address.hpp"
#include "http/scan.hpp"

namespace gatewaykit {

namespace {

constexpr bool is_unreserved(char c) noexcept {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

constexpr bool is_visible(char c) noexcept { return c >= 0x21 && c < 0x7f; }

// Bytes of a path that may be copied as they are, whatever stands around them.
constexpr auto kPlainPathTable = scan_detail::make_table(
    [](char c) { return is_visible(c) && !scan_detail::among("/%\\?#;", c); });

Error refused(const char* why) { return Error(Errc::bad_message, Origin::client, why); }

/// The length of the path at the front of `rest` if it is in normal form already, else npos.
/// A semicolon counts as a deviation: its segment has to be looked at.
std::size_t normal_path_size(std::string_view rest) noexcept {
  std::size_t at = 0;
  bool begins_segment = false;
  for (; at < rest.size(); ++at) {
    const char c = rest[at];
    if (c == '/') {
      if (begins_segment) return std::string_view::npos;
      begins_segment = true;
      continue;
    }
    if (c == '?') break;
    if (!kPlainPathTable[static_cast<unsigned char>(c)] || (c == '.' && begins_segment)) {
      return std::string_view::npos;
    }
    begins_segment = false;
  }
  return at;
}

bool is_query(std::string_view query) noexcept {
  const char* const end = query.data() + query.size();
  return find_visible_end(query.data(), end) == end && query.find('#') == std::string_view::npos;
}

constexpr bool is_dots(std::string_view segment) noexcept {
  return segment == "." || segment == "..";
}

/// With `%2F` kept: whether a target that decodes it would see a dot segment.
bool hides_dots(std::string_view segment) noexcept {
  for (;;) {
    const std::size_t slash = segment.find("%2F");
    const std::string_view part = segment.substr(0, slash);
    if (is_dots(part.substr(0, part.find(';')))) return true;
    if (slash == std::string_view::npos) return false;
    segment.remove_prefix(slash + 3);
  }
}

/// Writes a path in normal form, segment by segment.
class PathWriter {
 public:
  PathWriter(String& to, EncodedSlash encoded_slash) noexcept
      : to_(to), encoded_slash_(encoded_slash) {}

  /// Null, or what is wrong with the path, which is empty or begins with a slash.
  const char* write(std::string_view path);

 private:
  const char* write_segment(std::string_view raw);
  const char* write_escape(std::string_view raw, std::size_t at);
  const char* end_segment(std::size_t begin, bool is_last);

  String& to_;
  EncodedSlash encoded_slash_;
};

const char* PathWriter::write(std::string_view path) {
  to_.push_back('/');
  std::size_t at = std::min<std::size_t>(1, path.size());
  for (;;) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    const std::size_t begin = to_.size();
    if (const char* why = write_segment(path.substr(at, slash - at))) return why;
    if (const char* why = end_segment(begin, slash == path.size())) return why;
    if (slash == path.size()) return nullptr;
    at = slash + 1;
  }
}

const char* PathWriter::write_segment(std::string_view raw) {
  for (std::size_t at = 0; at < raw.size(); ++at) {
    const char c = raw[at];
    if (c == '%') {
      if (const char* why = write_escape(raw, at)) return why;
      at += 2;
      continue;
    }
    if (!is_visible(c)) return "the path holds a character that must be encoded";
    if (c == '\\') return "the path holds a backslash";
    if (c == '#') return "the target has a fragment";
    to_.push_back(c);
  }
  return nullptr;
}

const char* PathWriter::write_escape(std::string_view raw, std::size_t at) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const int high = at + 2 < raw.size() ? hex_value(raw[at + 1]) : -1;
  const int low = at + 2 < raw.size() ? hex_value(raw[at + 2]) : -1;
  if (high < 0 || low < 0) return "the path holds a malformed escape";
  const int byte = high * 16 + low;
  if (byte < 0x20 || byte == 0x7f) return "the path holds an encoded control character";
  if (byte == '\\') return "the path holds an encoded backslash";
  if (byte == '/' && encoded_slash_ == EncodedSlash::reject) {
    return "the path holds an encoded slash";
  }
  if (byte < 0x80 && is_unreserved(static_cast<char>(byte))) {
    to_.push_back(static_cast<char>(byte));
    return nullptr;
  }
  to_.push_back('%');
  to_.push_back(kHex[static_cast<std::size_t>(high)]);
  to_.push_back(kHex[static_cast<std::size_t>(low)]);
  return nullptr;
}

/// The segment from `begin` on is written and decoded: now it shows what it is.
const char* PathWriter::end_segment(std::size_t begin, bool is_last) {
  const std::string_view segment = std::string_view(to_).substr(begin);
  if (is_dots(segment)) {
    const bool is_up = segment.size() == 2;
    to_.resize(begin);
    if (is_up && begin > 1) to_.resize(to_.rfind('/', begin - 2) + 1);
    return nullptr;
  }
  if (segment.empty()) return nullptr;
  if (segment.front() == ';') return "a path segment holds nothing but parameters";
  if (hides_dots(segment)) return "a path segment hides a dot segment";
  if (!is_last) to_.push_back('/');
  return nullptr;
}

bool is_host_name(std::string_view host) noexcept {
  for (const char c : host) {
    if (!is_unreserved(c)) return false;
  }
  return !host.empty();
}

bool is_ipv6_literal(std::string_view host) noexcept {
  if (host.size() < 4 || host.back() != ']') return false;
  const std::string_view address = host.substr(1, host.size() - 2);
  return address.find(':') != std::string_view::npos && IpAddress::parse(address).has_value();
}

std::optional<std::uint16_t> parse_port(std::string_view digits) noexcept {
  if (digits.empty() || digits.size() > 5) return std::nullopt;
  unsigned port = 0;
  for (const char c : digits) {
    if (!is_digit(c)) return std::nullopt;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  if (port == 0 || port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

}  // namespace

std::optional<TargetParts> split_target(std::string_view raw) noexcept {
  using Form = TargetParts::Form;
  if (raw.empty()) return std::nullopt;
  if (raw.front() == '/') return TargetParts{Form::origin, {}, raw};
  if (raw == "*") return TargetParts{Form::asterisk, {}, raw};
  const std::size_t colon = raw.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view scheme = raw.substr(0, colon);
  if (!equals_lower(scheme, "http") && !equals_lower(scheme, "https")) return std::nullopt;
  const std::string_view behind = raw.substr(colon + 3);
  const std::size_t end = std::min(behind.find_first_of("/?#"), behind.size());
  return TargetParts{Form::absolute, behind.substr(0, end), behind.substr(end)};
}

Result<NormalisedTarget> normalise_target(std::string_view raw, EncodedSlash encoded_slash) {
  const std::optional<TargetParts> parts = split_target(raw);
  if (!parts) return refused("the target is no path");
  NormalisedTarget target;
  std::string_view rest = parts->rest;
  if (parts->form == TargetParts::Form::asterisk) {
    target.text = rest;
    target.path_size = rest.size();
    return target;
  }
  const std::size_t path_size = std::min(rest.find('?'), rest.size());
  const std::string_view query = rest.substr(path_size);
  if (!is_query(query)) return refused("the query holds a character that must be encoded");
  if (path_size != 0 && normal_path_size(rest) == path_size) {
    target.text = rest;
    target.path_size = path_size;
    return target;
  }
  if (path_size != 0 && rest.front() != '/') return refused("the target has a fragment");
  target.text.reserve(rest.size() + 1);
  if (const char* why = PathWriter(target.text, encoded_slash).write(rest.substr(0, path_size))) {
    return refused(why);
  }
  target.path_size = target.text.size();
  target.text += query;
  return target;
}

std::optional<Authority> parse_authority(std::string_view text) noexcept {
  constexpr std::size_t kMaxSize = 255 + 6;
  if (text.empty() || text.size() > kMaxSize) return std::nullopt;
  const bool is_literal = text.front() == '[';
  const std::size_t host_size =
      is_literal ? text.find(']') + 1 : std::min(text.find(':'), text.size());
  Authority authority{text.substr(0, host_size), std::nullopt};
  if (!(is_literal ? is_ipv6_literal(authority.host) : is_host_name(authority.host))) {
    return std::nullopt;
  }
  if (host_size == text.size()) return authority;
  if (text[host_size] != ':') return std::nullopt;
  authority.port = parse_port(text.substr(host_size + 1));
  if (!authority.port) return std::nullopt;
  return authority;
}

}  // namespace gatewaykit
