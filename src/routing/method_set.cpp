// SPDX-License-Identifier: Apache-2.0
#include "routing/method_set.hpp"

#include <algorithm>
#include <cstddef>

namespace gatewaykit::routing {

MethodSet MethodNames::bit(const Method& method) const noexcept {
  if (method.known() != Method::other) return bit_of(method.known());
  const auto found = std::find(others_.begin(), others_.end(), method);
  if (found == others_.end()) return kUnnamed;
  return bit_of(Method::other) << (found - others_.begin());
}

std::optional<MethodSet> MethodNames::add(const Method& method) {
  const MethodSet known = bit(method);
  if (known != kUnnamed) return known;
  const MethodSet fresh = bit_of(Method::other) << others_.size();
  if (fresh == kUnnamed) return std::nullopt;
  others_.push_back(method);
  return fresh;
}

std::string MethodNames::list(MethodSet set) const {
  std::string names;
  const auto append = [&](const Method& method) {
    if ((set & bit(method)) == 0) return;
    if (!names.empty()) names += ", ";
    names += method.name();
  };
  for (int known = Method::get; known < Method::other; ++known) {
    append(static_cast<Method::Known>(known));
  }
  for (const Method& method : others_) append(method);
  return names;
}

}  // namespace gatewaykit::routing
