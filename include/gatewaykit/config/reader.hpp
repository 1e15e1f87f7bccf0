// SPDX-License-Identifier: Apache-2.0
// Reader: the members of one JSON object as whoever wires from it asks for them. A member that is
// not what it should be is reported where it stands, and the value that the caller holds stays as
// it is; so is, in the end, every member that nobody asked for. Used while a text is loaded, on
// that thread.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/export.hpp"

namespace gatewaykit::config {

struct Node;
class Problems;

/// Every `read` answers whether the member is there and was taken over.
class GATEWAYKIT_EXPORT Reader {
 public:
  Reader(Reader&& other) noexcept;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  /// Reports the members that nobody asked for.
  ~Reader();

  bool has(std::string_view name);
  /// The member is there and a string.
  bool is_string(std::string_view name);
  /// The names of all members.
  std::vector<std::string> names() const;

  bool read(std::string_view name, std::string& value);
  bool read(std::string_view name, bool& value);
  /// A number.
  bool read(std::string_view name, double& value, double least, double most);
  /// "800ms", "2s", "5m", "1h", "7d".
  bool read(std::string_view name, Duration& value);
  /// A list of strings.
  bool read(std::string_view name, std::vector<std::string>& value);
  /// An object whose members are strings, in their order.
  bool read(std::string_view name, std::vector<std::pair<std::string, std::string>>& value);
  /// A whole number, not below zero.
  template <std::integral N>
  bool read(std::string_view name, N& value, std::type_identity_t<N> least = 0,
            std::type_identity_t<N> most = std::numeric_limits<N>::max()) {
    std::uint64_t number = 0;
    if (!read_integer(name, number, static_cast<std::uint64_t>(least),
                      static_cast<std::uint64_t>(most))) {
      return false;
    }
    value = static_cast<N>(number);
    return true;
  }
  /// A number of bytes: 4096, "64KiB", "10MiB", "1GiB".
  template <std::unsigned_integral N>
  bool read_bytes(std::string_view name, N& value) {
    std::uint64_t number = 0;
    if (!read_byte_count(name, number, std::numeric_limits<N>::max())) return false;
    value = static_cast<N>(number);
    return true;
  }
  /// As the others; the string "none" takes the limit away.
  template <class T>
  bool read(std::string_view name, std::optional<T>& value) {
    if (takes_none(name)) {
      value.reset();
      return true;
    }
    T present{};
    if (!read(name, present)) return false;
    value = std::move(present);
    return true;
  }
  bool read_bytes(std::string_view name, std::optional<std::uint64_t>& value);
  /// One of these words.
  template <class T>
  bool read_choice(std::string_view name, T& value,
                   std::initializer_list<std::pair<std::string_view, T>> choices) {
    std::vector<std::string_view> words;
    for (const auto& choice : choices) words.push_back(choice.first);
    const std::optional<std::size_t> index = read_word(name, words);
    if (!index) return false;
    value = (choices.begin() + *index)->second;
    return true;
  }

  /// The member that is an object. Where `short_form` is given, it may be a string: it stands for
  /// an object with the one member `short_form`.
  std::optional<Reader> object(std::string_view name, std::string_view short_form = {});
  /// The members of the member that is an object, each an object too, with their names.
  std::vector<std::pair<std::string, Reader>> objects(std::string_view name);
  /// A list of objects, or of strings that stand for them (see object()); one alone may stand
  /// without the list.
  std::vector<Reader> list(std::string_view name, std::string_view short_form = {});
  /// A list of what is given by name with options: "name", or {"name": {options}}.
  std::vector<std::pair<std::string, Reader>> named_list(std::string_view name);

  /// Reports a mistake in the member `name`, or in the object itself where that is empty.
  void problem(std::string_view name, std::string sentence);
  /// Members that nobody asks for are no mistake (any more).
  void ignore_others() noexcept { reports_others_ = false; }
  /// The JSON pointer of the object (RFC 6901), and where in the text it begins.
  const std::string& pointer() const noexcept { return pointer_; }
  std::size_t offset() const noexcept;
  /// The object in one form that equal objects share, whatever their text looks like.
  std::string canonical() const;
  /// The same of one member; empty where it is not there.
  std::string canonical(std::string_view name);

 private:
  friend class Loader;
  Reader(const Node& object, std::string pointer, Problems& problems);
  Reader(std::shared_ptr<const Node> object, std::string pointer, Problems& problems);

  std::string pointer_of(std::string_view member) const;
  const Node* find(std::string_view name);
  const Node* find_string(std::string_view name);
  const Node* find_object(std::string_view name);
  bool read_integer(std::string_view name, std::uint64_t& value, std::uint64_t least,
                    std::uint64_t most);
  bool read_byte_count(std::string_view name, std::uint64_t& value, std::uint64_t most);
  bool takes_none(std::string_view name);
  std::optional<std::size_t> read_word(std::string_view name,
                                       const std::vector<std::string_view>& words);
  void add_element(const Node& element, std::string pointer, std::string_view short_form,
                   std::vector<Reader>& readers);
  void add_named(const Node& element, std::string pointer,
                 std::vector<std::pair<std::string, Reader>>& readers);
  void expected(const Node& node, const std::string& pointer, std::string_view what);

  std::shared_ptr<const Node> owned_;  // Where the text holds a short form.
  const Node* object_;                 // None once moved from.
  std::string pointer_;
  Problems* problems_;
  std::vector<std::string> asked_;
  bool reports_others_ = true;
};

}  // namespace gatewaykit::config
