// SPDX-License-Identifier: Apache-2.0
// Loop: the executor of a worker: a libuv loop (its own, or the host's) that drives the poller, the
// timers, posted jobs and the ready queue. Each libuv callback is one turn: events are taken in
// first, then all that became ready is resumed.
#pragma once

#include <uv.h>

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "gatewaykit/core/executor.hpp"
#include "net/poller.hpp"

namespace gatewaykit::net {

class Loop final : public Executor {
 public:
  /// On `host_loop`, which its owner runs; on a loop of its own where that is null.
  /// Throws std::system_error where the system refuses.
  explicit Loop(uv_loop_t* host_loop = nullptr);
  /// `close` must have finished (own loop: it is done here).
  ~Loop() override;

  /// Runs the own loop until `stop`.
  void run();
  /// Ends `run` after the current turn. Own loop and thread only: post it from others.
  void stop() noexcept { uv_stop(uv_); }
  bool is_hosted() const noexcept { return own_ == nullptr; }
  /// Host's loop: lets go of it; `on_closed` is called from it once nothing of ours is left there.
  void close(Function<void()> on_closed);
  /// Keeps `on_closed` waiting until `release`: for handles and requests of libuv's that others
  /// have on this loop. Own thread only.
  void hold() noexcept { ++held_; }
  void release();

  /// After `close` the job is kept and never run.
  void post(Function<void()> job) override;
  std::chrono::system_clock::time_point wall_now() const override;
  /// Runs `job` on a thread of libuv's pool. Own thread only; the loop lives until it is done.
  void offload(Function<void()> job);

  Poller& poller() noexcept { return poller_; }
  uv_loop_t* uv() noexcept { return uv_; }

  /// For libuv callbacks elsewhere (DNS): makes what runs in `body` a turn.
  template <class Body>
  void turn(Body body) {
    begin_turn();
    body();
    end_turn();
  }

 private:
  void begin_turn() noexcept;
  void end_turn();
  void arm_timer();
  void on_poll();
  void run_posted();
  void close_handle(uv_handle_t* handle);

  std::unique_ptr<uv_loop_t> own_;
  uv_loop_t* uv_;
  Poller poller_;
  uv_poll_t poll_{};
  uv_timer_t timer_{};
  uv_async_t async_{};
  TimePoint armed_ = kNever;
  // Read at most once per turn, and only if somebody asks.
  mutable std::optional<std::chrono::system_clock::time_point> wall_now_;
  int held_ = 0;  // Our own three handles, too.
  Function<void()> on_closed_;

  std::mutex mutex_;  // Guards what follows.
  bool is_open_ = true;
  std::vector<Function<void()>> posted_;
};

}  // namespace gatewaykit::net
