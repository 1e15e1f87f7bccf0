// SPDX-License-Identifier: Apache-2.0
// Timer and TimerQueue: deadlines on the monotonic clock, made for timers that are moved far more
// often than they fire. Moving a deadline later, or clearing it, is a store; the heap catches up
// when the old deadline comes round. One executor thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gatewaykit/export.hpp"

namespace gatewaykit {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// No deadline.
inline constexpr TimePoint kNever = TimePoint::max();

/// `duration` after `now`; kNever where that is beyond the end of time.
constexpr TimePoint deadline_after(TimePoint now, Duration duration) noexcept {
  return duration > kNever - now ? kNever : now + duration;
}

class TimerQueue;

/// A deadline embedded in the object that it concerns. Destroying it disarms it.
class GATEWAYKIT_EXPORT Timer {
 public:
  using Callback = void (*)(Timer&) noexcept;

  explicit Timer(Callback callback) noexcept : callback_(callback) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  /// Calls back once when `deadline` has passed; replaces an earlier deadline.
  void set(TimerQueue& queue, TimePoint deadline);
  /// No call back any more.
  void clear() noexcept { deadline_ = kNever; }
  TimePoint deadline() const noexcept { return deadline_; }

 private:
  friend class TimerQueue;
  static constexpr std::uint32_t kNotQueued = UINT32_MAX;

  TimePoint deadline_ = kNever;
  TimerQueue* queue_ = nullptr;
  Callback callback_;
  std::uint32_t index_ = kNotQueued;
};

/// A binary heap of timers by the deadline they were queued with, which may be earlier than the
/// one they have now.
class GATEWAYKIT_EXPORT TimerQueue {
 public:
  TimerQueue() noexcept = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  /// Timers may outlive it; they are disarmed.
  ~TimerQueue();

  /// When `fire` wants to be called next; kNever when nothing is queued. May be early, never late.
  TimePoint next() const noexcept { return heap_.empty() ? kNever : heap_.front().key; }
  /// Calls back every timer whose deadline is at or before `now`.
  void fire(TimePoint now);

 private:
  friend class Timer;
  struct Slot {
    TimePoint key;
    Timer* timer;
  };

  void push(Timer& timer);
  void remove(Timer& timer) noexcept;
  void sift_up(std::size_t index) noexcept;
  void sift_down(std::size_t index) noexcept;
  void place(std::size_t index, Slot slot) noexcept;

  std::vector<Slot> heap_;
};

}  // namespace gatewaykit
