// SPDX-License-Identifier: Apache-2.0
// What a client says about itself and about those before it: fields that only a trusted proxy may
// send, and the client's address that they name (RFC 7239, X-Forwarded-For).
#pragma once

#include <optional>

#include "gatewaykit/http/address.hpp"
#include "gatewaykit/http/headers.hpp"
#include "server/listen_config.hpp"

namespace gatewaykit::server {

/// Removes what an untrusted client must not tell us or the target: Forwarded, X-Forwarded-*,
/// X-Real-IP, X-Original-URL, X-Rewrite-URL, X-HTTP-Method-Override, X-Gk-*, what could pass for a
/// client's certificate (Client-Cert* of RFC 9440, X-Client-Cert*, X-Client-Verify, X-SSL-*,
/// SSL-Client-*, X-Amzn-Mtls-*), and names that become known ones where underscores are read as
/// hyphens (as CGI does).
void remove_untrusted_fields(Headers& headers);

/// Removes from a trusted proxy's request that one of Forwarded and X-Forwarded-For in which it
/// does not tell the client: it may well have let it pass as the client wrote it.
void remove_disbelieved_field(Headers& headers, const ListenConfig& config);

/// The rightmost address in the listener's client field that is not itself a trusted proxy. None
/// where the field names none.
std::optional<IpAddress> resolve_client(const Headers& headers, const ListenConfig& config);

}  // namespace gatewaykit::server
