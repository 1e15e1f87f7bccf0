// SPDX-License-Identifier: Apache-2.0
#include "server/client_fields.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace gatewaykit::server {

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), text.begin(),
                                                    [](char a, char b) { return a == lower(b); });
}

bool is_known_with_hyphens(std::string_view name) noexcept {
  std::array<char, 32> hyphenated{};
  if (name.size() > hyphenated.size()) return false;
  std::replace_copy(name.begin(), name.end(), hyphenated.begin(), '_', '-');
  return field_of({hyphenated.data(), name.size()}) != Field::other;
}

bool is_untrusted(const FieldLine& line) noexcept {
  switch (line.field) {
    case Field::forwarded:
    case Field::x_forwarded_for:
    case Field::x_forwarded_host:
    case Field::x_forwarded_port:
    case Field::x_forwarded_prefix:
    case Field::x_forwarded_proto:
    case Field::x_http_method_override:
    case Field::x_original_url:
    case Field::x_real_ip:
    case Field::x_rewrite_url:
      return true;
    case Field::other:
      break;
    default:
      return false;
  }
  if (lower(line.name.front()) == 'x' && (starts_with_ignoring_case(line.name, "x-gk-") ||
                                          starts_with_ignoring_case(line.name, "x-forwarded-"))) {
    return true;
  }
  return line.name.find('_') != std::string_view::npos &&
         (is_known_with_hyphens(line.name) || starts_with_ignoring_case(line.name, "x_gk_") ||
          starts_with_ignoring_case(line.name, "x_forwarded_"));
}

std::string_view trim(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]:80", with or without quotes (RFC 7239 section 6).
std::optional<IpAddress> parse_node(std::string_view node) noexcept {
  node = trim(node);
  if (node.size() >= 2 && node.front() == '"' && node.back() == '"') {
    node = node.substr(1, node.size() - 2);
  }
  if (!node.empty() && node.front() == '[') {
    const std::size_t end = node.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    return IpAddress::parse(node.substr(1, end - 1));
  }
  if (std::count(node.begin(), node.end(), ':') == 1) node = node.substr(0, node.find(':'));
  return IpAddress::parse(node);
}

/// The value of the `for` parameter of one element of Forwarded; the element of the other field.
std::string_view node_of(std::string_view element, bool is_forwarded) noexcept {
  if (!is_forwarded) return element;
  while (!element.empty()) {
    const std::size_t end = std::min(element.find(';'), element.size());
    const std::string_view pair = trim(element.substr(0, end));
    if (starts_with_ignoring_case(pair, "for=")) return pair.substr(4);
    element.remove_prefix(std::min(end + 1, element.size()));
  }
  return {};
}

}  // namespace

void remove_untrusted_fields(Headers& headers) { headers.remove_if(&is_untrusted); }

std::optional<IpAddress> resolve_client(const Headers& headers, const ListenConfig& config) {
  const bool is_forwarded = headers.contains(Field::forwarded);
  const Field field = is_forwarded ? Field::forwarded : Field::x_forwarded_for;
  std::optional<IpAddress> client;
  for (std::size_t line = headers.size(); line-- > 0;) {
    if (headers[line].field != field) continue;
    std::string_view rest = headers[line].value;
    while (!rest.empty()) {
      const std::size_t comma = rest.rfind(',');
      const std::size_t begin = comma == std::string_view::npos ? 0 : comma + 1;
      const std::optional<IpAddress> node = parse_node(node_of(rest.substr(begin), is_forwarded));
      if (!node) return client;  // Beyond a name that says nothing, nothing can be believed.
      client = node;
      const bool is_proxy =
          std::any_of(config.trusted_proxies.begin(), config.trusted_proxies.end(),
                      [&node](const Cidr& block) { return block.contains(*node); });
      if (!is_proxy) return client;
      rest = rest.substr(0, comma == std::string_view::npos ? 0 : comma);
    }
  }
  return client;
}

}  // namespace gatewaykit::server
