// SPDX-License-Identifier: Apache-2.0
// timeout: bounds the time that the rest of the chain may take to the head of its response.
#pragma once

#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/export.hpp"
#include "gatewaykit/routing/middleware.hpp"

namespace gatewaykit {

/// Sets ctx.deadline(), which upstream pools keep to, unless an outer layer's comes sooner, and
/// cancels what has not answered by then. The body of the response, or the tunnel behind an
/// upgrade, takes the time that it takes.
///
/// The answer is 504 with Errc::total_timeout: of Origin::upstream where a pool ended its exchange
/// with a target, of Origin::gateway where something else was cut short, whose fault nobody knows.
/// It replaces a cancelled failure and any problem() that a cancelled handler makes of it; another
/// answer that comes although it is late passes. A handler that ignores cancellation is awaited.
///
/// Throws ConfigError where `duration` is not above zero.
GATEWAYKIT_EXPORT MiddlewarePtr timeout(Duration duration);

}  // namespace gatewaykit
