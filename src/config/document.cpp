// SPDX-License-Identifier: Apache-2.0
#include "config/document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <unordered_set>

namespace gatewaykit::config {

namespace {

/// Hands the text to the parser and tells how far it has come.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** reached) noexcept : at_(at), reached_(reached) {}
  reference operator*() const noexcept { return *at_; }
  CountingIterator& operator++() noexcept {
    *reached_ = ++at_;
    return *this;
  }
  CountingIterator operator++(int) noexcept {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const noexcept { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const noexcept { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

bool is_number_character(char c) noexcept {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/// Builds the tree from the parser's events. Each comes when its token has just been read, so that
/// the token ends where the parser has come to; of a number it has seen one character more.
class TreeBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  TreeBuilder(std::string_view text, Problems& problems) noexcept
      : text_(text), problems_(problems), reached_(text.data()) {}

  const char** reached() noexcept { return &reached_; }
  std::unique_ptr<Node> take() noexcept { return std::move(root_); }

  bool null() override {
    add(Node::Kind::null, end() - 4);
    return true;
  }
  bool boolean(bool value) override {
    add(Node::Kind::boolean, end() - (value ? 4 : 5)).boolean = value;
    return true;
  }
  bool number_integer(number_integer_t value) override {
    return add_number(static_cast<double>(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return add_number(static_cast<double>(value));
  }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    return add_number(value);
  }
  bool string(string_t& value) override {
    add(Node::Kind::string, string_begin()).text = std::move(value);
    return true;
  }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return open(Node::Kind::object); }
  bool start_array(std::size_t /*size*/) override { return open(Node::Kind::array); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override;
  bool parse_error(std::size_t position, const std::string& last_token,
                   const nlohmann::detail::exception& error) override;

 private:
  std::size_t end() const noexcept { return static_cast<std::size_t>(reached_ - text_.data()); }
  std::size_t string_begin() const noexcept;
  bool add_number(double value);
  Node& add(Node::Kind kind, std::size_t offset);
  bool open(Node::Kind kind);
  bool close() {
    open_.pop_back();
    return true;
  }
  Node& innermost() const noexcept { return *open_.back().node; }
  std::string pointer_to_member(std::size_t levels) const;

  std::string_view text_;
  Problems& problems_;
  const char* reached_;
  std::unique_ptr<Node> root_;
  struct Open {
    Node* node;  // Stays where it is: the members of a node grow only while none of them is open.
    std::unordered_set<std::string> names;
  };
  std::vector<Open> open_;
};

/// A quote within a string is escaped: the first one before the end that is not opens it.
std::size_t TreeBuilder::string_begin() const noexcept {
  std::size_t at = end() - 1;
  for (;;) {
    at = text_.rfind('"', at - 1);
    std::size_t first = at;
    while (first > 0 && text_[first - 1] == '\\') --first;
    if ((at - first) % 2 == 0) return at;
  }
}

bool TreeBuilder::add_number(double value) {
  std::size_t stop = end();
  if (!is_number_character(text_[stop - 1])) --stop;
  std::size_t begin = stop;
  while (begin > 0 && is_number_character(text_[begin - 1])) --begin;
  Node& node = add(Node::Kind::number, begin);
  node.number = value;
  node.text = text_.substr(begin, stop - begin);
  return true;
}

Node& TreeBuilder::add(Node::Kind kind, std::size_t offset) {
  Node* node = nullptr;
  if (open_.empty()) {
    root_ = std::make_unique<Node>();
    node = root_.get();
  } else {
    Node& parent = innermost();
    if (parent.kind == Node::Kind::array) {
      parent.members.push_back({std::string(), offset, Node()});
    }
    node = &parent.members.back().value;
  }
  node->kind = kind;
  node->offset = offset;
  return *node;
}

bool TreeBuilder::open(Node::Kind kind) {
  if (open_.size() == kMaxDepth) {
    problems_.add(end() - 1, pointer_to_member(open_.size()),
                  fmt::format("nested deeper than {} levels", kMaxDepth));
    return false;
  }
  Node& node = add(kind, end() - 1);
  open_.push_back({&node, {}});
  return true;
}

bool TreeBuilder::key(string_t& name) {
  const std::size_t offset = string_begin();
  if (!open_.back().names.insert(name).second) {
    problems_.add(offset, pointer_to(pointer_to_member(open_.size() - 1), name), "is given twice");
  }
  innermost().members.push_back({std::move(name), offset, Node()});
  return true;
}

/// "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while …; last
/// read: '…'": what stands between the place, which we tell in our own way, and what was read.
bool TreeBuilder::parse_error(std::size_t /*position*/, const std::string& /*last_token*/,
                              const nlohmann::detail::exception& error) {
  std::string_view sentence = error.what();
  const std::size_t colon = sentence.find(": ");
  if (colon != std::string_view::npos) sentence.remove_prefix(colon + 2);
  sentence = sentence.substr(0, sentence.find("; last read"));
  const std::size_t at = std::min(end(), text_.size());
  problems_.add(at == 0 ? 0 : at - 1, "", fmt::format("is no JSON: {}", sentence));
  return false;
}

/// To the latest member of the object or list that is open at the last of so many levels.
std::string TreeBuilder::pointer_to_member(std::size_t levels) const {
  std::string pointer;
  for (std::size_t i = 0; i < levels; ++i) {
    const std::vector<Node::Member>& members = open_[i].node->members;
    if (members.empty()) break;
    pointer = open_[i].node->kind == Node::Kind::object ? pointer_to(pointer, members.back().name)
                                                        : pointer_to(pointer, members.size() - 1);
  }
  return pointer;
}

void make_printable(std::string& text) {
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
}

void write_canonical(const Node& node, std::string& out);

void write_members(const Node& node, std::string& out) {
  std::vector<const Node::Member*> members;
  for (const Node::Member& member : node.members) members.push_back(&member);
  std::sort(members.begin(), members.end(),
            [](const auto* a, const auto* b) { return a->name < b->name; });
  for (const Node::Member* const member : members) {
    out += nlohmann::json(member->name).dump() + ":";
    write_canonical(member->value, out);
    out += ",";
  }
}

void write_canonical(const Node& node, std::string& out) {
  switch (node.kind) {
    case Node::Kind::null:
      out += "null";
      break;
    case Node::Kind::boolean:
      out += node.boolean ? "true" : "false";
      break;
    case Node::Kind::number:
      out += fmt::format("{}", node.number);
      break;
    case Node::Kind::string:
      out += nlohmann::json(node.text).dump();
      break;
    case Node::Kind::array:
      out += "[";
      for (const Node::Member& member : node.members) {
        write_canonical(member.value, out);
        out += ",";
      }
      out += "]";
      break;
    case Node::Kind::object:
      out += "{";
      write_members(node, out);
      out += "}";
      break;
  }
}

}  // namespace

const Node* Node::find(std::string_view name) const noexcept {
  if (kind != Kind::object) return nullptr;
  for (const Member& member : members) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

void Problems::add(std::size_t offset, std::string_view pointer, std::string sentence) {
  if (list_.size() == kMost) return;
  list_.push_back({offset, std::string(pointer), std::move(sentence)});
  // They quote the text, and go to terminals and logs.
  make_printable(list_.back().pointer);
  make_printable(list_.back().sentence);
}

std::vector<Problem> Problems::take() && {
  std::stable_sort(list_.begin(), list_.end(),
                   [](const Found& a, const Found& b) { return a.offset < b.offset; });
  std::vector<Problem> problems;
  std::size_t line = 1;
  std::size_t line_begin = 0;
  std::size_t at = 0;
  for (Found& found : list_) {
    for (; at < found.offset && at < text_.size(); ++at) {
      if (text_[at] != '\n') continue;
      ++line;
      line_begin = at + 1;
    }
    const std::string_view before = text_.substr(line_begin, at - line_begin);
    const auto characters = std::count_if(before.begin(), before.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    });
    problems.push_back({line, static_cast<std::size_t>(characters) + 1, std::move(found.pointer),
                        std::move(found.sentence)});
  }
  return problems;
}

std::unique_ptr<const Node> parse_document(std::string_view text, Problems& problems) {
  if (text.size() > kMaxText) {
    problems.add(0, "", fmt::format("is larger than {} MiB", kMaxText >> 20));
    return nullptr;
  }
  TreeBuilder builder(text, problems);
  const char* const end = text.data() + text.size();
  const bool is_whole =
      nlohmann::json::sax_parse(CountingIterator(text.data(), builder.reached()),
                                CountingIterator(end, builder.reached()), &builder);
  return is_whole ? builder.take() : nullptr;
}

std::string pointer_to(std::string_view pointer, std::string_view name) {
  std::string result(pointer);
  result += '/';
  for (const char c : name) {
    if (c == '~') {
      result += "~0";
    } else if (c == '/') {
      result += "~1";
    } else {
      result += c;
    }
  }
  return result;
}

std::string pointer_to(std::string_view pointer, std::size_t index) {
  return fmt::format("{}/{}", pointer, index);
}

std::string canonical(const Node& node) {
  std::string text;
  write_canonical(node, text);
  return text;
}

std::string to_string(const Problem& problem, std::string_view file) {
  return fmt::format("{}:{}:{}: {}{}{}", file, problem.line, problem.column, problem.pointer,
                     problem.pointer.empty() ? "" : ": ", problem.sentence);
}

}  // namespace gatewaykit::config
