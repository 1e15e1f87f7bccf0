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
#include "gatewaykit/core/result.hpp"
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
  std::vector<std::string> redact = {"access_token",
                                     "api_key",
                                     "apikey",
                                     "auth",
                                     "client_secret",
                                     "code",
                                     "id_token",
                                     "jwt",
                                     "key",
                                     "password",
                                     "refresh_token",
                                     "secret",
                                     "sig",
                                     "signature",
                                     "token",
                                     "x-amz-credential",
                                     "x-amz-security-token",
                                     "x-amz-signature",
                                     "x-goog-signature"};
};

/// What a log has done so far, over all workers.
struct AccessLogStats {
  std::uint64_t lines;    ///< Written.
  std::uint64_t dropped;  ///< Lost, since what had to wait did not fit `buffer`.
};

/// A log that a host keeps a handle of: to have its file opened again after a rotation, and for its
/// counts. Cheap to copy, any thread. What waits is written before the last copy and the last
/// middleware are gone, for a second at most.
class GATEWAYKIT_EXPORT AccessLog {
 public:
  /// Throws ConfigError where the file cannot be opened for appending.
  explicit AccessLog(AccessLogOptions options = {});

  /// Opens the file again by its name; a failure leaves the old one in use.
  Result<> reopen();
  AccessLogStats stats() const noexcept;

  class State;  // Private to the library.

 private:
  friend GATEWAYKIT_EXPORT MiddlewarePtr access_log(AccessLog log);
  std::shared_ptr<State> state_;
};

/// Logs the requests that pass, when they are over. Members of a line, in this order; those in
/// brackets are there when they apply:
///
///     time (UTC, of the end), [id], client, method, target (secrets redacted), [host], [route],
///     status, bytes_in, bytes_out, duration (seconds),
///     [pool, upstream, attempts, upstream_time (seconds to the response head)],
///     [error, error_origin, error_detail], [user_agent]
///
/// Lines that were dropped leave {"time":…,"dropped":N} behind.
GATEWAYKIT_EXPORT MiddlewarePtr access_log(AccessLog log);
/// The same for a log that nobody else holds.
GATEWAYKIT_EXPORT MiddlewarePtr access_log(AccessLogOptions options = {});

}  // namespace gatewaykit
