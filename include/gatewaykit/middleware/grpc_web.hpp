// SPDX-License-Identifier: Apache-2.0
// gRPC-Web: lets browsers, which have neither trailers nor a choice of HTTP version, call gRPC
// services through the gateway.
#pragma once

#include "gatewaykit/export.hpp"
#include "gatewaykit/routing/middleware.hpp"

namespace gatewaykit {

/// Turns calls of gRPC-Web (application/grpc-web and, in base64, application/grpc-web-text) into
/// gRPC, and answers back: trailers become the last frame of the content. Other requests pass as
/// they are. Unary calls and streams of the server work, message by message; nothing is held back.
///
/// Browsers need `cors` outside of this layer, with the fields x-grpc-web, x-user-agent and
/// grpc-timeout allowed, and grpc-status and grpc-message exposed. The service must be spoken to in
/// HTTP/2 (`UpstreamOptions::http2`).
///
/// An answer that breaks off, or is not whole when its grpc-timeout has passed, ends with a frame
/// that says so (grpc-status UNAVAILABLE, DEADLINE_EXCEEDED).
///
/// Text that is no base64 fails the request's content (Errc::bad_message, 400). Source: gRPC's
/// PROTOCOL-WEB document. Thread-safe.
GATEWAYKIT_EXPORT MiddlewarePtr grpc_web();

}  // namespace gatewaykit
