// SPDX-License-Identifier: Apache-2.0
// Allowance: how often something may happen: so many times at once, all of which come back with
// time. What tells those who wear a peer out from those who are merely busy. One thread's.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "gatewaykit/core/timer.hpp"

namespace gatewaykit {

class Allowance {
 public:
  /// `most` at once, all of which come back in so many seconds; one each second at least.
  Allowance(std::int64_t most, std::int64_t seconds, TimePoint now) noexcept
      : most_(most),
        per_second_(std::max<std::int64_t>(most / seconds, 1)),
        left_(most),
        renewed_(now) {}

  /// False: enough of it.
  bool take(TimePoint now) noexcept {
    renew(now);
    if (left_ == 0) return false;
    --left_;
    return true;
  }
  void add(std::int64_t count) noexcept { left_ = std::min(left_ + count, most_); }

 private:
  void renew(TimePoint now) noexcept {
    const auto passed = std::chrono::duration_cast<std::chrono::seconds>(now - renewed_);
    if (passed.count() <= 0) return;
    renewed_ += passed;
    // More would be as much, and could be more than the numbers hold.
    add(std::min<std::int64_t>(passed.count(), most_) * per_second_);
  }

  std::int64_t most_;
  std::int64_t per_second_;
  std::int64_t left_;
  TimePoint renewed_;
};

}  // namespace gatewaykit
