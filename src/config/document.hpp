// SPDX-License-Identifier: Apache-2.0
// Document: a JSON text as a tree whose values know where they stand, so that a mistake found later
// can be shown where it was made. Strict (RFC 8259) and bounded in size and depth; the parsing is
// nlohmann/json's. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gatewaykit/config/problem.hpp"

namespace gatewaykit::config {

/// The largest text, and the deepest nesting, that is read.
inline constexpr std::size_t kMaxText = std::size_t{16} << 20;
inline constexpr std::size_t kMaxDepth = 32;

/// A value of the text.
struct Node {
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
  struct Member;

  /// The member of that name; null where there is none.
  const Node* find(std::string_view name) const noexcept;

  Kind kind = Kind::null;
  bool boolean = false;
  double number = 0;
  std::size_t offset = 0;       ///< Of its first byte.
  std::string text;             ///< A string's value; a number as it is written.
  std::vector<Member> members;  ///< Of an object, in their order; of an array, without names.
};

struct Node::Member {
  std::string name;
  std::size_t offset;  ///< Of the name; of the value in an array.
  Node value;
};

/// Mistakes of one text, in the order in which they were found.
class Problems {
 public:
  explicit Problems(std::string_view text) noexcept : text_(text) {}

  /// `pointer` is the JSON pointer (RFC 6901) of what stands at `offset`.
  void add(std::size_t offset, std::string_view pointer, std::string sentence);
  bool empty() const noexcept { return list_.empty(); }
  std::size_t size() const noexcept { return list_.size(); }
  /// In the order of their places.
  std::vector<Problem> take() &&;

 private:
  static constexpr std::size_t kMost =
      100;  // Nobody reads more, and a hostile text could make them.

  struct Found {
    std::size_t offset;
    std::string pointer;
    std::string sentence;
  };

  std::string_view text_;
  std::vector<Found> list_;
};

/// Reads `text`; what is wrong with it goes to `problems`, and null is answered where nothing can
/// be made of it. Names that are given twice in an object are mistakes.
std::unique_ptr<const Node> parse_document(std::string_view text, Problems& problems);

/// `pointer` and one more step.
std::string pointer_to(std::string_view pointer, std::string_view name);
std::string pointer_to(std::string_view pointer, std::size_t index);

/// The value as JSON in one form: equal values of two texts have equal ones.
std::string canonical(const Node& node);

}  // namespace gatewaykit::config
