// SPDX-License-Identifier: Apache-2.0
// Event: the one leaf that coroutines suspend on: a signal that is remembered until it is waited
// for, with an optional deadline. One waiter at a time; one executor thread only.
#pragma once

#include <cassert>
#include <coroutine>
#include <cstdint>

#include "gatewaykit/core/env.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/export.hpp"

namespace gatewaykit {

class Event;

namespace detail {

/// A link in a scope's list of what to wake when it is cancelled.
struct CancelNode {
  using Callback = void (*)(CancelNode&) noexcept;

  explicit CancelNode(Callback callback) noexcept : on_cancel(callback) {}
  CancelNode(const CancelNode&) = delete;
  CancelNode& operator=(const CancelNode&) = delete;

  bool linked() const noexcept { return next != nullptr; }
  void unlink() noexcept {
    if (next == nullptr) return;
    previous->next = next;
    next->previous = previous;
    next = previous = nullptr;
  }

  CancelNode* previous = nullptr;
  CancelNode* next = nullptr;
  Callback on_cancel;
};

struct SpawnedFrame;

}  // namespace detail

/// Why a wait ended.
enum class Wake : std::uint8_t { signalled, timeout, cancelled };

class GATEWAYKIT_EXPORT Event : private Timer {
 public:
  class Waiter;

  Event() noexcept : Timer(&Event::on_deadline) {}
  ~Event() { assert(waiter_ == nullptr && "an event outlives its waiter"); }

  /// Wakes the waiter through the ready queue, or lets the next wait pass at once.
  void set() noexcept;
  /// Forgets a signal that nobody has waited for.
  void reset() noexcept { signalled_ = false; }
  bool has_waiter() const noexcept { return waiter_ != nullptr; }

  /// `const Wake wake = co_await event.wait(deadline);`
  Waiter wait(TimePoint deadline = kNever) noexcept;

 private:
  static void on_deadline(Timer& timer) noexcept;
  void wake(Wake reason) noexcept;

  Waiter* waiter_ = nullptr;
  bool signalled_ = false;
};

/// The awaiter of Event::wait.
class GATEWAYKIT_EXPORT Event::Waiter : private detail::CancelNode {
 public:
  Waiter(Event& event, TimePoint deadline) noexcept
      : CancelNode(&Waiter::on_scope_cancelled), event_(event), deadline_(deadline) {}

  bool await_ready() noexcept {
    if (!event_.signalled_) return false;
    event_.signalled_ = false;
    return true;
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
    return suspend(coroutine, coroutine.promise().env);
  }
  Wake await_resume() const noexcept { return reason_; }

 private:
  friend class Event;

  /// False where the wait is over before it began: the scope is cancelled, the deadline past.
  bool suspend(std::coroutine_handle<> coroutine, const Env& env) noexcept;
  static void on_scope_cancelled(CancelNode& node) noexcept;

  Event& event_;
  TimePoint deadline_;
  std::coroutine_handle<> coroutine_;
  Executor* executor_ = nullptr;
  Wake reason_ = Wake::signalled;
};

inline Event::Waiter Event::wait(TimePoint deadline) noexcept { return Waiter(*this, deadline); }

}  // namespace gatewaykit
