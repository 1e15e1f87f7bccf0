// SPDX-License-Identifier: Apache-2.0
// WaitQueue: exchanges that wait for something of one lane, first come first served. A waiter lives
// in the frame of the coroutine that waits. One worker's thread only.
#pragma once

#include <cstddef>

#include "gatewaykit/core/event.hpp"

namespace gatewaykit::upstream {

class Http1Connection;

struct Waiter {
  /// What it was given: looked at after every wake, since it may have come in the same turn as a
  /// timeout or a cancellation.
  Http1Connection* connection = nullptr;
  bool may_dial = false;
  bool is_queued = false;
  Event event;
  Waiter* previous = nullptr;
  Waiter* next = nullptr;
};

class WaitQueue {
 public:
  std::size_t size() const noexcept { return size_; }
  void push(Waiter& waiter) noexcept;
  /// The one that waits longest; null where nobody does.
  Waiter* pop() noexcept;
  void remove(Waiter& waiter) noexcept;

 private:
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace gatewaykit::upstream
