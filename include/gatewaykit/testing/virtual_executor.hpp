// SPDX-License-Identifier: Apache-2.0
// VirtualExecutor: an executor whose clock a test moves. Nothing sleeps: `run` drives a task to its
// end and jumps from deadline to deadline, so a minute of time-outs takes microseconds and comes
// out the same each time. Used on the test's own thread; `post` may be called from any.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "gatewaykit/core/cancel_scope.hpp"
#include "gatewaykit/core/env.hpp"
#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/core/function.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/export.hpp"

namespace gatewaykit::testing {

/// Thrown by what a script awaits of the kit's doubles when its scope is cancelled, so that it
/// unwinds. A spawned script may let it escape.
class GATEWAYKIT_EXPORT ScriptCancelled : public std::runtime_error {
 public:
  ScriptCancelled() : std::runtime_error("the script was cancelled") {}
};

namespace detail {

/// A task that `run` drives, and what it came to. On the heap, so that a task that does not end
/// even when it is cancelled can be left alone.
struct RunBase {
  explicit RunBase(CancelScope& parent) noexcept : scope(&parent) {}
  CancelScope scope;
  std::exception_ptr failure;
  bool ended = false;
};

template <class T>
struct RunState : RunBase {
  using RunBase::RunBase;
  std::optional<T> value;
};

template <>
struct RunState<void> : RunBase {
  using RunBase::RunBase;
};

template <class T>
Task<void> keep_outcome(Task<T> task, RunState<T>& state) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
    } else {
      T value = co_await std::move(task);
      state.value.emplace(std::move(value));
    }
  } catch (...) {
    state.failure = std::current_exception();
  }
  state.ended = true;
}

}  // namespace detail

/// Virtual time begins at an arbitrary point, not at zero; the wall clock at 2026-01-01 00:00 UTC.
class GATEWAYKIT_EXPORT VirtualExecutor final : public Executor {
 public:
  /// `seed` makes random() the same in every run.
  explicit VirtualExecutor(std::uint64_t seed = 1);
  /// Cancels what was spawned and drives it to its end; exceptions after that count for nothing.
  /// Ends the process with a message where a task does not end: its frame would be lost.
  ~VirtualExecutor() override;

  /// Drives `task` to its end and returns its value or throws its exception. Time moves on to the
  /// next deadline whenever nothing is ready. The task runs in a scope of its own; what it spawned
  /// there and left behind is cancelled and awaited.
  ///
  /// Throws std::logic_error where nothing is ready and no timer is armed (a deadlock in the test),
  /// and where more than `patience()` passes (something rearms its timer for ever, and nobody
  /// brings the end). The task is cancelled before. An exception of a spawned task is thrown too.
  template <class T>
  T run(Task<T> task);
  /// The same within `parent`, so that the test can cancel the task.
  template <class T>
  T run(Task<T> task, CancelScope& parent);

  /// Starts `task` beside what the test runs. It goes on in run, advance and settle, and ends with
  /// this object at the latest: declare before it what the task refers to to its end.
  void spawn(Task<void> task);
  /// The same in a scope of the caller's, which `finish` ends before it goes.
  void spawn(Task<void> task, CancelScope& scope);

  /// Lets all run that is ready, without moving time.
  void settle();
  /// Moves time on by `duration`, from deadline to deadline, and lets run what becomes ready.
  void advance(Duration duration);
  /// Cancels `scope` and drives what runs in it to its end. For destructors of test doubles.
  void finish(CancelScope& scope);

  /// How much virtual time one `run` may take: a day, unless told otherwise.
  Duration patience() const noexcept { return patience_; }
  void set_patience(Duration patience) noexcept { patience_ = patience; }

  /// Where objects under test live: this executor, its root scope, and the connector.
  Env env() noexcept { return {this, &root_, connector_}; }
  /// How pools dial. A MemoryNetwork sets itself here.
  Connector* connector() const noexcept { return connector_; }
  void set_connector(Connector* connector) noexcept { connector_ = connector; }

  std::chrono::system_clock::time_point wall_now() const override;
  void post(Function<void()> job) override;

 private:
  bool has_work();
  void turn();
  void refuse_nesting() const;
  void drive(detail::RunBase& state);
  /// Why it cannot go on; none where it has moved on.
  std::optional<std::string_view> step(TimePoint limit);
  /// False where the tasks of the scope do not end although it is cancelled.
  bool try_finish(CancelScope& scope);
  void rethrow_background_failure();
  Task<void> guard(Task<void> task);

  Duration patience_ = std::chrono::hours(24);
  Connector* connector_ = nullptr;
  CancelScope root_;
  std::exception_ptr background_failure_;
  bool is_in_turn_ = false;

  std::mutex mutex_;  // Guards what follows.
  std::vector<Function<void()>> posted_;
};

template <class T>
T VirtualExecutor::run(Task<T> task) {
  return run(std::move(task), root_);
}

template <class T>
T VirtualExecutor::run(Task<T> task, CancelScope& parent) {
  auto state = std::make_unique<detail::RunState<T>>(parent);
  state->scope.spawn(env(), detail::keep_outcome(std::move(task), *state));
  try {
    drive(*state);
  } catch (...) {
    // A frame that is suspended for ever must not find its scope gone.
    if (state->scope.running() > 0) static_cast<void>(state.release());
    throw;
  }
  if (state->failure != nullptr) std::rethrow_exception(state->failure);
  if constexpr (!std::is_void_v<T>) return std::move(*state->value);
}

}  // namespace gatewaykit::testing
