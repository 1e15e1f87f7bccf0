// SPDX-License-Identifier: Apache-2.0
// handle_in_process: Gateway::handle: an exchange without a connection.
#pragma once

#include <memory>

#include "gatewaykit/core/task.hpp"
#include "gatewaykit/http/request.hpp"
#include "gatewaykit/http/response.hpp"
#include "server/shared.hpp"

namespace gatewaykit::server {

/// Runs `request` through the routes. The content is read before it returns, 16 MiB at most. An
/// exception of a handler is a 500, as it is over a connection.
Task<Response> handle_in_process(std::shared_ptr<const GatewayShared> shared, Request request);

/// The same on a loop of its own, which the calling thread runs until the answer is there.
Response handle_on_this_thread(std::shared_ptr<const GatewayShared> shared, Request request);

}  // namespace gatewaykit::server
