// SPDX-License-Identifier: Apache-2.0
// Trailer sections (RFC 9110 section 6.5): how large one may be, and what it must not hold. One
// rule for all codecs. Pure, any thread.
#pragma once

#include <string_view>

#include "codec/http1_message.hpp"
#include "gatewaykit/http/headers.hpp"

namespace gatewaykit::codec {

inline constexpr SectionLimits kTrailerLimits{32 * 1024, 100};

/// RFC 9110 section 6.5.1: nothing that decides on framing, routing, authentication or the handling
/// of content may come behind it, where it was not looked at. Of the names that the library knows
/// only two cannot do harm.
bool is_forbidden_trailer(Field field, std::string_view name) noexcept;

}  // namespace gatewaykit::codec
