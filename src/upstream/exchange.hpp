// SPDX-License-Identifier: Apache-2.0
// The exchange with a target: what UpstreamPool::send does, told in numbered steps.
#pragma once

#include "gatewaykit/core/result.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/http/request.hpp"
#include "gatewaykit/http/response.hpp"
#include "upstream/worker_pool.hpp"

namespace gatewaykit {
class Context;
}

namespace gatewaykit::upstream {

/// Sends `request` to a target of the pool and returns at the response head. `ctx` outlives the
/// response's body.
Task<Result<Response>> send(WorkerPool::Use pool, Context& ctx, Request request);

}  // namespace gatewaykit::upstream
