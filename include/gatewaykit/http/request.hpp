// SPDX-License-Identifier: Apache-2.0
// Request: an HTTP request message, the same for every version of the protocol. Codecs own framing:
// Host is `authority`; Connection, Transfer-Encoding, Upgrade, Content-Length … are never among the
// headers (a length is `body.size()`).
#pragma once

#include <string_view>

#include "gatewaykit/core/string.hpp"
#include "gatewaykit/http/body.hpp"
#include "gatewaykit/http/headers.hpp"
#include "gatewaykit/http/method.hpp"

namespace gatewaykit {

struct Request {
  Request() = default;
  Request(Method request_method, std::string_view request_target)
      : method(request_method), target(request_target) {}

  Method method;
  String target;     ///< Origin form, normalised: path, and query where there is one; or "*".
  String scheme;     ///< "http" or "https": what the client used (RFC 9110 section 4.2).
  String authority;  ///< Host and optional port, lower case.
  String protocol;   ///< The protocol asked for by Upgrade or extended CONNECT; mostly empty.
  Headers headers;
  Body body;
};

}  // namespace gatewaykit
