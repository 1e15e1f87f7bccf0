// SPDX-License-Identifier: Apache-2.0
// What a gateway has to know of gRPC over HTTP/2: which requests are its, how long they may take,
// and how a failure of the gateway's own is told to a client that looks for grpc-status. Pure, any
// thread. Source: gRPC's PROTOCOL-HTTP2 and http-grpc-status-mapping documents.
#pragma once

#include <optional>
#include <string_view>

#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/http/request.hpp"
#include "gatewaykit/http/response.hpp"

namespace gatewaykit::server {

/// By its Content-Type: application/grpc, or with a suffix, such as application/grpc+proto; not
/// gRPC-Web.
bool is_grpc(const Request& request) noexcept;

/// A value of grpc-timeout: at most eight digits and a unit, "100m". Nothing where it is malformed.
std::optional<Duration> parse_grpc_timeout(std::string_view text) noexcept;

/// Turns a refusal or failure into an answer with trailers alone: 200, grpc-status, grpc-message.
void render_grpc_error(Response& response);

}  // namespace gatewaykit::server
