// SPDX-License-Identifier: Apache-2.0
// TargetUrl: what the URL of an upstream target means, checked once while wiring: where to dial and
// which authority to name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gatewaykit/core/result.hpp"
#include "gatewaykit/http/address.hpp"

namespace gatewaykit::upstream {

/// "http://HOST[:PORT]" or "https://HOST[:PORT]" (HOST a name, an IPv4 address or "[v6]"),
/// "unix:/PATH", or "memory:NAME" for the test kit's connector.
struct TargetUrl {
  /// Fails with invalid_config; the detail says what is wrong with `text`, without naming it.
  static Result<TargetUrl> parse(std::string_view text);

  std::string text;       ///< As it was given: the target's name in logs.
  std::string authority;  ///< Host where the request brings none: without the default port.
  std::string host;       ///< A name to resolve; empty where there is nothing to resolve.
  std::optional<IpAddress> address;
  std::uint16_t port = 0;
  bool is_secure = false;  ///< TLS.
  std::string path;        ///< What the connector dials by path instead of by address.
};

}  // namespace gatewaykit::upstream
