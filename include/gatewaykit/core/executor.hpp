// SPDX-License-Identifier: Apache-2.0
// Executor: what resumes coroutines. A ready queue and a timer queue that one thread drains; the
// libuv loop and the virtual-time executor of the test kit derive from it. Everything but `post`
// belongs to the executor's own thread.
#pragma once

#include <chrono>
#include <coroutine>
#include <memory>
#include <vector>

#include "gatewaykit/core/function.hpp"
#include "gatewaykit/core/random.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/export.hpp"

namespace gatewaykit {

class Executor;

namespace detail {

struct WorkerLocalRegistry;

/// What WorkerLocal keeps in an executor. The executor's thread only.
class GATEWAYKIT_EXPORT WorkerLocals {
 public:
  void* find(const void* key) const noexcept;
  void insert(Executor& executor, std::shared_ptr<WorkerLocalRegistry> registry,
              std::shared_ptr<void> value);
  void erase(const void* key);
  /// Destroys all of them and tells their handles so. The executor is about to end.
  void clear(Executor& executor);
  bool empty() const noexcept { return entries_.empty(); }

 private:
  struct Entry {
    std::shared_ptr<WorkerLocalRegistry> registry;  // Its address is the key.
    std::shared_ptr<void> value;
  };
  std::vector<Entry> entries_;  // A few, which are looked at for each request.
};

}  // namespace detail

class GATEWAYKIT_EXPORT Executor {
 public:
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor();

  /// Monotonic time as of the current turn: cheap, the same for all that runs in one turn.
  TimePoint now() const noexcept { return now_; }
  /// Wall-clock time as of the current turn, for messages and logs only; deadlines are monotonic.
  virtual std::chrono::system_clock::time_point wall_now() const;

  /// Resumes `coroutine` later in this turn, never inline (design: turn). Own thread only.
  void make_ready(std::coroutine_handle<> coroutine) { ready_.push_back(coroutine); }
  /// Resumes `coroutine` once all else of this turn has been resumed. Own thread only.
  void make_last(std::coroutine_handle<> coroutine) { last_.push_back(coroutine); }
  /// Nothing else waits to be resumed in this turn. Own thread only.
  bool is_last() const noexcept { return to_resume_ == 0 && ready_.empty() && last_.empty(); }
  /// Runs `job` on the executor's thread in a later turn. Any thread.
  virtual void post(Function<void()> job) = 0;

  TimerQueue& timers() noexcept { return timers_; }
  Random& random() noexcept { return random_; }
  detail::WorkerLocals& locals() noexcept { return locals_; }

 protected:
  Executor() = default;
  /// Resumes all that is ready, and what that makes ready, until nothing is.
  void run_ready();
  bool has_ready() const noexcept { return !ready_.empty() || !last_.empty(); }
  void set_now(TimePoint now) noexcept { now_ = now; }

  Random random_;

 private:
  TimePoint now_{};
  TimerQueue timers_;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> resumed_;  // Empty but within run_ready.
  std::vector<std::coroutine_handle<>> last_;
  std::size_t to_resume_ = 0;  // Of resumed_.
  detail::WorkerLocals locals_;
};

/// `co_await lastly();` goes on once all else that this turn has to resume was resumed; at once
/// where there is nothing else. Sends are gathered by it: under load a turn takes in all that has
/// arrived before it sends, so that a peer that sleeps is woken once and not for each message.
class Lastly {
 public:
  static bool await_ready() noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> coroutine) const {
    Executor& executor = *coroutine.promise().env.executor;
    if (executor.is_last()) return false;
    executor.make_last(coroutine);
    return true;
  }
  static void await_resume() noexcept {}
};
inline Lastly lastly() noexcept { return {}; }

}  // namespace gatewaykit
