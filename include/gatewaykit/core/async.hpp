// SPDX-License-Identifier: Apache-2.0
// Ways to wait and to combine tasks: sleep_for, next_turn, with_timeout, when_all, shield. All are
// structured: none returns before every child has ended.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "gatewaykit/core/cancel_scope.hpp"
#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/core/result.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/export.hpp"

namespace gatewaykit {

/// Waits; fails with Errc::cancelled where the scope is cancelled first.
GATEWAYKIT_EXPORT Task<Result<>> sleep_for(Duration duration);

/// Goes on in a later turn, so that others get theirs: for between the pieces of long work. Fails
/// with Errc::cancelled where the scope is cancelled first.
GATEWAYKIT_EXPORT Task<Result<>> next_turn();

namespace detail {

/// Cancels a scope at a deadline.
class GATEWAYKIT_EXPORT DeadlineTimer : private Timer {
 public:
  DeadlineTimer(CancelScope& scope, Executor& executor, TimePoint deadline);
  /// The scope was cancelled by this, and by nothing else before.
  bool fired() const noexcept { return fired_; }

 private:
  static void on_deadline(Timer& timer) noexcept;
  CancelScope& scope_;
  bool fired_ = false;
};

template <class T>
Task<void> store_result(Task<T> task, std::optional<T>& slot) {
  slot = co_await std::move(task);
}

}  // namespace detail

/// Runs `task` and cancels it when `duration` has passed. The child is always awaited: a value that
/// it produced although it was cancelled is returned, its Errc::cancelled becomes `on_timeout`.
template <class T>
Task<Result<T>> with_timeout(Duration duration, Task<Result<T>> task,
                             Errc on_timeout = Errc::total_timeout,
                             Origin origin = Origin::gateway) {
  const Env env = co_await current_env();
  CancelScope scope(env.scope);
  detail::DeadlineTimer timer(scope, *env.executor, deadline_after(env.executor->now(), duration));
  Result<T> result = co_await std::move(task).under(scope);
  if (!result && result.error().code == Errc::cancelled && timer.fired()) {
    co_return Error(on_timeout, origin);
  }
  co_return result;
}

/// Runs all tasks at once; their values in the order of the tasks. An exception of one cancels the
/// others and is rethrown once all have ended.
template <class T>
Task<std::vector<T>> when_all(std::vector<Task<T>> tasks) {
  const Env env = co_await current_env();
  CancelScope scope(env.scope);
  std::vector<std::optional<T>> slots(tasks.size());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    scope.spawn(env, detail::store_result(std::move(tasks[i]), slots[i]));
  }
  co_await scope.join();
  std::vector<T> values;
  values.reserve(slots.size());
  for (std::optional<T>& slot : slots) values.push_back(std::move(*slot));
  co_return values;
}

/// Runs `task` where the caller's cancellation does not reach: for clean-up that must finish.
template <class T>
Task<T> shield(Task<T> task) {
  CancelScope unreachable;
  co_return co_await std::move(task).under(unreachable);
}

}  // namespace gatewaykit
