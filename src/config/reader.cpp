// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/config/reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "config/document.hpp"
#include "config/suggestion.hpp"

namespace gatewaykit::config {

namespace {

using Kind = Node::Kind;

std::string_view name_of(Kind kind) noexcept {
  constexpr std::array<std::string_view, 6> kNames = {"null",     "true or false", "a number",
                                                      "a string", "a list",        "an object"};
  return kNames[static_cast<std::size_t>(kind)];
}

/// What a short form at `offset` stands for.
Node object_at(std::size_t offset) {
  Node object;
  object.kind = Kind::object;
  object.offset = offset;
  return object;
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

/// A whole number and one of `units`; none where it is anything else or too large.
template <std::size_t N>
std::optional<std::uint64_t> parse_quantity(std::string_view text, const std::array<Unit, N>& units,
                                            std::uint64_t most) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc()) return std::nullopt;
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  for (const Unit& known : units) {
    if (unit != known.name) continue;
    if (number > most / known.factor) return std::nullopt;
    return number * known.factor;
  }
  return std::nullopt;
}

constexpr std::array<Unit, 5> kTimeUnits = {{{"ms", 1'000'000},
                                             {"s", 1'000'000'000},
                                             {"m", 60'000'000'000},
                                             {"h", 3'600'000'000'000},
                                             {"d", 86'400'000'000'000}}};
constexpr std::array<Unit, 4> kByteUnits = {
    {{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}};
/// Deadlines are points in time: what is beyond them must not run over.
constexpr std::uint64_t kLongest = std::uint64_t{36'500} * 86'400'000'000'000 / 10;

std::optional<std::uint64_t> integer_of(const Node& node) {
  std::uint64_t number = 0;
  const char* const end = node.text.data() + node.text.size();
  const auto [rest, failure] = std::from_chars(node.text.data(), end, number);
  if (failure != std::errc() || rest != end) return std::nullopt;
  return number;
}

}  // namespace

Reader::Reader(const Node& object, std::string pointer, Problems& problems)
    : object_(&object), pointer_(std::move(pointer)), problems_(&problems) {}

Reader::Reader(std::shared_ptr<const Node> object, std::string pointer, Problems& problems)
    : owned_(std::move(object)),
      object_(owned_.get()),
      pointer_(std::move(pointer)),
      problems_(&problems) {}

Reader::Reader(Reader&& other) noexcept
    : owned_(std::move(other.owned_)),
      object_(std::exchange(other.object_, nullptr)),
      pointer_(std::move(other.pointer_)),
      problems_(other.problems_),
      asked_(std::move(other.asked_)),
      reports_others_(other.reports_others_) {}

Reader::~Reader() {
  if (object_ == nullptr || !reports_others_) return;
  const std::vector<std::string_view> known(asked_.begin(), asked_.end());
  for (const Node::Member& member : object_->members) {
    if (std::find(known.begin(), known.end(), member.name) != known.end()) continue;
    problems_->add(member.offset, pointer_to(pointer_, member.name),
                   "is no key that is known here" + suggestion_for(member.name, known));
  }
}

/// The one member that a short form has is the short form itself.
std::string Reader::pointer_of(std::string_view member) const {
  return owned_ != nullptr ? pointer_ : pointer_to(pointer_, member);
}

const Node* Reader::find(std::string_view name) {
  if (std::find(asked_.begin(), asked_.end(), name) == asked_.end()) asked_.emplace_back(name);
  return object_->find(name);
}

bool Reader::has(std::string_view name) { return find(name) != nullptr; }

bool Reader::is_string(std::string_view name) {
  const Node* const node = find(name);
  return node != nullptr && node->kind == Kind::string;
}

std::vector<std::string> Reader::names() const {
  std::vector<std::string> names;
  for (const Node::Member& member : object_->members) names.push_back(member.name);
  return names;
}

std::size_t Reader::offset() const noexcept { return object_->offset; }

void Reader::expected(const Node& node, const std::string& pointer, std::string_view what) {
  problems_->add(node.offset, pointer, fmt::format("must be {}, not {}", what, name_of(node.kind)));
}

const Node* Reader::find_string(std::string_view name) {
  const Node* const node = find(name);
  if (node == nullptr || node->kind == Kind::string) return node;
  expected(*node, pointer_of(name), "a string");
  return nullptr;
}

const Node* Reader::find_object(std::string_view name) {
  const Node* const node = find(name);
  if (node == nullptr || node->kind == Kind::object) return node;
  expected(*node, pointer_of(name), "an object");
  return nullptr;
}

bool Reader::read(std::string_view name, std::string& value) {
  const Node* const node = find_string(name);
  if (node == nullptr) return false;
  value = node->text;
  return true;
}

bool Reader::read(std::string_view name, bool& value) {
  const Node* const node = find(name);
  if (node == nullptr) return false;
  if (node->kind != Kind::boolean) {
    expected(*node, pointer_of(name), "true or false");
    return false;
  }
  value = node->boolean;
  return true;
}

bool Reader::read(std::string_view name, double& value, double least, double most) {
  const Node* const node = find(name);
  if (node == nullptr) return false;
  if (node->kind != Kind::number || node->number < least || node->number > most) {
    problem(name, fmt::format("must be a number from {} to {}", least, most));
    return false;
  }
  value = node->number;
  return true;
}

bool Reader::read(std::string_view name, Duration& value) {
  const Node* const node = find(name);
  if (node == nullptr) return false;
  const std::optional<std::uint64_t> parsed =
      node->kind == Kind::string ? parse_quantity(node->text, kTimeUnits, kLongest) : std::nullopt;
  if (!parsed) {
    problem(name, "must be a duration such as \"800ms\", \"2s\", \"5m\", \"1h\" or \"7d\"");
    return false;
  }
  value = Duration(static_cast<Duration::rep>(*parsed));
  return true;
}

bool Reader::read(std::string_view name, std::vector<std::string>& value) {
  const Node* const node = find(name);
  if (node == nullptr) return false;
  if (node->kind != Kind::array) {
    expected(*node, pointer_of(name), "a list of strings");
    return false;
  }
  std::vector<std::string> strings;
  for (std::size_t i = 0; i < node->members.size(); ++i) {
    const Node& element = node->members[i].value;
    if (element.kind == Kind::string) {
      strings.push_back(element.text);
    } else {
      expected(element, pointer_to(pointer_of(name), i), "a string");
    }
  }
  value = std::move(strings);
  return true;
}

bool Reader::read(std::string_view name, std::vector<std::pair<std::string, std::string>>& value) {
  std::optional<Reader> members = object(name);
  if (!members) return false;
  std::vector<std::pair<std::string, std::string>> strings;
  for (const std::string& member : members->names()) {
    std::string text;
    if (members->read(member, text)) strings.emplace_back(member, std::move(text));
  }
  value = std::move(strings);
  return true;
}

bool Reader::read_bytes(std::string_view name, std::optional<std::uint64_t>& value) {
  if (takes_none(name)) {
    value.reset();
    return true;
  }
  std::uint64_t bytes = 0;
  if (!read_bytes(name, bytes)) return false;
  value = bytes;
  return true;
}

bool Reader::read_integer(std::string_view name, std::uint64_t& value, std::uint64_t least,
                          std::uint64_t most) {
  const Node* const node = find(name);
  if (node == nullptr) return false;
  const std::optional<std::uint64_t> parsed =
      node->kind == Kind::number ? integer_of(*node) : std::nullopt;
  if (!parsed || *parsed < least || *parsed > most) {
    problem(name, fmt::format("must be a whole number from {} to {}", least, most));
    return false;
  }
  value = *parsed;
  return true;
}

bool Reader::read_byte_count(std::string_view name, std::uint64_t& value, std::uint64_t most) {
  const Node* const node = find(name);
  if (node == nullptr) return false;
  std::optional<std::uint64_t> parsed;
  if (node->kind == Kind::number) parsed = integer_of(*node);
  if (node->kind == Kind::string) parsed = parse_quantity(node->text, kByteUnits, most);
  if (!parsed || *parsed > most) {
    problem(name, "must be a number of bytes such as 4096, \"64KiB\" or \"10MiB\"");
    return false;
  }
  value = *parsed;
  return true;
}

bool Reader::takes_none(std::string_view name) {
  const Node* const node = find(name);
  return node != nullptr && node->kind == Kind::string && node->text == "none";
}

std::optional<std::size_t> Reader::read_word(std::string_view name,
                                             const std::vector<std::string_view>& words) {
  const Node* const node = find_string(name);
  if (node == nullptr) return std::nullopt;
  const auto found = std::find(words.begin(), words.end(), node->text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  problem(name, fmt::format("must be one of \"{}\"{}", fmt::join(words, "\", \""),
                            suggestion_for(node->text, words)));
  return std::nullopt;
}

std::optional<Reader> Reader::object(std::string_view name, std::string_view short_form) {
  const Node* const node = find(name);
  if (node == nullptr) return std::nullopt;
  std::vector<Reader> readers;
  add_element(*node, pointer_of(name), short_form, readers);
  if (readers.empty()) return std::nullopt;
  return std::move(readers.front());
}

std::vector<std::pair<std::string, Reader>> Reader::objects(std::string_view name) {
  std::vector<std::pair<std::string, Reader>> readers;
  const Node* const node = find_object(name);
  if (node == nullptr) return readers;
  for (const Node::Member& member : node->members) {
    std::string pointer = pointer_to(pointer_of(name), member.name);
    if (member.value.kind != Kind::object) {
      expected(member.value, pointer, "an object");
      continue;
    }
    readers.emplace_back(member.name, Reader(member.value, std::move(pointer), *problems_));
  }
  return readers;
}

std::vector<Reader> Reader::list(std::string_view name, std::string_view short_form) {
  std::vector<Reader> readers;
  const Node* const node = find(name);
  if (node == nullptr) return readers;
  std::string pointer = pointer_of(name);
  if (node->kind != Kind::array) {
    add_element(*node, std::move(pointer), short_form, readers);
    return readers;
  }
  for (std::size_t i = 0; i < node->members.size(); ++i) {
    add_element(node->members[i].value, pointer_to(pointer, i), short_form, readers);
  }
  return readers;
}

void Reader::add_element(const Node& element, std::string pointer, std::string_view short_form,
                         std::vector<Reader>& readers) {
  if (element.kind == Kind::object) {
    readers.push_back(Reader(element, std::move(pointer), *problems_));
  } else if (element.kind == Kind::string && !short_form.empty()) {
    Node object = object_at(element.offset);
    object.members.push_back({std::string(short_form), element.offset, element});
    readers.push_back(
        Reader(std::make_shared<const Node>(std::move(object)), std::move(pointer), *problems_));
  } else {
    expected(element, pointer, short_form.empty() ? "an object" : "a string or an object");
  }
}

std::vector<std::pair<std::string, Reader>> Reader::named_list(std::string_view name) {
  std::vector<std::pair<std::string, Reader>> readers;
  const Node* const node = find(name);
  if (node == nullptr) return readers;
  const std::string pointer = pointer_of(name);
  if (node->kind != Kind::array) {
    expected(*node, pointer, "a list");
    return readers;
  }
  for (std::size_t i = 0; i < node->members.size(); ++i) {
    add_named(node->members[i].value, pointer_to(pointer, i), readers);
  }
  return readers;
}

void Reader::add_named(const Node& element, std::string pointer,
                       std::vector<std::pair<std::string, Reader>>& readers) {
  if (element.kind == Kind::string) {
    auto object = std::make_shared<const Node>(object_at(element.offset));
    readers.emplace_back(element.text, Reader(std::move(object), std::move(pointer), *problems_));
    return;
  }
  if (element.kind != Kind::object || element.members.size() != 1) {
    problems_->add(element.offset, pointer,
                   "must be a name, or an object of one name with options");
    return;
  }
  const Node::Member& only = element.members.front();
  pointer = pointer_to(pointer, only.name);
  if (only.value.kind != Kind::object) {
    expected(only.value, pointer, "an object");
    return;
  }
  readers.emplace_back(only.name, Reader(only.value, std::move(pointer), *problems_));
}

void Reader::problem(std::string_view name, std::string sentence) {
  const Node* const member = name.empty() ? nullptr : find(name);
  problems_->add(member == nullptr ? object_->offset : member->offset,
                 member == nullptr ? pointer_ : pointer_of(name), std::move(sentence));
}

std::string Reader::canonical() const { return config::canonical(*object_); }

std::string Reader::canonical(std::string_view name) {
  const Node* const member = find(name);
  return member == nullptr ? std::string() : config::canonical(*member);
}

}  // namespace gatewaykit::config
