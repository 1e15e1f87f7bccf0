// SPDX-License-Identifier: Apache-2.0
#include "server/client_fields.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace gatewaykit::server {

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

/// `prefix` is in lower case. Underscores are read as hyphens, as CGI does.
bool starts_with(std::string_view name, std::string_view prefix) noexcept {
  const auto is_same = [](char a, char b) { return a == (b == '_' ? '-' : lower(b)); };
  return name.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), name.begin(), is_same);
}

bool is_known_with_hyphens(std::string_view name) noexcept {
  std::array<char, 32> hyphenated{};
  if (name.size() > hyphenated.size()) return false;
  std::replace_copy(name.begin(), name.end(), hyphenated.begin(), '_', '-');
  return field_of({hyphenated.data(), name.size()}) != Field::other;
}

/// The gateway's own fields, a proxy's, and those in which proxies tell of a client's certificate:
/// RFC 9440, and what was in use before it.
bool is_of_untrusted_family(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 6> kX = {"x-gk-",  "x-forwarded-",    "x-client-cert",
                                                  "x-ssl-", "x-client-verify", "x-amzn-mtls-"};
  const auto begins_name = [name](std::string_view prefix) { return starts_with(name, prefix); };
  switch (lower(name.front())) {
    case 'x':
      return std::any_of(kX.begin(), kX.end(), begins_name);
    case 'c':
      return starts_with(name, "client-cert");
    case 's':
      return starts_with(name, "ssl-client-");
    default:
      return false;
  }
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
  if (is_of_untrusted_family(line.name)) return true;
  return line.name.find('_') != std::string_view::npos && is_known_with_hyphens(line.name);
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
    if (end + 1 < node.size() && node[end + 1] != ':') return std::nullopt;
    return IpAddress::parse(node.substr(1, end - 1));
  }
  if (std::count(node.begin(), node.end(), ':') == 1) node = node.substr(0, node.find(':'));
  return IpAddress::parse(node);
}

/// Whether the byte at `at` stands behind a backslash that is not itself escaped.
bool is_escaped(std::string_view text, std::size_t at) noexcept {
  std::size_t first = at;
  while (first > 0 && text[first - 1] == '\\') --first;
  return (at - first) % 2 == 1;
}

/// Takes the last part off `list`, with the separator before it. A separator in quotes is none: a
/// proxy quotes what a client chose (`host="a,b;c"`). Read from the right, where the proxy next to
/// us wrote: how that is understood must not depend on what a client wrote before it. Empty where
/// quotes do not match.
std::string_view take_last(std::string_view& list, char separator) noexcept {
  bool is_quoted = false;
  std::size_t begin = list.size();
  while (begin > 0 && (is_quoted || list[begin - 1] != separator)) {
    --begin;
    if (list[begin] == '"' && !(is_quoted && is_escaped(list, begin))) is_quoted = !is_quoted;
  }
  const std::string_view part = list.substr(begin);
  list = list.substr(0, begin > 0 ? begin - 1 : 0);
  return is_quoted ? std::string_view() : part;
}

/// The value of the `for` parameter of one element of Forwarded; the element of the other field.
std::string_view node_of(std::string_view element, bool is_forwarded) noexcept {
  if (!is_forwarded) return element;
  while (!element.empty()) {
    const std::string_view pair = trim(take_last(element, ';'));
    if (starts_with(pair, "for=")) return pair.substr(4);
  }
  return {};
}

}  // namespace

void remove_untrusted_fields(Headers& headers) { headers.remove_if(&is_untrusted); }

void remove_disbelieved_field(Headers& headers, const ListenConfig& config) {
  const bool is_forwarded = config.client_field == Field::forwarded;
  const Field other = is_forwarded ? Field::x_forwarded_for : Field::forwarded;
  headers.remove_if([other](const FieldLine& line) { return line.field == other; });
}

std::optional<IpAddress> resolve_client(const Headers& headers, const ListenConfig& config) {
  const Field field = config.client_field;
  const bool is_forwarded = field == Field::forwarded;
  std::optional<IpAddress> client;
  for (std::size_t line = headers.size(); line-- > 0;) {
    if (headers[line].field != field) continue;
    std::string_view rest = headers[line].value;
    while (!rest.empty()) {
      const std::string_view element = take_last(rest, ',');
      const std::optional<IpAddress> node = parse_node(node_of(element, is_forwarded));
      if (!node) return client;  // Beyond a name that says nothing, nothing can be believed.
      client = node;
      if (!config.trusts(*node)) return client;
    }
  }
  return client;
}

}  // namespace gatewaykit::server
