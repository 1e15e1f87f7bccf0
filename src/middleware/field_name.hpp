// SPDX-License-Identifier: Apache-2.0
// What the options of middlewares may call a field: a check while wiring.
#pragma once

#include <string_view>

#include "gatewaykit/http/headers.hpp"
#include "http/hop.hpp"
#include "http/scan.hpp"

namespace gatewaykit {

/// Why no middleware may write a field of this name; empty where it may.
inline std::string_view why_not_writable(std::string_view name) noexcept {
  if (!is_token(name)) return "is no field name";
  if (belongs_to_hop(field_of(name))) return "is written by the gateway alone";
  return {};
}

}  // namespace gatewaykit
