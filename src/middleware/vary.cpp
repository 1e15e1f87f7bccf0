// SPDX-License-Identifier: Apache-2.0
#include "middleware/vary.hpp"

#include "gatewaykit/core/string.hpp"
#include "http/scan.hpp"

namespace gatewaykit {

namespace {

bool lists(std::string_view list, std::string_view name) noexcept {
  while (list.data() != nullptr) {
    const std::string_view member = next_list_member(list);
    if (member == "*" || equals_ignoring_case(member, name)) return true;
  }
  return false;
}

}  // namespace

void add_to_vary(Headers& headers, std::string_view name) {
  String merged;
  for (const FieldLine line : headers) {
    if (line.field != Field::vary || line.value.empty()) continue;
    if (lists(line.value, name)) return;
    merged += line.value;
    merged += ", ";
  }
  merged += name;
  headers.set(name_of(Field::vary), merged);
}

}  // namespace gatewaykit
