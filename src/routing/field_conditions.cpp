// SPDX-License-Identifier: Apache-2.0
#include "routing/field_conditions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <tuple>

#include "http/hop.hpp"
#include "http/scan.hpp"

namespace gatewaykit::routing {
namespace {

std::optional<std::string> problem_of(const FieldCondition& condition) {
  if (!is_token(condition.name)) {
    return fmt::format("'{}' is no field name", condition.name);
  }
  if (condition.value && !is_field_value(*condition.value)) {
    return fmt::format("the value asked of {} holds a control character", condition.name);
  }
  const Field field = field_of(condition.name);
  if (field == Field::host) return "a condition on Host never holds; use the host of the match";
  if (belongs_to_hop(field)) {
    return fmt::format("a condition on {} never holds: the field is not among the headers",
                       condition.name);
  }
  return std::nullopt;
}

/// Names in lower case, values trimmed as Headers trims them, sorted, each once.
void canonicalise(std::vector<FieldCondition>& conditions) {
  for (FieldCondition& condition : conditions) {
    lower(condition.name);
    if (condition.value) condition.value = std::string(trim_ows(*condition.value));
  }
  const auto key = [](const FieldCondition& c) { return std::tie(c.name, c.value); };
  std::sort(conditions.begin(), conditions.end(),
            [&](const auto& a, const auto& b) { return key(a) < key(b); });
  const auto last = std::unique(conditions.begin(), conditions.end(),
                                [&](const auto& a, const auto& b) { return key(a) == key(b); });
  conditions.erase(last, conditions.end());
}

/// Unambiguous, since neither a name nor a value holds a line feed.
std::string canonical_text(const std::vector<FieldCondition>& conditions) {
  std::string text;
  for (const FieldCondition& condition : conditions) {
    text += condition.name;
    if (condition.value) text += ':' + *condition.value;
    text += '\n';
  }
  return text;
}

}  // namespace

std::optional<ConditionsId> FieldConditions::add(std::vector<FieldCondition> conditions,
                                                 std::vector<std::string>& problems) {
  if (conditions.empty()) return kNoConditions;
  const std::size_t before = problems.size();
  for (const FieldCondition& condition : conditions) {
    if (auto problem = problem_of(condition)) problems.push_back(std::move(*problem));
  }
  if (problems.size() > before) return std::nullopt;

  canonicalise(conditions);
  const auto [entry, fresh] =
      ids_.try_emplace(canonical_text(conditions), static_cast<ConditionsId>(sets_.size()));
  if (fresh) {
    std::vector<Condition>& set = sets_.emplace_back();
    for (FieldCondition& condition : conditions) {
      const Field field = field_of(condition.name);
      set.push_back({field, std::move(condition.name), std::move(condition.value)});
    }
  }
  return entry->second;
}

bool FieldConditions::hold(ConditionsId id, const Headers& headers) const noexcept {
  const std::vector<Condition>& set = sets_[id];
  return std::all_of(set.begin(), set.end(),
                     [&](const Condition& condition) { return holds(condition, headers); });
}

bool FieldConditions::holds(const Condition& condition, const Headers& headers) const noexcept {
  for (const FieldLine line : headers) {
    if (line.field != condition.field) continue;
    if (line.field == Field::other && !equals_lower(line.name, condition.name)) continue;
    if (!condition.value || line.value == *condition.value) return true;
  }
  return false;
}

std::string FieldConditions::text(ConditionsId id, const Headers* headers) const {
  std::string text;
  for (const Condition& condition : sets_[id]) {
    if (headers != nullptr && holds(condition, *headers)) continue;
    if (!text.empty()) text += ", ";
    text += condition.name;
    if (condition.value) text += ": " + *condition.value;
  }
  return text;
}

std::pair<std::size_t, std::size_t> FieldConditions::rank(ConditionsId id) const noexcept {
  const std::vector<Condition>& set = sets_[id];
  const auto values = std::count_if(set.begin(), set.end(),
                                    [](const Condition& condition) { return condition.value; });
  return {set.size(), static_cast<std::size_t>(values)};
}

void FieldConditions::seal() { ids_ = {}; }

std::size_t FieldConditions::bytes() const noexcept {
  const std::size_t inline_size = std::string().capacity();
  const auto outside = [&](const std::string& text) {
    return text.capacity() > inline_size ? text.capacity() + 1 : 0;
  };
  std::size_t bytes = sets_.capacity() * sizeof(std::vector<Condition>);
  for (const std::vector<Condition>& set : sets_) {
    bytes += set.capacity() * sizeof(Condition);
    for (const Condition& condition : set) {
      bytes += outside(condition.name) + (condition.value ? outside(*condition.value) : 0);
    }
  }
  return bytes;
}

}  // namespace gatewaykit::routing
