// SPDX-License-Identifier: Apache-2.0
// LogTime: wall-clock time as RFC 3339 text in UTC with milliseconds; all but the milliseconds is
// made once per second. One thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace gatewaykit::observe {

class LogTime {
 public:
  /// "2026-01-31T23:59:59.123Z"; valid until the next call.
  std::string_view text(std::chrono::system_clock::time_point time) noexcept;

 private:
  std::array<char, 24> text_{};
  std::chrono::sys_seconds second_ = std::chrono::sys_seconds::min();
};

}  // namespace gatewaykit::observe
