// SPDX-License-Identifier: Apache-2.0
#include "upstream/target_url.hpp"

#include <charconv>

namespace gatewaykit::upstream {

namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

Error wrong(std::string_view what) {
  return Error(Errc::invalid_config, Origin::gateway, std::string(what));
}

bool is_name_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

bool is_host_name(std::string_view host) noexcept {
  constexpr std::size_t kLongestName = 253;  // RFC 1035 section 2.3.4.
  if (host.empty() || host.size() > kLongestName) return false;
  for (const char c : host) {
    if (!is_name_character(c)) return false;
  }
  return host.front() != '.' && host.front() != '-';
}

/// An address with a typing mistake must not be looked up as a name.
bool looks_like_an_address(std::string_view host) noexcept {
  return host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || rest != end || port == 0) return std::nullopt;
  return port;
}

/// Splits "HOST:PORT", HOST perhaps in brackets. The port is empty where there is none.
struct HostAndPort {
  std::string_view host;
  std::string_view port;
  bool has_port = false;
  bool is_bracketed = false;
};

std::optional<HostAndPort> split(std::string_view text) noexcept {
  HostAndPort result;
  std::string_view rest = text;
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    result.is_bracketed = true;
    result.host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return std::nullopt;
  } else {
    const std::size_t colon = text.find(':');
    result.host = text.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  result.has_port = !rest.empty();
  if (result.has_port) result.port = rest.substr(1);
  return result;
}

Result<TargetUrl> parse_http(std::string_view text, std::string_view rest, bool is_secure) {
  const std::uint16_t default_port = is_secure ? kHttpsPort : kHttpPort;
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#") != std::string_view::npos) {
    return wrong("has a path, query or fragment, which a target cannot have");
  }
  if (rest.find('@') != std::string_view::npos) return wrong("has user information");
  const std::optional<HostAndPort> parts = split(rest);
  if (!parts) return wrong("has an IPv6 address without its closing bracket");

  TargetUrl url;
  url.text = text;
  url.is_secure = is_secure;
  url.port = default_port;
  if (parts->has_port) {
    const std::optional<std::uint16_t> port = parse_port(parts->port);
    if (!port) return wrong("has a port that is not a number from 1 to 65535");
    url.port = *port;
  }
  url.address = IpAddress::parse(parts->host);
  if (parts->is_bracketed && (!url.address || parts->host.find(':') == std::string_view::npos)) {
    return wrong("has something in brackets that is not an IPv6 address");
  }
  if (!url.address) {
    if (!is_host_name(parts->host) || looks_like_an_address(parts->host)) {
      return wrong("has no valid host");
    }
    url.host = parts->host;
  }
  url.authority =
      parts->is_bracketed ? "[" + std::string(parts->host) + "]" : std::string(parts->host);
  if (url.port != default_port) url.authority += ":" + std::to_string(url.port);
  return url;
}

}  // namespace

Result<TargetUrl> TargetUrl::parse(std::string_view text) {
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kHttps = "https://";
  constexpr std::string_view kUnix = "unix:";
  constexpr std::string_view kMemory = "memory:";
  if (text.starts_with(kHttp)) return parse_http(text, text.substr(kHttp.size()), false);
  if (text.starts_with(kHttps)) return parse_http(text, text.substr(kHttps.size()), true);

  TargetUrl url;
  url.text = text;
  if (text.starts_with(kUnix)) {
    url.path = text.substr(kUnix.size());
    if (url.path.empty() || url.path.front() != '/') return wrong("has no absolute path");
    url.authority = "localhost";
    return url;
  }
  if (text.starts_with(kMemory)) {
    url.path = text;
    url.authority = text.substr(kMemory.size());
    if (!is_host_name(url.authority)) return wrong("has no valid name");
    return url;
  }
  return wrong("is not of the form http://HOST[:PORT], https://HOST[:PORT] or unix:PATH");
}

}  // namespace gatewaykit::upstream
