// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/core/async.hpp"

#include "core/alarm.hpp"

namespace gatewaykit {

Task<Result<>> sleep_for(Duration duration) {
  const Env env = co_await current_env();
  Event never_set;
  const Wake wake = co_await never_set.wait(deadline_after(env.executor->now(), duration));
  if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::gateway);
  co_return Result<>();
}

Task<Result<>> next_turn() {
  const Env env = co_await current_env();
  Alarm turn(*env.executor, env.executor->now());
  const Wake wake = co_await turn.rung.wait();
  if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::gateway);
  co_return Result<>();
}

namespace detail {

DeadlineTimer::DeadlineTimer(CancelScope& scope, Executor& executor, TimePoint deadline)
    : Timer(&DeadlineTimer::on_deadline), scope_(scope) {
  set(executor.timers(), deadline);
}

void DeadlineTimer::on_deadline(Timer& timer) noexcept {
  auto& self = static_cast<DeadlineTimer&>(timer);
  // A scope that was cancelled before was not cancelled by the deadline.
  self.fired_ = !self.scope_.cancelled();
  self.scope_.cancel();
}

}  // namespace detail

}  // namespace gatewaykit
