// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/core/logger.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <ctime>

namespace gatewaykit {

std::string_view to_string(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "unknown";
}

void log_to_stderr(LogLevel level, std::string_view line) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  std::tm utc{};
  gmtime_r(&now.tv_sec, &utc);
  char stamp[32];
  const std::size_t size = std::strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
  const std::string text = fmt::format("{}.{:03}Z {} {}\n", std::string_view(stamp, size),
                                       now.tv_nsec / 1'000'000, to_string(level), line);
  // One write keeps lines of several threads apart; a failing stderr has nobody left to tell.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace gatewaykit
