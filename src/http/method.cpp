// SPDX-License-Identifier: Apache-2.0
// The registered methods by name. Called once per message, on any thread.
#include "gatewaykit/http/method.hpp"

#include <array>

#include "http/scan.hpp"

namespace gatewaykit {

namespace {

constexpr std::array<std::string_view, Method::other> kNames{
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"};

}  // namespace

std::optional<Method> Method::from_token(std::string_view token) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (token == kNames[i]) return Method(static_cast<Known>(i));
  }
  if (!is_token(token)) return std::nullopt;
  return Method(std::string(token));
}

std::string_view Method::name() const noexcept {
  return known_ == other ? std::string_view(token_) : kNames[known_];
}

bool Method::is_safe() const noexcept {
  return known_ == get || known_ == head || known_ == options || known_ == trace;
}

bool Method::is_idempotent() const noexcept { return is_safe() || known_ == put || known_ == del; }

}  // namespace gatewaykit
