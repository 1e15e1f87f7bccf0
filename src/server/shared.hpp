// SPDX-License-Identifier: Apache-2.0
// GatewayShared: what the workers of one gateway share: options and routes (immutable), counters
// (atomic). Outlives every worker.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>

#include "gatewaykit/server/gateway.hpp"
#include "routing/route_set.hpp"

namespace gatewaykit::server {

struct GatewayShared {
  GatewayShared(std::shared_ptr<const RouteSet> compiled, GatewayOptions gateway_options)
      : routes(std::move(compiled)), options(std::move(gateway_options)) {}

  /// What a client gets where a handler threw; the log gets the rest.
  Response answer_bug(const std::exception& bug, const Context& context) const;

  const std::shared_ptr<const RouteSet> routes;
  const GatewayOptions options;
  std::size_t max_connections = 0;

  std::atomic<std::uint64_t> connections_accepted{0};
  std::atomic<std::uint64_t> connections_open{0};
  std::atomic<std::uint64_t> listener_pauses{0};
};

}  // namespace gatewaykit::server
