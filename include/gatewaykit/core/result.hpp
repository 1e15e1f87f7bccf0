// SPDX-License-Identifier: Apache-2.0
// Result<T>: a T or an Error; a subset of std::expected's interface, which C++20 lacks.
#pragma once

#include <cassert>
#include <optional>
#include <utility>
#include <variant>

#include "gatewaykit/core/error.hpp"

namespace gatewaykit {

/// Either a value or an Error. Dereferencing a failed Result is a bug (asserted).
template <class T = void>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & noexcept { return checked(); }
  const T& value() const& noexcept { return const_cast<Result*>(this)->checked(); }
  T&& value() && noexcept { return std::move(checked()); }
  T& operator*() & noexcept { return checked(); }
  const T& operator*() const& noexcept { return const_cast<Result*>(this)->checked(); }
  T&& operator*() && noexcept { return std::move(checked()); }
  T* operator->() noexcept { return &checked(); }
  const T* operator->() const noexcept { return &const_cast<Result*>(this)->checked(); }

  Error& error() & noexcept { return checked_error(); }
  const Error& error() const& noexcept { return const_cast<Result*>(this)->checked_error(); }
  Error&& error() && noexcept { return std::move(checked_error()); }

 private:
  T& checked() noexcept {
    assert(has_value());
    return *std::get_if<0>(&state_);
  }
  Error& checked_error() noexcept {
    assert(!has_value());
    return *std::get_if<1>(&state_);
  }

  std::variant<T, Error> state_;
};

/// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() noexcept = default;
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }

  Error& error() & noexcept {
    assert(!has_value());
    return *error_;
  }
  const Error& error() const& noexcept { return const_cast<Result*>(this)->error(); }
  Error&& error() && noexcept { return std::move(error()); }

 private:
  std::optional<Error> error_;
};

}  // namespace gatewaykit
