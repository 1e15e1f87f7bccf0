// SPDX-License-Identifier: Apache-2.0
#include "transform/accept_encoding.hpp"

#include <array>
#include <cstddef>

#include "http/scan.hpp"

namespace gatewaykit::transform {

namespace {

constexpr int kMaxMembers = 32;
constexpr int kFullWeight = 1000;

/// A qvalue (section 12.4.2) in thousandths.
std::optional<int> weight_of(std::string_view text) noexcept {
  constexpr std::size_t kMaxSize = 5;
  if (text.empty() || text.size() > kMaxSize || (text[0] != '0' && text[0] != '1')) {
    return std::nullopt;
  }
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int weight = (text[0] - '0') * kFullWeight;
  int digit_weight = kFullWeight / 10;
  for (const char c : text.substr(text.size() > 1 ? 2 : 1)) {
    if (!is_digit(c)) return std::nullopt;
    weight += (c - '0') * digit_weight;
    digit_weight /= 10;
  }
  return weight <= kFullWeight ? std::optional(weight) : std::nullopt;
}

struct Member {
  std::string_view name;
  int weight;
};

std::optional<Member> parse_member(std::string_view text) noexcept {
  const std::size_t semicolon = text.find(';');
  const std::string_view name = trim_ows(text.substr(0, semicolon));
  if (!is_token(name)) return std::nullopt;
  if (semicolon == std::string_view::npos) return Member{name, kFullWeight};
  const std::string_view parameter = trim_ows(text.substr(semicolon + 1));
  if (parameter.size() < 2 || to_lower(parameter[0]) != 'q' || parameter[1] != '=') {
    return std::nullopt;
  }
  const std::optional<int> weight = weight_of(parameter.substr(2));
  return weight ? std::optional(Member{name, *weight}) : std::nullopt;
}

/// What the field says, each by its first mention.
class Weights {
 public:
  explicit Weights(const Headers& fields) noexcept {
    int members = 0;
    for (const FieldLine line : fields) {
      if (line.field != Field::accept_encoding) continue;
      for (std::string_view list = line.value; list.data() != nullptr;) {
        if (++members > kMaxMembers) return;
        if (const auto member = parse_member(next_list_member(list))) take(*member);
      }
    }
  }

  int of(ContentCoding coding) const noexcept {
    return codings_[static_cast<std::size_t>(coding)].value_or(any_.value_or(0));
  }
  int of_identity() const noexcept { return identity_.value_or(0); }

 private:
  void take(const Member& member) noexcept {
    std::optional<int>* slot = nullptr;
    if (member.name == "*") {
      slot = &any_;
    } else if (equals_lower(member.name, "identity")) {
      slot = &identity_;
    } else if (const auto coding = content_coding_of(member.name)) {
      slot = &codings_[static_cast<std::size_t>(*coding)];
    }
    if (slot != nullptr && !*slot) *slot = member.weight;
  }

  std::array<std::optional<int>, 3> codings_;
  std::optional<int> identity_;
  std::optional<int> any_;
};

}  // namespace

std::optional<ContentCoding> choose_coding(const Headers& request_fields,
                                           std::span<const ContentCoding> preference) noexcept {
  if (!request_fields.contains(Field::accept_encoding)) return std::nullopt;
  const Weights weights(request_fields);
  std::optional<ContentCoding> best;
  int best_weight = 0;
  for (const ContentCoding coding : preference) {
    if (weights.of(coding) <= best_weight) continue;
    best = coding;
    best_weight = weights.of(coding);
  }
  return best_weight < weights.of_identity() ? std::nullopt : best;
}

}  // namespace gatewaykit::transform
