// SPDX-License-Identifier: Apache-2.0
// Problem: a mistake in a configuration text, and where it stands.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "gatewaykit/export.hpp"

namespace gatewaykit::config {

struct Problem {
  std::size_t line = 1;    ///< From 1.
  std::size_t column = 1;  ///< From 1, in characters.
  std::string pointer;     ///< JSON pointer (RFC 6901); empty for the text as a whole.
  std::string sentence;
};

/// `gateway.json:12:7: /routes/3/service: there is no service "usres" (did you mean "users"?)`
GATEWAYKIT_EXPORT std::string to_string(const Problem& problem, std::string_view file);

}  // namespace gatewaykit::config
