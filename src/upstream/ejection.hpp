// SPDX-License-Identifier: Apache-2.0
// Ejection: passive health of one target. Some failures in a row leave it out for a while that
// doubles each time; then one request at a time tries it until one succeeds. Shared by all workers:
// atomics, no lock; a race costs a request more or less, never a wrong state for long.
#pragma once

#include <atomic>
#include <cstdint>

#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/upstream/upstream_pool.hpp"

namespace gatewaykit::upstream {

class Ejection {
 public:
  explicit Ejection(EjectionPolicy policy) noexcept : policy_(policy) {}

  /// The target is left out at `now`.
  bool is_ejected(TimePoint now) const noexcept {
    const std::int64_t until = until_.load(std::memory_order_relaxed);
    return until != kHealthy && ticks(now) < until;
  }

  /// A request goes to the target. The first one after an ejection is a probe: others are kept
  /// away for as long as an ejection lasts at first.
  void chosen(TimePoint now) noexcept;
  /// A response head came: the target is open for all again, on probation until a success.
  void answered() noexcept {
    if (until_.load(std::memory_order_relaxed) == kHealthy) return;
    until_.store(kHealthy, std::memory_order_relaxed);
  }
  /// A whole response came.
  void succeeded() noexcept;
  void failed(TimePoint now) noexcept;

 private:
  static constexpr std::int64_t kHealthy = INT64_MIN;
  static std::int64_t ticks(TimePoint time) noexcept { return time.time_since_epoch().count(); }

  EjectionPolicy policy_;
  std::atomic<std::int64_t> until_{kHealthy};
  std::atomic<std::int64_t> forgiven_at_{kHealthy};  // When the doubling starts again from base.
  std::atomic<std::uint32_t> consecutive_{0};
  std::atomic<std::uint32_t> ejections_{0};
  std::atomic<bool> probing_{false};
};

}  // namespace gatewaykit::upstream
