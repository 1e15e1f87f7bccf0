// SPDX-License-Identifier: Apache-2.0
#include "routing/host_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "http/scan.hpp"

namespace gatewaykit::routing {
namespace {

constexpr std::size_t kMaxHostSize = 253;  // RFC 1035 section 2.3.4, without the final dot.
constexpr std::size_t kMaxPortSize = 6;    // ":65535"

bool is_port(std::string_view port) {
  unsigned value = 0;
  for (const char c : port.substr(1)) {
    if (!is_digit(c)) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return port.size() > 1 && port.size() <= kMaxPortSize && port[1] != '0' && value <= 65535;
}

/// Bracketed, and made of what an address of RFC 4291 is written with. Compared as text.
bool is_ipv6_literal(std::string_view host) {
  return host.size() > 2 && host.front() == '[' && host.back() == ']' &&
         std::all_of(host.begin() + 1, host.end() - 1,
                     [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; });
}

/// Labels of letters, digits, '-' and '_', none of them empty.
bool is_name(std::string_view host) {
  if (host.empty() || host.size() > kMaxHostSize || host.front() == '.' || host.back() == '.') {
    return false;
  }
  return host.find("..") == std::string_view::npos &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
         });
}

}  // namespace

HostSet::Authority HostSet::split(std::string_view authority) noexcept {
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) {
    return {authority, {}};
  }
  return {authority.substr(0, colon), authority.substr(colon)};
}

std::optional<HostId> HostSet::add(std::string_view pattern, std::vector<std::string>& problems) {
  if (pattern.empty() || pattern == "*") return kAnyHost;
  const Authority authority = split(pattern);
  const bool suffix = pattern.starts_with("*.");
  const std::string_view name = suffix ? authority.host.substr(2) : authority.host;
  if (!is_name(name) && (suffix || !is_ipv6_literal(name))) {
    problems.push_back(fmt::format(
        "{} is no host: write example.com, *.example.com, an IP address ([::1]) or an A-label "
        "(xn--...), with or without a port",
        pattern));
    return std::nullopt;
  }
  if (!authority.port.empty() && !is_port(authority.port)) {
    problems.push_back(fmt::format("the port in {} is no number from 1 to 65535", pattern));
    return std::nullopt;
  }
  std::string key(pattern.substr(suffix ? 1 : 0));
  lower(key);
  if (suffix) longest_suffix_ = std::max(longest_suffix_, name.size() + 1);
  if (words_.empty()) words_.push_back(0);  // No host's id is kAnyHost.
  const auto [entry, fresh] = ids_.try_emplace(key, static_cast<HostId>(words_.size()));
  if (fresh) {
    words_.push_back(static_cast<std::uint32_t>(key.size()));
    const std::size_t at = words_.size();
    words_.resize(at + (key.size() + 3) / 4);
    std::memcpy(&words_[at], key.data(), key.size());
  }
  return entry->second;
}

void HostSet::seal() {
  words_.shrink_to_fit();
  index_.reserve(ids_.size());
  for (const auto& [host, id] : ids_) index_.insert(HashIndex::key(0, hash_text(host)), id);
  ids_ = {};
}

std::string_view HostSet::text(HostId id) const noexcept {
  return {reinterpret_cast<const char*>(&words_[id + 1]), words_[id]};
}

std::string HostSet::pattern(HostId id) const {
  if (id == kAnyHost) return {};
  const std::string_view host = text(id);
  return (host.starts_with('.') ? "*" : "") + std::string(host);
}

HostIds HostSet::resolve(std::string_view authority) const noexcept {
  HostIds ids;
  if (!words_.empty()) add_named(ids, split(authority));
  ids.add(kAnyHost);
  return ids;
}

void HostSet::add_named(HostIds& ids, Authority authority) const noexcept {
  auto [name, port] = authority;
  if (name.ends_with('.')) name.remove_suffix(1);  // The same name, spelled in full.
  if (name.size() > kMaxHostSize || port.size() > kMaxPortSize) return;
  std::array<char, kMaxHostSize + kMaxPortSize> lower;
  char* const name_end = std::transform(name.begin(), name.end(), lower.data(), to_lower);
  std::copy(port.begin(), port.end(), name_end);
  const std::string_view host(lower.data(), name.size() + port.size());

  // A leading dot is no label, hence neither a name of its own nor the start of a suffix.
  if (!host.starts_with('.')) add_if_named(ids, host, port.size());
  for (std::size_t dot = host.find('.', 1); dot < name.size(); dot = host.find('.', dot + 1)) {
    if (name.size() - dot <= longest_suffix_) add_if_named(ids, host.substr(dot), port.size());
  }
}

void HostSet::add_if_named(HostIds& ids, std::string_view host,
                           std::size_t port_size) const noexcept {
  const auto look_up = [&](std::string_view key) {
    const HostId id = index_.find(HashIndex::key(0, hash_text(key)),
                                  [&](HostId candidate) { return text(candidate) == key; });
    if (id != HashIndex::kNone) ids.add(id);
  };
  if (port_size > 0) look_up(host);
  look_up(host.substr(0, host.size() - port_size));
}

std::size_t HostSet::bytes() const noexcept {
  return words_.capacity() * sizeof(std::uint32_t) + index_.bytes();
}

}  // namespace gatewaykit::routing
