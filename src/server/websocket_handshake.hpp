// SPDX-License-Identifier: Apache-2.0
// The handshake of WebSocket over HTTP/1.1 (RFC 6455 section 4) on behalf of clients of HTTP/2,
// whose own one has no key (RFC 8441 section 5). Pure, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gatewaykit::server {

/// A value for Sec-WebSocket-Key: 16 bytes of the caller's chance.
std::string make_websocket_key(std::uint64_t first, std::uint64_t second);

/// What Sec-WebSocket-Accept must be for `key`.
std::string websocket_accept_for(std::string_view key);

}  // namespace gatewaykit::server
