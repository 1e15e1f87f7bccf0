// SPDX-License-Identifier: Apache-2.0
#include "upstream/wait_queue.hpp"

namespace gatewaykit::upstream {

void WaitQueue::push(Waiter& waiter) noexcept {
  waiter.previous = last_;
  waiter.next = nullptr;
  (last_ == nullptr ? first_ : last_->next) = &waiter;
  last_ = &waiter;
  waiter.is_queued = true;
  ++size_;
}

Waiter* WaitQueue::pop() noexcept {
  Waiter* const waiter = first_;
  if (waiter != nullptr) remove(*waiter);
  return waiter;
}

Waiter* WaitQueue::pop_for_stream() noexcept {
  Waiter* waiter = first_;
  while (waiter != nullptr && waiter->needs_http1) waiter = waiter->next;
  if (waiter != nullptr) remove(*waiter);
  return waiter;
}

void WaitQueue::remove(Waiter& waiter) noexcept {
  if (!waiter.is_queued) return;
  (waiter.previous == nullptr ? first_ : waiter.previous->next) = waiter.next;
  (waiter.next == nullptr ? last_ : waiter.next->previous) = waiter.previous;
  waiter.is_queued = false;
  --size_;
}

}  // namespace gatewaykit::upstream
