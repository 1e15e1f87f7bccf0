// SPDX-License-Identifier: Apache-2.0
// handle_in_process: Gateway::handle: an exchange without a connection.
#pragma once

#include <memory>

#include "gatewaykit/core/task.hpp"
#include "gatewaykit/http/request.hpp"
#include "gatewaykit/http/response.hpp"
#include "routing/route_set.hpp"

namespace gatewaykit::server {

/// Runs `request` through `routes`. The content is read before it returns, 16 MiB at most.
Task<Response> handle_in_process(std::shared_ptr<const RouteSet> routes, Request request);

}  // namespace gatewaykit::server
