// SPDX-License-Identifier: Apache-2.0
#include "upstream/retry_budget.hpp"

#include <algorithm>

namespace gatewaykit::upstream {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kWindowLength = 5 * kSecond;

}  // namespace

RetryBudget::Window& RetryBudget::window(TimePoint now) noexcept {
  const std::int64_t number = now.time_since_epoch().count() / kWindowLength;
  Window& window = windows_[static_cast<std::size_t>(number & 1)];
  std::int64_t present = window.number.load(std::memory_order_relaxed);
  if (present != number && window.number.compare_exchange_strong(present, number)) {
    window.requests.store(0, std::memory_order_relaxed);
    window.retries.store(0, std::memory_order_relaxed);
  }
  return window;
}

bool RetryBudget::take_retry(TimePoint now) noexcept {
  Window& current = window(now);
  const std::int64_t number = current.number.load(std::memory_order_relaxed);
  std::uint64_t requests = 0;
  std::uint64_t retries = 0;
  for (const Window& window : windows_) {
    if (window.number.load(std::memory_order_relaxed) < number - 1) continue;
    requests += window.requests.load(std::memory_order_relaxed);
    retries += window.retries.load(std::memory_order_relaxed);
  }
  const bool within_ratio =
      static_cast<double>(retries) + 1 <= ratio_ * static_cast<double>(requests);
  if (!within_ratio && !take_from_floor(now)) return false;
  current.retries.fetch_add(1, std::memory_order_relaxed);
  total_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

/// One permission every tenth of a second, of which a second's worth may be saved up.
bool RetryBudget::take_from_floor(TimePoint now) noexcept {
  constexpr std::int64_t kInterval = kSecond / kAlwaysPerSecond;
  const std::int64_t time = now.time_since_epoch().count();
  std::int64_t next = floor_next_.load(std::memory_order_relaxed);
  for (;;) {
    const std::int64_t earliest = std::max(next, time - kSecond + kInterval);
    if (earliest > time) return false;
    if (floor_next_.compare_exchange_weak(next, earliest + kInterval)) return true;
  }
}

}  // namespace gatewaykit::upstream
