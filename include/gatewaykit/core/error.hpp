// SPDX-License-Identifier: Apache-2.0
// Error: what went wrong, whose side it was on, and whether trying again is sound.
// Errors are values in gatewaykit; exceptions are for wiring mistakes (ConfigError) and bugs only.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gatewaykit/export.hpp"

namespace gatewaykit {

/// The side on which a failure happened. Outer layers decide on this and on the code, never on
/// the status number of a response.
enum class Origin : std::uint8_t { client, upstream, gateway };

/// Every failure that the library itself names.
enum class Errc : std::uint8_t {
  cancelled,
  connect_timeout,
  tls_timeout,
  first_byte_timeout,
  idle_timeout,
  total_timeout,
  queue_timeout,
  client_header_timeout,
  client_body_timeout,
  connect_failed,
  tls_failed,
  reset,
  protocol,
  bad_message,
  no_healthy_target,
  breaker_open,
  queue_full,
  head_too_large,
  body_too_large,
  store_unavailable,
  invalid_config,
};

/// The enumerator's own name, as it stands in logs.
GATEWAYKIT_EXPORT std::string_view to_string(Errc code) noexcept;
GATEWAYKIT_EXPORT std::string_view to_string(Origin origin) noexcept;

/// A failure as a value. `detail` is for the operator's log; it never reaches a client.
struct Error {
  Error(Errc error_code, Origin error_origin, std::string error_detail = {}, bool may_retry = false)
      : code(error_code),
        origin(error_origin),
        retryable(may_retry),
        detail(std::move(error_detail)) {}

  Errc code;
  Origin origin;
  bool retryable;  ///< True only where the request provably had no effect.
  std::string detail;
};

/// Thrown while wiring (never once a gateway listens). Names every mistake that was found.
class GATEWAYKIT_EXPORT ConfigError : public std::runtime_error {
 public:
  explicit ConfigError(std::vector<std::string> problems);
  /// One sentence per mistake, in the order in which they were found.
  const std::vector<std::string>& problems() const noexcept { return problems_; }

 private:
  std::vector<std::string> problems_;
};

}  // namespace gatewaykit
