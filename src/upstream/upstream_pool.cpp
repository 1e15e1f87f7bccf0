// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/upstream/upstream_pool.hpp"

#include <utility>

#include "gatewaykit/core/worker_local.hpp"
#include "gatewaykit/routing/context.hpp"
#include "upstream/exchange.hpp"
#include "upstream/options_check.hpp"
#include "upstream/worker_pool.hpp"

namespace gatewaykit {

namespace {

UpstreamOptions checked(UpstreamOptions options) {
  std::vector<std::string> problems = upstream::problems_of(options);
  if (!problems.empty()) throw ConfigError(std::move(problems));
  if (options.timeout) options.timeouts.total = std::exchange(options.timeout, std::nullopt);
  return options;
}

/// What an executor owns of a pool: exchanges may keep the half alive beyond this.
struct WorkerHalf {
  explicit WorkerHalf(upstream::WorkerPool* worker_pool) noexcept : pool(worker_pool) {}
  WorkerHalf(const WorkerHalf&) = delete;
  WorkerHalf& operator=(const WorkerHalf&) = delete;
  ~WorkerHalf() { pool->abandon(); }

  upstream::WorkerPool* const pool;
};

}  // namespace

class UpstreamPool::State {
 public:
  explicit State(UpstreamOptions options)
      : shared(std::make_shared<upstream::PoolShared>(checked(std::move(options)))) {}

  upstream::WorkerPool& on(Executor& executor) {
    const auto make = [this, &executor] {
      return std::make_unique<WorkerHalf>(new upstream::WorkerPool(shared, executor));
    };
    return *halves.get(executor, make).pool;
  }

  const std::shared_ptr<upstream::PoolShared> shared;
  WorkerLocal<WorkerHalf> halves;
};

UpstreamPool::UpstreamPool(UpstreamOptions options)
    : state_(std::make_shared<State>(std::move(options))) {}

Task<Result<Response>> UpstreamPool::send(Context& ctx, Request&& request) const {
  upstream::WorkerPool& half = state_->on(*ctx.env().executor);
  return upstream::send(upstream::WorkerPool::Use(half), ctx, std::move(request));
}

const std::string& UpstreamPool::name() const noexcept { return state_->shared->options.name; }

PoolStats UpstreamPool::stats() const {
  PoolStats stats;
  stats.retries = state_->shared->budget.retries();
  const TimePoint now = std::chrono::steady_clock::now();
  for (const std::unique_ptr<upstream::Target>& target : state_->shared->targets) {
    PoolStats::Target& shown = stats.targets.emplace_back();
    shown.url = target->url.text;
    shown.requests = target->requests.load(std::memory_order_relaxed);
    shown.failures = target->failures.load(std::memory_order_relaxed);
    shown.in_flight = target->in_flight.load(std::memory_order_relaxed);
    shown.connections = target->connections.load(std::memory_order_relaxed);
    shown.ejected = target->ejection.is_ejected(now);
  }
  return stats;
}

}  // namespace gatewaykit
