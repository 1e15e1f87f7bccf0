// SPDX-License-Identifier: Apache-2.0
// WaitQueue: exchanges that wait for something of one lane, first come first served. A waiter lives
// in the frame of the coroutine that waits. One worker's thread only.
#pragma once

#include <cstddef>
#include <optional>

#include "gatewaykit/core/error.hpp"
#include "gatewaykit/core/event.hpp"
#include "upstream/lease.hpp"

namespace gatewaykit::upstream {

struct Waiter {
  explicit Waiter(bool waits_for_http1 = false) noexcept : needs_http1(waits_for_http1) {}

  const bool needs_http1;
  /// What it was given: looked at after every wake, since it may have come in the same turn as a
  /// timeout or a cancellation.
  Lease lease;
  std::optional<Error> failure;
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
  /// The one of those who take a stream of HTTP/2.
  Waiter* pop_for_stream() noexcept;
  void remove(Waiter& waiter) noexcept;

 private:
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace gatewaykit::upstream
