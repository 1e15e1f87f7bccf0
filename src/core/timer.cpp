// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/core/timer.hpp"

#include <cassert>

namespace gatewaykit {

Timer::~Timer() {
  if (index_ != kNotQueued) queue_->remove(*this);
}

void Timer::set(TimerQueue& queue, TimePoint deadline) {
  deadline_ = deadline;
  if (deadline == kNever) return;
  if (index_ == kNotQueued) {
    queue_ = &queue;
    queue.push(*this);
    return;
  }
  assert(queue_ == &queue);
  TimerQueue::Slot& slot = queue.heap_[index_];
  if (slot.key <= deadline) return;  // The heap catches up when the old key comes round.
  slot.key = deadline;
  queue.sift_up(index_);
}

TimerQueue::~TimerQueue() {
  for (const Slot& slot : heap_) {
    slot.timer->index_ = Timer::kNotQueued;
    slot.timer->deadline_ = kNever;
  }
}

void TimerQueue::fire(TimePoint now) {
  while (!heap_.empty() && heap_.front().key <= now) {
    Timer& timer = *heap_.front().timer;
    const TimePoint deadline = timer.deadline_;
    // Moved later: also one that is due finds its place among the others that are.
    if (deadline > heap_.front().key && deadline != kNever) {
      heap_.front().key = deadline;
      sift_down(0);
      continue;
    }
    remove(timer);
    timer.deadline_ = kNever;
    if (deadline != kNever) timer.callback_(timer);
  }
}

void TimerQueue::push(Timer& timer) {
  heap_.push_back({timer.deadline_, &timer});
  sift_up(heap_.size() - 1);
}

void TimerQueue::remove(Timer& timer) noexcept {
  const std::size_t index = timer.index_;
  timer.index_ = Timer::kNotQueued;
  const Slot last = heap_.back();
  heap_.pop_back();
  if (index == heap_.size()) return;
  place(index, last);
  sift_up(index);
  sift_down(last.timer->index_);
}

void TimerQueue::place(std::size_t index, Slot slot) noexcept {
  heap_[index] = slot;
  slot.timer->index_ = static_cast<std::uint32_t>(index);
}

void TimerQueue::sift_up(std::size_t index) noexcept {
  const Slot moving = heap_[index];
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (heap_[parent].key <= moving.key) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, moving);
}

void TimerQueue::sift_down(std::size_t index) noexcept {
  const Slot moving = heap_[index];
  for (;;) {
    std::size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].key < heap_[child].key) ++child;
    if (moving.key <= heap_[child].key) break;
    place(index, heap_[child]);
    index = child;
  }
  place(index, moving);
}

}  // namespace gatewaykit
