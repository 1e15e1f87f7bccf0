// SPDX-License-Identifier: Apache-2.0
// Status: an HTTP status code (RFC 9110 section 15) as a small value; any three digits fit.
#pragma once

#include <cstdint>
#include <string_view>

#include "gatewaykit/export.hpp"

namespace gatewaykit {

/// A status code from 100 to 999. The enumerators are those that the library itself uses;
/// `Status(418)` makes any other.
enum class Status : std::uint16_t {
  continue_ = 100,
  switching_protocols = 101,
  early_hints = 103,
  ok = 200,
  created = 201,
  accepted = 202,
  no_content = 204,
  partial_content = 206,
  moved_permanently = 301,
  found = 302,
  see_other = 303,
  not_modified = 304,
  temporary_redirect = 307,
  permanent_redirect = 308,
  bad_request = 400,
  unauthorized = 401,
  forbidden = 403,
  not_found = 404,
  method_not_allowed = 405,
  not_acceptable = 406,
  request_timeout = 408,
  conflict = 409,
  gone = 410,
  content_too_large = 413,
  uri_too_long = 414,
  unsupported_media_type = 415,
  expectation_failed = 417,
  misdirected_request = 421,
  unprocessable_content = 422,
  upgrade_required = 426,
  too_many_requests = 429,
  request_header_fields_too_large = 431,
  client_closed_request = 499,  // Logged, never sent (nginx's number for it).
  internal_server_error = 500,
  not_implemented = 501,
  bad_gateway = 502,
  service_unavailable = 503,
  gateway_timeout = 504,
  http_version_not_supported = 505,
};

constexpr int code(Status status) noexcept { return static_cast<int>(status); }
constexpr bool is_interim(Status status) noexcept { return code(status) < 200; }

/// The reason phrase of RFC 9110 or the IANA registry; empty for an unknown code.
GATEWAYKIT_EXPORT std::string_view reason_phrase(Status status) noexcept;

}  // namespace gatewaykit
