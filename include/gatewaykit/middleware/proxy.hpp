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
  /// In place of that: the whole path, in the form of a route's pattern and made of what the route
  /// captures, as "/v2/users/{id}" or "/v2/*". Values are taken as the client encoded them and
  /// never leave their segment; the query goes on behind it. A parameter that the pattern of the
  /// route does not have, written the same way, is a wiring mistake.
  std::string rewrite = {};
  /// Host sent to the target: as the client sent it (keep), the target's own, or a fixed name.
  enum class Host : unsigned char { target, keep };
  Host host = Host::keep;
  std::optional<std::string> host_name = std::nullopt;
  /// Tells the target the verified certificate of a client in Client-Cert (RFC 9440), in place of
  /// whatever came in Client-Cert and Client-Cert-Chain. The target must believe that of nobody
  /// else.
  bool client_certificate = false;
  /// The pseudonym in Via (RFC 9110 section 7.6.3).
  std::string via = "gatewaykit";
};

GATEWAYKIT_EXPORT Handler proxy(UpstreamPool pool, ProxyOptions options = {});

}  // namespace gatewaykit
