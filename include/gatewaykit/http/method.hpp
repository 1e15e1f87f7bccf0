// SPDX-License-Identifier: Apache-2.0
// Method: an HTTP request method (RFC 9110 section 9). Holds any token; the registered ones are
// small values that compare without touching characters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gatewaykit/export.hpp"

namespace gatewaykit {

/// A request method. Methods are case-sensitive (RFC 9110 section 9.1).
class GATEWAYKIT_EXPORT Method {
 public:
  enum Known : std::uint8_t { get, head, post, put, patch, del, options, trace, connect, other };

  constexpr Method(Known known = get) noexcept : known_(known) {}

  /// The method named by `token`, or nothing where it is not a token (RFC 9110 section 5.6.2).
  static std::optional<Method> from_token(std::string_view token);

  std::string_view name() const noexcept;
  Known known() const noexcept { return known_; }
  /// RFC 9110 section 9.2.1.
  bool is_safe() const noexcept;
  /// RFC 9110 section 9.2.2: what a gateway may send twice.
  bool is_idempotent() const noexcept;

  friend bool operator==(const Method& a, const Method& b) noexcept {
    return a.known_ == b.known_ && (a.known_ != other || a.token_ == b.token_);
  }

 private:
  explicit Method(std::string token) : known_(other), token_(std::move(token)) {}

  Known known_;
  std::string token_;  // Empty but for `other`.
};

}  // namespace gatewaykit
