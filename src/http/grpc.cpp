// SPDX-License-Identifier: Apache-2.0
#include "http/grpc.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

#include "http/scan.hpp"

namespace gatewaykit {

namespace {

/// The codes of gRPC that a gateway has a use for.
enum class GrpcStatus {
  unknown = 2,
  deadline_exceeded = 4,
  permission_denied = 7,
  resource_exhausted = 8,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  unauthenticated = 16,
};

GrpcStatus grpc_status_of(Status status) noexcept {
  switch (status) {
    case Status::bad_request:
      return GrpcStatus::internal;
    case Status::unauthorized:
      return GrpcStatus::unauthenticated;
    case Status::forbidden:
      return GrpcStatus::permission_denied;
    case Status::not_found:
      return GrpcStatus::unimplemented;
    case Status::content_too_large:
    case Status::too_many_requests:
    case Status::request_header_fields_too_large:
      return GrpcStatus::resource_exhausted;
    case Status::gateway_timeout:
      return GrpcStatus::deadline_exceeded;
    case Status::bad_gateway:
    case Status::service_unavailable:
      return GrpcStatus::unavailable;
    default:
      return GrpcStatus::unknown;
  }
}

constexpr std::string_view kType = "application/grpc";

/// Where it is one of gRPC's or gRPC-Web's types: what follows "application/grpc".
std::optional<std::string_view> behind_type(const Headers& fields) noexcept {
  const std::optional<std::string_view> type = fields.get(Field::content_type);
  if (!type || !equals_lower(type->substr(0, kType.size()), kType)) return std::nullopt;
  const std::string_view rest = type->substr(kType.size());
  const bool is_end =
      rest.empty() || std::string_view("+-; ").find(rest.front()) != std::string_view::npos;
  return is_end ? std::optional(rest) : std::nullopt;
}

/// grpc-message is percent-encoded: all but printable ASCII, and the percent sign.
std::string encode_message(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (c >= 0x20 && c < 0x7f && c != '%') {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kHex[byte >> 4];
    encoded += kHex[byte & 15];
  }
  return encoded;
}

void add_outcome(Headers& fields, const Response& failure) {
  const GrpcStatus status = grpc_status_of(failure.status);
  fields.set("grpc-status", std::to_string(static_cast<int>(status)));
  fields.set("grpc-message", encode_message(failure.problem_detail()));
}

}  // namespace

bool is_grpc(const Request& request) noexcept { return behind_type(request.headers).has_value(); }

std::optional<Duration> grpc_timeout_of(const Request& request) noexcept {
  if (!is_grpc(request)) return std::nullopt;
  const std::string_view text = request.headers.get("grpc-timeout").value_or("");
  constexpr std::size_t kMostDigits = 8;
  if (text.size() < 2 || text.size() > kMostDigits + 1) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  switch (text.back()) {
    case 'H':
      // Eight digits of hours are more than a Duration holds.
      return std::chrono::hours(std::min(value, std::int64_t{1'000'000}));
    case 'M':
      return std::chrono::minutes(value);
    case 'S':
      return std::chrono::seconds(value);
    case 'm':
      return std::chrono::milliseconds(value);
    case 'u':
      return std::chrono::microseconds(value);
    case 'n':
      return std::chrono::nanoseconds(value);
    default:
      return std::nullopt;
  }
}

void render_grpc_error(const Request& request, Response& response) {
  response.headers.set("content-type", *request.headers.get(Field::content_type));
  add_outcome(response.headers, response);
  response.status = Status::ok;
  response.body = Body();
}

bool ends_with_grpc_trailers(const Response& response) noexcept {
  const std::optional<std::string_view> rest = behind_type(response.headers);
  return rest && !rest->starts_with('-');
}

Headers grpc_trailers_of(const Error& error) {
  Headers trailers;
  add_outcome(trailers, Response::failure(error));
  return trailers;
}

}  // namespace gatewaykit
