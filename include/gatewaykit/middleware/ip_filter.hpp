// SPDX-License-Identifier: Apache-2.0
// ip_filter: lets requests pass by the address that they come from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gatewaykit/export.hpp"
#include "gatewaykit/routing/middleware.hpp"

namespace gatewaykit {

struct IpFilterOptions {
  /// Addresses and CIDR blocks, such as "10.0.0.0/8" or "2001:db8::1". Where there is any, all
  /// others are refused.
  std::vector<std::string> allow = {};
  /// Refused, whether or not they are allowed too.
  std::vector<std::string> deny = {};
  /// Whose address: the client's as trusted proxies tell it, or that of the socket's own peer.
  enum class Of : std::uint8_t { client, peer };
  Of of = Of::client;
  /// Who has no address (a Unix-domain socket, an in-process call) passes a list to allow, too. A
  /// list to deny never concerns them.
  bool allow_unix = false;
};

/// Answers 403 to those who may not pass. IPv4-mapped IPv6 addresses count as the IPv4 addresses
/// that they mean. However long the lists are, a look-up takes a few steps.
///
/// Throws ConfigError that names every entry which is none, and where there is no entry at all: a
/// list that was lost must not open the gates.
GATEWAYKIT_EXPORT MiddlewarePtr ip_filter(IpFilterOptions options);

}  // namespace gatewaykit
