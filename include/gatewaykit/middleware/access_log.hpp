// SPDX-License-Identifier: Apache-2.0
// access_log: one JSON object per request, whatever became of it, formatted on the worker and
// written by a thread of its own, so that a full disk or a blocked reader never delays a request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/core/function.hpp"
#include "gatewaykit/export.hpp"
#include "gatewaykit/routing/middleware.hpp"

namespace gatewaykit {

struct AccessLogOptions {
  /// Where lines go: a path (appended to), or "-" for standard output. Not used with `sink`.
  std::string file = "-";
  /// Receives whole lines, on the writer's thread, in place of a file.
  Function<void(std::string_view lines)> sink = nullptr;
  /// Lines that wait to be written, in bytes over all workers; beyond it lines are dropped and
  /// counted.
  std::size_t buffer = 8 << 20;
  /// Query parameters whose values are replaced by "***", without case; more may be added.
  std::vector<std::string> redact = {"access_token", "api_key", "apikey",   "auth",  "code",
                                     "key",          "password", "secret",  "sig",   "signature",
                                     "token"};
};

/// Throws ConfigError where the file cannot be opened for appending.
GATEWAYKIT_EXPORT MiddlewarePtr access_log(AccessLogOptions options = {});

}  // namespace gatewaykit
