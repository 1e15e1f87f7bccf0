// SPDX-License-Identifier: Apache-2.0
// The content of a response of HTTP/1.1. What came whole with the head is a body in memory, and the
// connection is free at once; else a source that pins what was received and gives the connection
// up at the last byte. A body that was cut short fails; it never ends.
#pragma once

#include "codec/http1_response_parser.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/http/request.hpp"
#include "gatewaykit/http/response.hpp"
#include "upstream/lease.hpp"
#include "upstream/target.hpp"

namespace gatewaykit {
class Context;
}

namespace gatewaykit::upstream {

class Http1Connection;

/// As Carrier::answer; `lease` is that of `connection`.
Response make_response(Http1Connection& connection, codec::ResponseHead head, Lease lease,
                       Context& ctx, Request& request, InFlight in_flight, TimePoint total);

}  // namespace gatewaykit::upstream
