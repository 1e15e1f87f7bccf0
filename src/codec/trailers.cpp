// SPDX-License-Identifier: Apache-2.0
#include "codec/trailers.hpp"

#include <algorithm>
#include <iterator>

#include "http/scan.hpp"

namespace gatewaykit::codec {

bool is_forbidden_trailer(Field field, std::string_view name) noexcept {
  if (field != Field::other) return field != Field::etag && field != Field::date;
  constexpr std::string_view kNames[] = {"max-forwards", "pragma", "range", "alt-svc"};
  constexpr std::string_view kPrefixes[] = {"content-", "if-", "access-control-", "x-gk-",
                                            "x-forwarded-"};
  const auto is_name = [name](std::string_view other) { return equals_lower(name, other); };
  const auto is_prefix = [name](std::string_view prefix) {
    return equals_lower(name.substr(0, prefix.size()), prefix);
  };
  // Underscores: twins of the above for whoever reads names as CGI does.
  return name.find('_') != std::string_view::npos ||
         std::any_of(std::begin(kNames), std::end(kNames), is_name) ||
         std::any_of(std::begin(kPrefixes), std::end(kPrefixes), is_prefix);
}

}  // namespace gatewaykit::codec
