// SPDX-License-Identifier: Apache-2.0
// The conditions on header fields that routes name. Routes with the same conditions share one id,
// so equal routes are told by comparing numbers. Filled while wiring, then read by all workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "gatewaykit/http/headers.hpp"
#include "gatewaykit/routing/match.hpp"

namespace gatewaykit::routing {

using ConditionsId = std::uint32_t;

/// Holds for every request.
inline constexpr ConditionsId kNoConditions = 0;

class FieldConditions {
 public:
  /// The id of a set of conditions, whatever their order; nothing, and more problems, where one is
  /// malformed.
  std::optional<ConditionsId> add(std::vector<FieldCondition> conditions,
                                  std::vector<std::string>& problems);
  bool hold(ConditionsId id, const Headers& headers) const noexcept;
  /// The conditions of a set as to_string(Match) has them; those alone that do not hold where there
  /// are `headers`. For people.
  std::string text(ConditionsId id, const Headers* headers = nullptr) const;
  /// How narrow a set is: the number of conditions, then the number of those on a value.
  std::pair<std::size_t, std::size_t> rank(ConditionsId id) const noexcept;
  /// Wiring is over: drops what only `add` needs.
  void seal();

  std::size_t bytes() const noexcept;

 private:
  struct Condition {
    Field field;
    std::string name;
    std::optional<std::string> value;
  };

  bool holds(const Condition& condition, const Headers& headers) const noexcept;

  std::vector<std::vector<Condition>> sets_ = std::vector<std::vector<Condition>>(1);
  std::unordered_map<std::string, ConditionsId> ids_;  // By canonical text, while wiring.
};

}  // namespace gatewaykit::routing
