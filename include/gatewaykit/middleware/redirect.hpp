// SPDX-License-Identifier: Apache-2.0
// redirect: a handler that sends the client on to another URL (RFC 9110 section 15.4).
#pragma once

#include <cstdint>
#include <string>

#include "gatewaykit/export.hpp"
#include "gatewaykit/http/status.hpp"
#include "gatewaykit/routing/middleware.hpp"

namespace gatewaykit {

struct RedirectOptions {
  /// A URL, or one that begins with the path, with the placeholders of HeaderRule::value:
  ///
  ///     https://{hostname}{target}             the same place, over https
  ///     /v2{path}?lang=en{query}               goes on with the query, if any: here behind a '&'
  ///     https://login.example/?next={target}   as one value, encoded
  std::string location = {};
  Status status = Status::permanent_redirect;  ///< 301, 302, 303, 307 or 308.
};

/// What a request fills in is percent-encoded for its place, and {path} and {target} begin with
/// exactly one slash, as does a location without a host. So no request turns a path into
/// "//evil.example", names another host than the template does, or adds a query parameter or a
/// header line of its own.
///
/// Only {host} and {hostname} may stand in the authority. Both are what the client says; where that
/// makes no host, the answer is 400.
///
/// Throws ConfigError for another status and for a template that cannot be such a URL.
GATEWAYKIT_EXPORT Handler redirect(RedirectOptions options);

/// To the same host and target over https. For listeners without TLS: on others it goes in circles.
GATEWAYKIT_EXPORT Handler redirect_to_https(std::uint16_t port = 443,
                                            Status status = Status::permanent_redirect);

}  // namespace gatewaykit
