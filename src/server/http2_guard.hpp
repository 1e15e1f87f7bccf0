// SPDX-License-Identifier: Apache-2.0
// Http2Guard: tells a client of HTTP/2 that makes the gateway work in vain from one that is merely
// busy. Streams that are reset before they are answered, whoever resets them (CVE-2023-44487,
// CVE-2025-8671), and frames that ask for nothing (CVE-2019-9512, 9515, 9518) are counted against
// allowances, which come back with time and, for frames, with honest work.
#pragma once

#include <cstdint>

#include "core/allowance.hpp"
#include "gatewaykit/server/gateway.hpp"

namespace gatewaykit::server {

class Http2Guard {
 public:
  Http2Guard(const Http2Options& options, TimePoint now) noexcept
      : resets_(options.resets, 6, now), idle_frames_(options.idle_frames, 10, now) {}

  /// A stream was reset by the client, or for what it did. False: enough of it.
  bool allow_reset(TimePoint now) noexcept { return resets_.take(now); }
  /// A frame came that neither asks for something nor brings content. False: enough of them.
  bool allow_idle_frame(TimePoint now) noexcept { return idle_frames_.take(now); }
  /// A request, or content in either direction: each lets a few other frames come with it.
  void note_work() noexcept {
    constexpr std::int64_t kPerWork = 4;
    idle_frames_.add(kPerWork);
  }

 private:
  Allowance resets_;
  Allowance idle_frames_;
};

}  // namespace gatewaykit::server
