// SPDX-License-Identifier: Apache-2.0
#include "server/newcomer.hpp"

#include <algorithm>

#include "server/worker.hpp"

namespace gatewaykit::server {

Newcomer::Newcomer(Worker& worker) : worker_(worker), scope_(worker.env().scope) {
  worker_.connection_opened(*this);
  worker_.connection_idle(*this);
}

Newcomer::~Newcomer() {
  if (gate_ != nullptr) gate_->leave(*this);
  worker_.connection_closed(*this);
}

Task<bool> HandshakeGate::enter(Newcomer& newcomer, TimePoint deadline) {
  const Env env = co_await current_env();
  append(newcomer);
  admit(env.executor->now());
  while (newcomer.begun_at_ == kNever) {
    // Where all are giving way, their turns go to others about now.
    Newcomer* slowest = oldest();
    const TimePoint since = slowest == nullptr ? env.executor->now() : slowest->begun_at_;
    const Wake wake = co_await newcomer.turn_.wait(std::min(since + patience_, deadline));
    if (wake == Wake::cancelled) co_return false;
    if (newcomer.begun_at_ != kNever) break;
    const TimePoint now = env.executor->now();
    if (now >= deadline) co_return false;
    slowest = oldest();  // Another one, where that one has ended or given way meanwhile.
    if (slowest != nullptr && slowest->begun_at_ + patience_ <= now) slowest->give_way();
  }
  co_return true;
}

void HandshakeGate::append(Newcomer& newcomer) noexcept {
  newcomer.gate_ = this;
  newcomer.previous_ = last_;
  (last_ == nullptr ? first_ : last_->next_) = &newcomer;
  last_ = &newcomer;
  if (first_waiting_ == nullptr) first_waiting_ = &newcomer;
}

void HandshakeGate::leave(Newcomer& newcomer) noexcept {
  if (first_waiting_ == &newcomer) first_waiting_ = newcomer.next_;
  (newcomer.previous_ == nullptr ? first_ : newcomer.previous_->next_) = newcomer.next_;
  (newcomer.next_ == nullptr ? last_ : newcomer.next_->previous_) = newcomer.previous_;
  if (newcomer.begun_at_ == kNever) return;
  --under_way_;
  admit(newcomer.worker_.loop().now());
}

void HandshakeGate::admit(TimePoint now) noexcept {
  while (under_way_ < most_ && first_waiting_ != nullptr) {
    Newcomer& next = *first_waiting_;
    first_waiting_ = next.next_;
    next.begun_at_ = now;
    ++under_way_;
    if (next.turn_.has_waiter()) next.turn_.set();
  }
}

Newcomer* HandshakeGate::oldest() const noexcept {
  Newcomer* each = first_;
  while (each != first_waiting_ && each->scope_.cancelled()) each = each->next_;
  return each == first_waiting_ ? nullptr : each;
}

}  // namespace gatewaykit::server
