// SPDX-License-Identifier: Apache-2.0
// All of gatewaykit that a host needs to wire a gateway.
#pragma once

#include "gatewaykit/config/load.hpp"
#include "gatewaykit/middleware/access_log.hpp"
#include "gatewaykit/middleware/body_limit.hpp"
#include "gatewaykit/middleware/compression.hpp"
#include "gatewaykit/middleware/cors.hpp"
#include "gatewaykit/middleware/grpc_web.hpp"
#include "gatewaykit/middleware/header_rules.hpp"
#include "gatewaykit/middleware/ip_filter.hpp"
#include "gatewaykit/middleware/proxy.hpp"
#include "gatewaykit/middleware/redirect.hpp"
#include "gatewaykit/middleware/request_id.hpp"
#include "gatewaykit/middleware/respond.hpp"
#include "gatewaykit/middleware/timeout.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/routing/explanation.hpp"
#include "gatewaykit/routing/middleware.hpp"
#include "gatewaykit/routing/router.hpp"
#include "gatewaykit/routing/wiring.hpp"
#include "gatewaykit/server/gateway.hpp"
#include "gatewaykit/upstream/upstream_pool.hpp"
