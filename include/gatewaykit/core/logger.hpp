// SPDX-License-Identifier: Apache-2.0
// LogSink: where the library's own lines go (faults, reloads, drops), never request logs. The host
// gives one in GatewayOptions; the default writes to standard error. Called from any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "gatewaykit/core/function.hpp"
#include "gatewaykit/export.hpp"

namespace gatewaykit {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

GATEWAYKIT_EXPORT std::string_view to_string(LogLevel level) noexcept;

/// Receives one line, without a line end. Must not block for long and must be thread-safe.
using LogSink = Function<void(LogLevel, std::string_view) const>;

/// One line "time level message" on standard error, in a single write.
GATEWAYKIT_EXPORT void log_to_stderr(LogLevel level, std::string_view line);

}  // namespace gatewaykit
