// SPDX-License-Identifier: Apache-2.0
// Http2Guard: tells a client of HTTP/2 that makes the gateway work in vain from one that is merely
// busy. Streams that are reset before they are answered, whoever resets them (CVE-2023-44487,
// CVE-2025-8671), and frames that ask for nothing (CVE-2019-9512, 9515, 9518) are counted against
// allowances, which come back with time and, for frames, with honest work.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/server/gateway.hpp"

namespace gatewaykit::server {

class Http2Guard {
 public:
  Http2Guard(const Http2Options& options, TimePoint now) noexcept
      : renewed_(now), resets_(options.resets, 6), idle_frames_(options.idle_frames, 10) {}

  /// A stream was reset by the client, or for what it did. False: enough of it.
  bool allow_reset(TimePoint now) noexcept {
    renew(now);
    return resets_.take();
  }
  /// A frame came that neither asks for something nor brings content. False: enough of them.
  bool allow_idle_frame(TimePoint now) noexcept {
    renew(now);
    return idle_frames_.take();
  }
  /// A request, or content in either direction: each lets a few other frames come with it.
  void note_work() noexcept {
    constexpr std::int64_t kPerWork = 4;
    idle_frames_.add(kPerWork);
  }

 private:
  /// `most` at once, all of which come back in so many seconds.
  class Allowance {
   public:
    Allowance(std::int64_t most, std::int64_t seconds) noexcept
        : most_(most), per_second_(std::max<std::int64_t>(most / seconds, 1)), left_(most) {}
    bool take() noexcept {
      if (left_ == 0) return false;
      --left_;
      return true;
    }
    void add(std::int64_t count) noexcept { left_ = std::min(left_ + count, most_); }
    void renew(std::int64_t seconds) noexcept {
      // More would be as much, and could be more than the numbers hold.
      add(std::min(seconds, most_) * per_second_);
    }

   private:
    std::int64_t most_;
    std::int64_t per_second_;
    std::int64_t left_;
  };

  void renew(TimePoint now) noexcept {
    const auto passed = std::chrono::duration_cast<std::chrono::seconds>(now - renewed_);
    if (passed.count() == 0) return;
    renewed_ += passed;
    resets_.renew(passed.count());
    idle_frames_.renew(passed.count());
  }

  TimePoint renewed_;
  Allowance resets_;
  Allowance idle_frames_;
};

}  // namespace gatewaykit::server
