// SPDX-License-Identifier: Apache-2.0
// Accept-Encoding (RFC 9110 section 12.5.3): which of our codings a client wants.
#pragma once

#include <optional>
#include <span>

#include "gatewaykit/http/headers.hpp"
#include "gatewaykit/transform/content_coding.hpp"

namespace gatewaykit::transform {

/// The coding with the highest weight; among equals the first of `preference`. Nothing where the
/// field is missing, refuses all of them, or gives "identity" a higher weight. Members that are
/// malformed count for nothing, and so does what follows the 32nd.
std::optional<ContentCoding> choose_coding(const Headers& request_fields,
                                           std::span<const ContentCoding> preference) noexcept;

}  // namespace gatewaykit::transform
