// SPDX-License-Identifier: Apache-2.0
#include "upstream/ejection.hpp"

#include <algorithm>

namespace gatewaykit::upstream {

namespace {

/// base * 2^doublings, at most `longest`, without overflow.
Duration doubled(Duration base, std::uint32_t doublings, Duration longest) noexcept {
  Duration duration = base;
  for (; doublings > 0 && duration < longest; --doublings) {
    if (duration > longest / 2) return longest;
    duration *= 2;
  }
  return std::min(duration, longest);
}

}  // namespace

void Ejection::chosen(TimePoint now) noexcept {
  std::int64_t until = until_.load(std::memory_order_relaxed);
  if (until == kHealthy || ticks(now) < until) return;
  const std::int64_t next_probe = ticks(now + policy_.base);
  if (until_.compare_exchange_strong(until, next_probe, std::memory_order_relaxed)) {
    probing_.store(true, std::memory_order_relaxed);
  }
}

void Ejection::succeeded() noexcept {
  // Loads first: in the common case no cache line is written.
  if (consecutive_.load(std::memory_order_relaxed) == 0) return;
  consecutive_.store(0, std::memory_order_relaxed);
  until_.store(kHealthy, std::memory_order_relaxed);
}

void Ejection::failed(TimePoint now) noexcept {
  const std::uint32_t failures = consecutive_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (failures < policy_.consecutive_failures) return;
  // Requests that were under way when the target was ejected tell nothing new when they fail.
  if (is_ejected(now) && !probing_.exchange(false, std::memory_order_relaxed)) return;

  if (ticks(now) >= forgiven_at_.load(std::memory_order_relaxed)) {
    ejections_.store(0, std::memory_order_relaxed);
  }
  const std::uint32_t before = ejections_.fetch_add(1, std::memory_order_relaxed);
  const TimePoint until = now + doubled(policy_.base, before, policy_.longest);
  until_.store(ticks(until), std::memory_order_relaxed);
  forgiven_at_.store(ticks(until + policy_.longest), std::memory_order_relaxed);
}

}  // namespace gatewaykit::upstream
