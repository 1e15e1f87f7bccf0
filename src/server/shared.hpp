// SPDX-License-Identifier: Apache-2.0
// GatewayShared: what the workers of one gateway share: options (immutable), counters (atomic), and
// the routes that are to be served. Outlives every worker.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>

#include "gatewaykit/server/gateway.hpp"
#include "routing/route_set.hpp"

namespace gatewaykit::server {

struct GatewayShared {
  GatewayShared(std::shared_ptr<const RouteSet> compiled, GatewayOptions gateway_options)
      : options(std::move(gateway_options)), routes_(std::move(compiled)) {}

  /// Any thread. Workers go by a copy of their own (ServedRoutes).
  std::shared_ptr<const RouteSet> routes() const {
    const std::lock_guard lock(mutex_);
    return routes_;
  }
  void set_routes(std::shared_ptr<const RouteSet> routes) {
    const std::lock_guard lock(mutex_);
    routes_.swap(routes);  // The argument, and with it the old ones, outlives the lock.
    swaps_.fetch_add(1, std::memory_order_release);
  }
  /// How often they were set: what a worker compares per request.
  std::uint64_t swaps() const noexcept { return swaps_.load(std::memory_order_acquire); }

  /// What a client gets where a handler threw; the log gets the rest.
  Response answer_bug(const std::exception& bug, const Context& context) const;
  /// The same where the answer has begun: what its exchange ends with.
  Error failure_of_bug(const std::exception& bug, const Context& context) const;
  /// Gives a failure that wants it its content: the host's, or a problem document.
  void render(const Context& context, Response& response) const;

  const GatewayOptions options;
  std::size_t max_connections = 0;

  std::atomic<std::uint64_t> connections_accepted{0};
  std::atomic<std::uint64_t> connections_open{0};
  std::atomic<std::uint64_t> tls_failures{0};
  std::atomic<std::uint64_t> proxy_header_failures{0};
  std::atomic<std::uint64_t> http2_abuses{0};
  std::atomic<std::uint64_t> listener_pauses{0};

 private:
  std::atomic<std::uint64_t> swaps_{0};
  mutable std::mutex mutex_;
  std::shared_ptr<const RouteSet> routes_;  // Guarded by mutex_.
};

}  // namespace gatewaykit::server
