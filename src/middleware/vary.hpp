// SPDX-License-Identifier: Apache-2.0
// Vary (RFC 9110 section 12.5.5) as the layers keep it: one line, no member twice.
#pragma once

#include <string_view>

#include "gatewaykit/http/headers.hpp"

namespace gatewaykit {

/// Adds a field name to the ones that the response depends on; several lines become one. Nothing
/// happens where it is there already, or "*", which is all of them.
void add_to_vary(Headers& headers, std::string_view name);

}  // namespace gatewaykit
