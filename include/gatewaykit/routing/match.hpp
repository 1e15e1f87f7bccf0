// SPDX-License-Identifier: Apache-2.0
// Match: what a request must look like for a route to take it: path, method, host, header fields.
// A plain value that hosts fill in while wiring; mistakes in it are collected when the routes are
// compiled, so building one never throws.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gatewaykit/export.hpp"
#include "gatewaykit/http/method.hpp"

namespace gatewaykit {

/// Limits of one pattern; a pattern beyond them is a wiring mistake.
inline constexpr std::size_t kMaxPatternSegments = 64;
inline constexpr std::size_t kMaxCaptures = 16;
inline constexpr std::size_t kMaxPatternSize = 4096;

/// One condition on the header fields of a request. Names are compared without case. Where a field
/// has several lines, the condition holds if it holds for one of them.
struct FieldCondition {
  /// The whole value of one line equals `value`, case included.
  static FieldCondition equals(std::string name, std::string value) {
    return {std::move(name), std::move(value)};
  }
  /// There is at least one line of that name; its value may be empty.
  static FieldCondition exists(std::string name) { return {std::move(name), std::nullopt}; }

  std::string name;
  std::optional<std::string> value;
};

/// What a route asks of a request; all members must hold.
struct Match {
  /// Literal segments, `{name}` for one non-empty segment, and as last segment `*` or `{*name}` for
  /// the rest, which may be missing: `/users/*` takes `/users`, `/users/` and `/users/7/cart`.
  /// Apart from that a trailing slash counts. Case counts. Left to right a literal wins over a
  /// parameter, a parameter over a wildcard, whatever the order of registration.
  std::string pattern = "/*";
  /// Empty: any method. GET also takes HEAD where no equal route names HEAD.
  std::vector<Method> methods = {};
  /// `example.com`, `*.example.com` (any number of labels in front, but not none), `[::1]`; empty
  /// or
  /// `*`: any host. A port, where one is given, must be the one that the client names.
  std::string host = {};
  /// Of two routes that differ in these alone, the one with more of them is tried first.
  std::vector<FieldCondition> headers = {};
};

/// The route in one line, as wiring errors name it: `GET shop.example/cart/{id} [x-beta: 1]`.
GATEWAYKIT_EXPORT std::string to_string(const Match& match);

}  // namespace gatewaykit
