// SPDX-License-Identifier: Apache-2.0
#include "config/suggestion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace gatewaykit::config {

namespace {

constexpr std::size_t kLongestWord = 64;  // Bounds the work: it grows with the product.

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

/// Insertions, deletions, substitutions and swaps of neighbours that make `a` of `b`; case counts
/// for nothing.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before_last, last);
    std::swap(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool is_same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (is_same ? 0 : 1)});
      const bool is_swap = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                           lower(a[i - 2]) == lower(b[j - 1]);
      if (is_swap) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::string suggestion_for(std::string_view word, const std::vector<std::string_view>& words) {
  if (word.size() > kLongestWord) return {};
  std::string_view nearest;
  std::size_t least = std::min<std::size_t>(3, word.size() / 3 + 1);
  for (const std::string_view candidate : words) {
    if (candidate.size() > kLongestWord) continue;
    const std::size_t steps = distance(word, candidate);
    if (steps > least || (steps == least && !nearest.empty())) continue;
    if (steps == word.size()) continue;  // No letter of it is left.
    nearest = candidate;
    least = steps;
  }
  return nearest.empty() ? std::string() : fmt::format(" (did you mean \"{}\"?)", nearest);
}

}  // namespace gatewaykit::config
