// SPDX-License-Identifier: Apache-2.0
// proxy: the handler that forwards a request to an upstream pool and its response back: field
// hygiene (RFC 9110 section 7.6), forwarding fields, target rewriting; the numbered forwarder.
#pragma once

#include <optional>
#include <string>

#include "gatewaykit/export.hpp"
#include "gatewaykit/routing/middleware.hpp"
#include "gatewaykit/upstream/upstream_pool.hpp"

namespace gatewaykit {

struct ProxyOptions {
  /// Removed from the front of the path, on a segment boundary; "/api" turns "/api/users" into
  /// "/users" and adds X-Forwarded-Prefix.
  std::string strip_prefix = {};
  /// Host sent to the target: as the client sent it (keep), the target's own, or a fixed name.
  enum class Host : unsigned char { target, keep };
  Host host = Host::keep;
  std::optional<std::string> host_name = std::nullopt;
  /// The pseudonym in Via (RFC 9110 section 7.6.3).
  std::string via = "gatewaykit";
};

GATEWAYKIT_EXPORT Handler proxy(UpstreamPool pool, ProxyOptions options = {});

}  // namespace gatewaykit
