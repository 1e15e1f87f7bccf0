// SPDX-License-Identifier: Apache-2.0
// Router::Wiring: what a Router has collected, as it was given; RouteSet judges it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gatewaykit/routing/router.hpp"

namespace gatewaykit {

struct Router::Wiring {
  struct Route {
    Match match;  // Its pattern goes on from the prefix.
    std::shared_ptr<const Handler> handler;
  };

  std::string prefix;  // Relative to the router around this one.
  std::vector<MiddlewarePtr> layers;
  std::vector<Route> routes;
  std::vector<std::unique_ptr<Router>> groups;
  std::vector<std::shared_ptr<const Handler>> not_found;  // More than one is a mistake.
};

}  // namespace gatewaykit
