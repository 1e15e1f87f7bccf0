// SPDX-License-Identifier: Apache-2.0
// Lane: the connections of one worker to one target: those that are idle, those of HTTP/2 that take
// more streams, the bounded number that may be open, the queue for them, and the addresses to dial.
// That worker's thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
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

class Http1Connection;
class Http2Connection;
class WorkerPool;

/// What an exchange asks of the connection that it is to have.
struct Demand {
  const Peer& client;  ///< Whom a new one tells its target of, where the pool wants that.
  bool needs_http1;    ///< It cannot be a stream of HTTP/2.
};

class Lane {
 public:
  Lane(WorkerPool& pool, Target& target) noexcept;
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  ~Lane();

  Target& target() noexcept { return target_; }
  WorkerPool& pool() noexcept { return pool_; }

  /// What takes an exchange without a wait, if anything does: a stream of the least busy connection
  /// of HTTP/2, or the connection that was used last, since it is the likeliest to be alive still.
  Lease take_idle(bool needs_http1);
  /// A new connection, or what another exchange gives up or has dialled meanwhile. Waits in the
  /// queue where all that may be open are busy. `deadline` is the exchange's own.
  Task<Result<Lease>> obtain(Demand demand, TimePoint deadline);

  /// For connections: a busy one is idle again / is over; an idle one was closed by the target.
  void give_back(Http1Connection& connection) noexcept;
  void close(Http1Connection& connection) noexcept;
  void drop_idle(Http1Connection& connection) noexcept;
  /// The same for those of HTTP/2: there is room for a stream / it takes no new ones / it is over.
  void offer(Http2Connection& connection);
  /// How many streams a new connection takes until its target has said so: as many as the one
  /// before, which was told `count`.
  std::size_t assumed_streams() const noexcept { return assumed_streams_; }
  void assume_streams(std::size_t count) noexcept { assumed_streams_ = count; }
  /// Whether one more connection may be opened.
  bool has_slot() const noexcept;
  void withdraw(Http2Connection& connection) noexcept;
  void forget(Http2Connection& connection) noexcept;

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

  /// Counts a dial that others may join, and tells them what came of it.
  class Joinable {
   public:
    explicit Joinable(Lane& lane) noexcept : lane_(lane) { ++lane.joinable_dials_; }
    Joinable(const Joinable&) = delete;
    Joinable& operator=(const Joinable&) = delete;
    ~Joinable() {
      --lane_.joinable_dials_;
      lane_.dismiss_joiners(failure_);
    }
    /// Of all that waited for it. Without a failure they try for themselves.
    void fail(const Error& error) { failure_ = error; }

   private:
    Lane& lane_;
    std::optional<Error> failure_;
  };

  /// A stream of its target, and where that is.
  struct Dialled {
    Dialled(net::StreamPtr dialled, const IpAddress& where) noexcept
        : stream(std::move(dialled)), address(where) {}
    net::StreamPtr stream;
    IpAddress address;
  };

  Task<Result<Lease>> wait_in_queue(Demand demand, TimePoint deadline);
  Task<Result<Lease>> join_dial(TimePoint deadline);
  Task<Result<Lease>> dial(Demand demand, TimePoint deadline);
  Task<Result<Dialled>> connect(Demand demand, TimePoint deadline);
  Result<Lease> adopt(Dialled dialled, bool needs_http1);
  Task<Result<>> await_addresses(TimePoint patience, TimePoint deadline);
  Task<void> look_up();
  void end_lookup(Result<std::vector<IpAddress>> found, TimePoint now);

  bool may_join_dial() const noexcept;
  void dismiss_joiners(const std::optional<Error>& failure);
  Lease open_stream();
  Connector::Endpoint endpoint(std::size_t index, const Demand& demand) const;
  std::size_t endpoint_count() const noexcept;
  template <class Connection>
  bool is_current(Connection& connection) noexcept;
  void refresh_addresses();
  Lease lend(Http1Connection& connection) noexcept;
  void unlink_idle(Http1Connection& connection) noexcept;
  void destroy(Http1Connection& connection) noexcept;
  void free_slot() noexcept;
  Http2Connection* oldest_unused() const noexcept;
  bool drop_unused_once(TimePoint limit) noexcept;

  WorkerPool& pool_;
  Target& target_;
  bool takes_http2_;  // As far as is known: a target may choose anew for each connection.
  std::vector<Http2Connection*> shared_;  // Of HTTP/2: those which take new streams.
  std::size_t assumed_streams_;
  std::size_t joinable_dials_ = 0;
  WaitQueue joiners_;
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
