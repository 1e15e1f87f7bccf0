// SPDX-License-Identifier: Apache-2.0
// Lane: the connections of one worker to one target: those that are idle, the bounded number that
// may be open, the queue for them, and the addresses to dial. That worker's thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "gatewaykit/core/env.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/core/result.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/core/timer.hpp"
#include "net/connector.hpp"
#include "upstream/lease.hpp"
#include "upstream/target.hpp"
#include "upstream/wait_queue.hpp"

namespace gatewaykit::upstream {

class WorkerPool;

class Lane {
 public:
  Lane(WorkerPool& pool, Target& target) noexcept : pool_(pool), target_(target) {}
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  ~Lane();

  Target& target() noexcept { return target_; }
  WorkerPool& pool() noexcept { return pool_; }

  /// The connection that was used last, if one is idle: the likeliest to be alive still.
  Lease take_idle() noexcept;
  /// A new connection, or one that another exchange gives up meanwhile. Waits in the queue where
  /// all that may be open are busy. `deadline` is the exchange's own; `client` is whom a new
  /// connection is told of, where the pool's targets are.
  Task<Result<Lease>> obtain(const Peer& client, TimePoint deadline);

  /// For connections: a busy one is idle again / is over; an idle one was closed by the target.
  void give_back(Http1Connection& connection) noexcept;
  void close(Http1Connection& connection) noexcept;
  void drop_idle(Http1Connection& connection) noexcept;

  /// Since when its oldest idle connection has been unused; kNever where none is idle.
  TimePoint oldest_idle_since() const noexcept;
  void close_oldest_idle() noexcept;
  /// Closes idle connections unused since `limit` or longer; when the next one was used last,
  /// kNever where none is left.
  TimePoint drop_unused_since(TimePoint limit) noexcept;

  /// Looks the target's name up in the background, unless that is under way.
  void start_lookup(const Env& env);

 private:
  /// The right to have one more connection open: given back unless a connection takes it over.
  class Slot {
   public:
    explicit Slot(Lane& lane) noexcept : lane_(&lane) {}
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() {
      if (lane_ != nullptr) lane_->free_slot();
    }
    void keep() noexcept { lane_ = nullptr; }

   private:
    Lane* lane_;
  };

  Task<Result<Lease>> wait_in_queue(const Peer& client, TimePoint deadline);
  Task<Result<Lease>> dial(const Peer& client, TimePoint deadline);
  Task<Result<>> await_addresses(TimePoint patience, TimePoint deadline);
  Task<void> look_up();
  void end_lookup(Result<std::vector<IpAddress>> found, TimePoint now);

  Connector::Endpoint endpoint(std::size_t index, const Peer& client) const;
  std::size_t endpoint_count() const noexcept;
  bool is_current(Http1Connection& connection) noexcept;
  void refresh_addresses();
  Lease lend(Http1Connection& connection) noexcept;
  void unlink_idle(Http1Connection& connection) noexcept;
  void destroy(Http1Connection& connection) noexcept;
  void free_slot() noexcept;

  WorkerPool& pool_;
  Target& target_;
  Http1Connection* newest_idle_ = nullptr;
  Http1Connection* oldest_idle_ = nullptr;
  std::size_t idle_ = 0;
  std::size_t open_ = 0;  // Idle, busy, and being dialled.
  WaitQueue queue_;

  std::vector<IpAddress> addresses_;  // As of address_version_.
  std::uint64_t address_version_ = 0;
  std::size_t next_address_ = 0;
  bool is_looking_up_ = false;
  WaitQueue lookup_waiters_;
  std::optional<Error> lookup_failure_;
};

}  // namespace gatewaykit::upstream
