// SPDX-License-Identifier: Apache-2.0
#include "middleware/origin_set.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <optional>

#include "gatewaykit/http/address.hpp"
#include "http/scan.hpp"

namespace gatewaykit {

namespace {

constexpr std::string_view kSchemeEnd = "://";

bool is_scheme(std::string_view text) noexcept {
  constexpr std::string_view kMarks = "+-.";
  return !text.empty() && is_alpha(text.front()) &&
         std::all_of(text.begin(), text.end(), [kMarks](char c) {
           return is_alpha(c) || is_digit(c) || kMarks.find(c) != std::string_view::npos;
         });
}

/// Labels of letters, digits, '-' and '_', none of them empty. Names beyond ASCII travel as such.
bool is_host_name(std::string_view text) noexcept {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  if (text.find("..") != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
  });
}

bool is_host(std::string_view text) noexcept {
  if (!text.starts_with('[')) return is_host_name(text);
  if (!text.ends_with(']')) return false;
  const auto address = IpAddress::parse(text.substr(1, text.size() - 2));
  return address && text.find(':') != std::string_view::npos;
}

std::optional<std::uint16_t> port_of(std::string_view digits) noexcept {
  std::uint16_t port = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, failure] = std::from_chars(digits.data(), end, port);
  if (failure != std::errc() || stop != end || port == 0) return std::nullopt;
  return port;
}

bool is_default_port(std::string_view scheme, std::uint16_t port) noexcept {
  return (scheme == "https" && port == 443) || (scheme == "http" && port == 80);
}

/// An origin as its parts; nothing where the text is no origin. The views lie in `text`.
struct Parts {
  std::string_view scheme;
  std::string_view host;
  std::optional<std::uint16_t> port;
};

std::optional<Parts> split(std::string_view text) noexcept {
  const std::size_t scheme_end = text.find(kSchemeEnd);
  if (scheme_end == std::string_view::npos) return std::nullopt;
  Parts parts;
  parts.scheme = text.substr(0, scheme_end);
  parts.host = text.substr(scheme_end + kSchemeEnd.size());
  if (!is_scheme(parts.scheme)) return std::nullopt;

  const std::size_t colon = parts.host.rfind(':');
  if (colon == std::string_view::npos || parts.host.ends_with(']')) return parts;
  parts.port = port_of(parts.host.substr(colon + 1));
  if (!parts.port) return std::nullopt;
  parts.host = parts.host.substr(0, colon);
  if (is_default_port(parts.scheme, *parts.port)) parts.port.reset();
  return parts;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), to_lower);
  return result;
}

}  // namespace

bool OriginSet::add(std::string_view given) {
  const std::string origin = lower(given);
  if (origin == "*") return allows_all_ = true;
  std::string text = origin;
  if (origin != "null") {
    const std::optional<Parts> parts = split(origin);
    if (!parts) return false;
    const std::string before = std::string(parts->scheme) + std::string(kSchemeEnd);
    const std::string port = parts->port ? ":" + std::to_string(*parts->port) : std::string();
    if (parts->host.starts_with("*.")) {
      const std::string_view name = parts->host.substr(1);
      if (!is_host_name(name.substr(1))) return false;
      wildcards_.push_back({before, std::string(name) + port});
      return true;
    }
    if (!is_host(parts->host)) return false;
    text = before + std::string(parts->host) + port;
  }
  exact_.insert(std::lower_bound(exact_.begin(), exact_.end(), text), text);
  return true;
}

bool OriginSet::contains(std::string_view origin) const noexcept {
  if (allows_all_) return true;
  if (std::binary_search(exact_.begin(), exact_.end(), origin, std::less<>())) return true;
  return std::any_of(wildcards_.begin(), wildcards_.end(), [origin](const Wildcard& wildcard) {
    const auto& [before, behind] = wildcard;
    if (origin.size() <= before.size() + behind.size()) return false;
    if (!origin.starts_with(before) || !origin.ends_with(behind)) return false;
    // Whole labels and nothing else: no "user@", no port in front of the name.
    const std::size_t size = origin.size() - before.size() - behind.size();
    return is_host_name(origin.substr(before.size(), size));
  });
}

}  // namespace gatewaykit
