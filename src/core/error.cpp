// SPDX-License-Identifier: Apache-2.0
// The names of errors as they stand in logs, and the message of a ConfigError.
#include "gatewaykit/core/error.hpp"

namespace gatewaykit {

namespace {

std::string join(const std::vector<std::string>& problems) {
  std::string text;
  for (const std::string& problem : problems) {
    if (!text.empty()) text += '\n';
    text += problem;
  }
  return text;
}

}  // namespace

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::cancelled:
      return "cancelled";
    case Errc::connect_timeout:
      return "connect_timeout";
    case Errc::tls_timeout:
      return "tls_timeout";
    case Errc::first_byte_timeout:
      return "first_byte_timeout";
    case Errc::idle_timeout:
      return "idle_timeout";
    case Errc::total_timeout:
      return "total_timeout";
    case Errc::queue_timeout:
      return "queue_timeout";
    case Errc::client_header_timeout:
      return "client_header_timeout";
    case Errc::client_body_timeout:
      return "client_body_timeout";
    case Errc::connect_failed:
      return "connect_failed";
    case Errc::tls_failed:
      return "tls_failed";
    case Errc::reset:
      return "reset";
    case Errc::protocol:
      return "protocol";
    case Errc::bad_message:
      return "bad_message";
    case Errc::no_healthy_target:
      return "no_healthy_target";
    case Errc::breaker_open:
      return "breaker_open";
    case Errc::queue_full:
      return "queue_full";
    case Errc::head_too_large:
      return "head_too_large";
    case Errc::body_too_large:
      return "body_too_large";
    case Errc::store_unavailable:
      return "store_unavailable";
    case Errc::invalid_config:
      return "invalid_config";
  }
  return "unknown";
}

std::string_view to_string(Origin origin) noexcept {
  switch (origin) {
    case Origin::client:
      return "client";
    case Origin::upstream:
      return "upstream";
    case Origin::gateway:
      return "gateway";
  }
  return "unknown";
}

ConfigError::ConfigError(std::vector<std::string> problems)
    : std::runtime_error(join(problems)), problems_(std::move(problems)) {}

}  // namespace gatewaykit
