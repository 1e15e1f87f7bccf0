// SPDX-License-Identifier: Apache-2.0
// request_id: gives each request an id that is logged, forwarded and echoed.
#pragma once

#include <string>

#include "gatewaykit/core/string.hpp"
#include "gatewaykit/export.hpp"
#include "gatewaykit/routing/middleware.hpp"

namespace gatewaykit {

/// The id of an exchange: `ctx.get<RequestId>()`.
struct RequestId {
  String value;
};

struct RequestIdOptions {
  std::string field = "x-request-id";
};

/// A UUIDv7 (RFC 9562) per request. An inbound id is taken over only from a trusted peer and only
/// where it is one field line of 1 to 128 characters of [A-Za-z0-9._~:/+=@-]. Sent to the target
/// and to the client. Throws ConfigError where the name of the field is none.
GATEWAYKIT_EXPORT MiddlewarePtr request_id(RequestIdOptions options = {});

}  // namespace gatewaykit
