// SPDX-License-Identifier: Apache-2.0
// body_limit: bounds the content of a request, below what the listener takes.
#pragma once

#include <cstdint>

#include "gatewaykit/export.hpp"
#include "gatewaykit/routing/middleware.hpp"

namespace gatewaykit {

struct BodyLimitOptions {
  /// Content of a request, without framing and trailers; 0: no content at all.
  std::uint64_t bytes = std::uint64_t{1} << 20;
};

/// Answers 413 (RFC 9110 section 15.5.14) where the length that is announced is above the limit,
/// before a byte of content is asked for. Content of unknown length fails as it is read, with
/// Errc::body_too_large of Origin::client and for whoever reads it, once it turns out to be longer.
/// Content that is known to fit is left alone, and so is a request for an upgrade.
GATEWAYKIT_EXPORT MiddlewarePtr body_limit(BodyLimitOptions options);
GATEWAYKIT_EXPORT MiddlewarePtr body_limit(std::uint64_t bytes);

}  // namespace gatewaykit
