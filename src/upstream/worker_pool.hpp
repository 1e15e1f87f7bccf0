// SPDX-License-Identifier: Apache-2.0
// WorkerPool: the half of an upstream pool that belongs to one worker: a lane for each target and
// a balancer. Lives until its worker or the pool's last handle is gone and nothing uses it any
// more. PoolShared: the other half, which all workers share.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "gatewaykit/core/cancel_scope.hpp"
#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/upstream/upstream_pool.hpp"
#include "upstream/balancer.hpp"
#include "upstream/lane.hpp"
#include "upstream/retry_budget.hpp"
#include "upstream/target.hpp"

namespace gatewaykit::upstream {

/// Options, targets and what is counted: immutable but for atomics.
struct PoolShared {
  /// The options have been checked.
  explicit PoolShared(UpstreamOptions pool_options);

  const UpstreamOptions options;
  std::vector<std::unique_ptr<Target>> targets;
  RetryBudget budget;
};

class WorkerPool final : private Timer {
 public:
  /// Keeps a WorkerPool alive: held by exchanges and background lookups. A busy connection counts
  /// as one, too.
  class Use {
   public:
    explicit Use(WorkerPool& pool) noexcept : pool_(&pool) { pool.add_user(); }
    Use(Use&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() {
      if (pool_ != nullptr) pool_->drop_user();
    }
    WorkerPool& operator*() const noexcept { return *pool_; }

   private:
    WorkerPool* pool_;
  };

  WorkerPool(std::shared_ptr<PoolShared> shared, Executor& executor);
  /// Closes what is idle; the object goes when its last user does.
  void abandon() noexcept;

  PoolShared& shared() noexcept { return *shared_; }
  const UpstreamOptions& options() const noexcept { return shared_->options; }
  Executor& executor() noexcept { return executor_; }
  Balancer& balancer() noexcept { return *balancer_; }
  Lane& lane(std::size_t target) noexcept { return *lanes_[target]; }
  CancelScope& background() noexcept { return background_; }
  bool is_abandoned() const noexcept { return is_abandoned_; }

  void add_user() noexcept { ++users_; }
  /// May be the end of this object.
  void drop_user() noexcept;

  /// Closes that idle connection of all lanes that was used longest ago; false where none is idle.
  bool close_oldest_idle() noexcept;
  /// A connection has become idle: makes sure that it is looked at when its time is over.
  void watch_idle(TimePoint now);

 private:
  ~WorkerPool() = default;
  static void on_idle_timer(Timer& timer) noexcept;

  std::shared_ptr<PoolShared> shared_;
  Executor& executor_;
  std::unique_ptr<Balancer> balancer_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  CancelScope background_;
  std::size_t users_ = 0;
  bool is_abandoned_ = false;
};

}  // namespace gatewaykit::upstream
