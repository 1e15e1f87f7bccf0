// SPDX-License-Identifier: Apache-2.0
// A request that has met its route: what templates and rules are filled in from.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/testing/scripted.hpp"

/// GET of a target that a test chooses, for shop.example, on the route "/users/{id}".
inline gatewaykit::Request shop_request(std::string_view target,
                                        std::string_view authority = "shop.example") {
  gatewaykit::Request request(gatewaykit::Method::get, target);
  request.scheme = "http";
  request.authority = authority;
  return request;
}

using Params = std::initializer_list<gatewaykit::RouteParam>;

/// `params` must outlive the exchange, but not the list: they are literals.
inline void set_route(gatewaykit::testing::TestExchange& exchange, std::string_view pattern,
                      Params params) {
  const std::vector<gatewaykit::RouteParam> captured(params);
  exchange.context().set_route(pattern, captured.data(), captured.size());
}
