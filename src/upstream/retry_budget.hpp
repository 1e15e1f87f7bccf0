// SPDX-License-Identifier: Apache-2.0
// RetryBudget: keeps retries a fraction of the requests, so that a pool in trouble is not sent a
// multiple of its load; a few a second are always allowed. Shared by all workers: atomics, no lock;
// the counts of a window may be off by what races at its turn.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "gatewaykit/core/timer.hpp"

namespace gatewaykit::upstream {

class RetryBudget {
 public:
  /// `ratio`: retries per request over the last 5 to 10 seconds.
  explicit RetryBudget(double ratio) noexcept : ratio_(ratio) {}

  void count_request(TimePoint now) noexcept {
    window(now).requests.fetch_add(1, std::memory_order_relaxed);
  }
  /// True where a retry is allowed now; it is then counted.
  bool take_retry(TimePoint now) noexcept;

  /// Retries that were allowed so far.
  std::uint64_t retries() const noexcept { return total_.load(std::memory_order_relaxed); }

  static constexpr std::int64_t kAlwaysPerSecond = 10;

 private:
  /// Half of the time that is looked back on.
  struct Window {
    std::atomic<std::int64_t> number{-1};
    std::atomic<std::uint32_t> requests{0};
    std::atomic<std::uint32_t> retries{0};
  };

  Window& window(TimePoint now) noexcept;
  bool take_from_floor(TimePoint now) noexcept;

  double ratio_;
  std::array<Window, 2> windows_;
  std::atomic<std::int64_t> floor_next_{INT64_MIN};
  std::atomic<std::uint64_t> total_{0};
};

}  // namespace gatewaykit::upstream
