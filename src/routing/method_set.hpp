// SPDX-License-Identifier: Apache-2.0
// Sets of methods as bits. MethodNames gives every method that a route names its bit: the known
// ones have fixed bits, other tokens get one as they come. Filled while wiring, then read by all
// workers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gatewaykit/http/method.hpp"

namespace gatewaykit::routing {

using MethodSet = std::uint32_t;

/// Every method, those that no route names included.
inline constexpr MethodSet kAnyMethod = ~MethodSet{0};

constexpr MethodSet bit_of(Method::Known known) noexcept { return MethodSet{1} << known; }

class MethodNames {
 public:
  /// The bit of `method`, made up if need be; nothing where all bits are taken.
  std::optional<MethodSet> add(const Method& method);
  /// The bit of `method`; one that is in kAnyMethod alone where no route names it.
  MethodSet bit(const Method& method) const noexcept;
  /// The names in `set`, as the field Allow lists them (RFC 9110 section 10.2.1).
  std::string list(MethodSet set) const;

 private:
  static constexpr MethodSet kUnnamed = MethodSet{1} << 31;

  std::vector<Method> others_;  // Their bits follow those of the known methods.
};

}  // namespace gatewaykit::routing
