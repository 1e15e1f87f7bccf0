// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/routing/match.hpp"

namespace gatewaykit {
namespace {

std::string to_string(const FieldCondition& condition) {
  return condition.value ? condition.name + ": " + *condition.value : condition.name;
}

template <class Items, class Text>
std::string join(const Items& items, std::string_view separator, Text text) {
  std::string joined;
  for (const auto& item : items) {
    if (!joined.empty()) joined += separator;
    joined += text(item);
  }
  return joined;
}

}  // namespace

std::string to_string(const Match& match) {
  std::string line = join(match.methods, ",", [](const Method& method) { return method.name(); });
  if (!line.empty()) line += ' ';
  line += match.host;
  line += match.pattern;
  if (!match.headers.empty()) {
    line += " [" + join(match.headers, ", ", [](const auto& c) { return to_string(c); }) + "]";
  }
  return line;
}

}  // namespace gatewaykit
