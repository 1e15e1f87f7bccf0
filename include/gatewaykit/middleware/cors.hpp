// SPDX-License-Identifier: Apache-2.0
// cors: lets the pages of other origins read what the gateway answers, by the CORS protocol of the
// Fetch standard. It tells browsers what they may do; it keeps nobody out: a request of an origin
// that is not allowed runs like any other, and a WebSocket is not bound by it at all.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "gatewaykit/export.hpp"
#include "gatewaykit/routing/middleware.hpp"

namespace gatewaykit {

struct CorsOptions {
  /// Who may read: "https://app.example:8443"; "https://*.example.com" for the hosts below
  /// example.com (any number of labels in front, but not none); "null" for pages without an origin,
  /// which any sandboxed frame can be; or "*" alone for everybody. At least one.
  std::vector<std::string> origins = {};
  /// Methods of requests; "*" alone allows whatever is asked for. Browsers send GET, HEAD and POST
  /// of plain forms without asking.
  std::vector<std::string> methods = {"GET", "HEAD", "POST"};
  /// Field names that requests may bring beside the ones every page may set (Content-Type of JSON
  /// and Authorization need to be here); "*" alone allows whatever is asked for.
  std::vector<std::string> headers = {};
  /// Field names of responses that pages may read; "*" alone: all.
  std::vector<std::string> exposed_headers = {};
  /// Requests with cookies, HTTP authentication or client certificates. Not with "*" among the
  /// origins or the exposed headers, which then would mean nothing (Fetch section 3.3.5).
  bool credentials = false;
  /// How long a browser may remember a preflight; browsers cap it at two hours or a day. Zero: not
  /// at all. None: the browser's own default, five seconds.
  std::optional<std::chrono::seconds> max_age = std::nullopt;
  /// Answers `Access-Control-Request-Private-Network`: pages of the public internet may reach this
  /// gateway in a private network. Not with "*".
  bool private_network = false;
};

/// Answers preflights (OPTIONS with Origin and Access-Control-Request-Method) with 204, without
/// running the rest, and adds the fields to all other responses, failures included. The browser
/// decides: an answer says what is allowed, whatever was asked for, and to an origin that is not
/// allowed it says nothing.
///
/// Access-Control-* fields of a target are removed: the gateway's are the only ones. Where origins
/// are listed, responses vary by Origin; so do those to GET and HEAD without an Origin, since a
/// cache would hand them to pages too. Other requests without an Origin pass at no cost.
///
/// Use it on the root router, outside of authentication (preflights bring no credentials): there it
/// also sees what no route takes, so that preflights for every path are answered. In a group it
/// sees a preflight only where a route of the group takes OPTIONS, such as one of `any`.
///
/// Throws ConfigError that names all of: no origin, malformed origins (a path, no scheme, a
/// wildcard elsewhere), names that are no tokens, "*" beside others or with credentials.
GATEWAYKIT_EXPORT MiddlewarePtr cors(CorsOptions options);

}  // namespace gatewaykit
