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

namespace gatewaykit::server {

class Http2Guard {
 public:
  explicit Http2Guard(TimePoint now) noexcept : renewed_(now) {}

  /// A stream was reset by the client, or for what it did. False: enough of it.
  bool allow_reset(TimePoint now) noexcept {
    renew(now);
    return take(resets_);
  }
  /// A frame came that neither asks for something nor brings content. False: enough of them.
  bool allow_idle_frame(TimePoint now) noexcept {
    renew(now);
    return take(idle_frames_);
  }
  /// A request, or content in either direction: each lets a few other frames come with it.
  void note_work() noexcept {
    constexpr std::int64_t kPerWork = 4;
    idle_frames_ = std::min(idle_frames_ + kPerWork, kMostIdleFrames);
  }

 private:
  static constexpr std::int64_t kMostResets = 200;
  static constexpr std::int64_t kResetsPerSecond = 33;
  static constexpr std::int64_t kMostIdleFrames = 1000;
  static constexpr std::int64_t kIdleFramesPerSecond = 100;

  static bool take(std::int64_t& allowance) noexcept {
    if (allowance == 0) return false;
    --allowance;
    return true;
  }

  void renew(TimePoint now) noexcept {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - renewed_);
    if (seconds.count() == 0) return;
    renewed_ += seconds;
    resets_ = std::min(resets_ + seconds.count() * kResetsPerSecond, kMostResets);
    idle_frames_ = std::min(idle_frames_ + seconds.count() * kIdleFramesPerSecond, kMostIdleFrames);
  }

  TimePoint renewed_;
  std::int64_t resets_ = kMostResets;
  std::int64_t idle_frames_ = kMostIdleFrames;
};

}  // namespace gatewaykit::server
