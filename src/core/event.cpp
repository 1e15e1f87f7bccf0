// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/core/event.hpp"

#include <cassert>
#include <utility>

#include "gatewaykit/core/cancel_scope.hpp"
#include "gatewaykit/core/executor.hpp"

namespace gatewaykit {

void Event::set() noexcept {
  if (waiter_ != nullptr) {
    wake(Wake::signalled);
  } else {
    signalled_ = true;
  }
}

void Event::wake(Wake reason) noexcept {
  Waiter& waiter = *std::exchange(waiter_, nullptr);
  clear();
  waiter.unlink();
  waiter.reason_ = reason;
  waiter.executor_->make_ready(waiter.coroutine_);
}

void Event::on_deadline(Timer& timer) noexcept {
  auto& event = static_cast<Event&>(timer);
  if (event.waiter_ != nullptr) event.wake(Wake::timeout);
}

bool Event::Waiter::suspend(std::coroutine_handle<> coroutine, const Env& env) noexcept {
  assert(event_.waiter_ == nullptr && "an event has one waiter");
  if (env.scope != nullptr && env.scope->cancelled()) {
    reason_ = Wake::cancelled;
    return false;
  }
  if (deadline_ <= env.executor->now()) {
    reason_ = Wake::timeout;
    return false;
  }
  coroutine_ = coroutine;
  executor_ = env.executor;
  event_.waiter_ = this;
  if (env.scope != nullptr) env.scope->insert(*this);
  event_.Timer::set(executor_->timers(), deadline_);
  return true;
}

void Event::Waiter::on_scope_cancelled(CancelNode& node) noexcept {
  static_cast<Waiter&>(node).event_.wake(Wake::cancelled);
}

}  // namespace gatewaykit
