// SPDX-License-Identifier: Apache-2.0
// What a gateway has to know of gRPC and gRPC-Web: which requests are theirs, how long they may
// take, and how a failure of the gateway's own is told to a client that looks for grpc-status.
// Pure, any thread. Source: gRPC's PROTOCOL-HTTP2 and http-grpc-status-mapping documents.
#pragma once

#include <optional>
#include <string_view>

#include "gatewaykit/core/error.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/http/request.hpp"
#include "gatewaykit/http/response.hpp"

namespace gatewaykit {

/// By its Content-Type: application/grpc, or with a suffix, such as application/grpc+proto, or
/// application/grpc-web.
bool is_grpc(const Request& request) noexcept;

/// How long a call of gRPC may take by its grpc-timeout: at most eight digits and a unit, "100m".
/// Nothing where it is malformed. Above a century the hours do not count.
std::optional<Duration> grpc_timeout_of(const Request& request) noexcept;

/// Turns a refusal or failure of `request` into an answer with trailers alone: 200, grpc-status,
/// grpc-message.
void render_grpc_error(const Request& request, Response& response);

/// An answer whose trailers tell how the call went: of gRPC itself, not of gRPC-Web.
bool ends_with_grpc_trailers(const Response& response) noexcept;

/// What ends a call whose answer had begun when `error` cut it: grpc-status and grpc-message.
Headers grpc_trailers_of(const Error& error);

}  // namespace gatewaykit
