// SPDX-License-Identifier: Apache-2.0
// A strict reader of one flat JSON object (RFC 8259), for tests that check what the library wrote.
// Shares nothing with the library. Refuses whatever a log shipper might: broken UTF-8, controls,
// blanks, names that come twice, numbers with leading zeros, anything behind the object.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

class StrictJson {
 public:
  /// The members, strings decoded and numbers as written. Throws std::runtime_error.
  static std::map<std::string, std::string> parse(std::string_view text) {
    StrictJson reader(text);
    reader.object();
    if (reader.at_ != text.size()) reader.fail("bytes behind the object");
    return std::move(reader.members_);
  }
  /// Nothing where the text is no such object.
  static std::optional<std::map<std::string, std::string>> try_parse(std::string_view text) {
    try {
      return parse(text);
    } catch (const std::runtime_error&) {
      return std::nullopt;
    }
  }
  /// The value of a string with its quotes, as it stands.
  static std::string string_value(std::string_view text) {
    return parse("{\"s\":" + std::string(text) + "}").at("s");
  }

 private:
  explicit StrictJson(std::string_view text) : text_(text) {}

  [[noreturn]] void fail(const char* what) const {
    throw std::runtime_error(std::string(what) + " at byte " + std::to_string(at_));
  }
  unsigned char peek() const {
    if (at_ == text_.size()) fail("unexpected end");
    return static_cast<unsigned char>(text_[at_]);
  }
  unsigned char take() {
    const unsigned char byte = peek();
    ++at_;
    return byte;
  }
  void expect(char c) {
    if (take() != static_cast<unsigned char>(c)) fail("another character expected");
  }

  void object() {
    expect('{');
    for (bool first = true; peek() != '}'; first = false) {
      if (!first) expect(',');
      std::string name = string();
      expect(':');
      std::string value = peek() == '"' ? string() : number();
      if (!members_.emplace(std::move(name), std::move(value)).second) fail("a name twice");
    }
    expect('}');
  }

  std::string number() {
    const std::size_t begin = at_;
    digits();
    if (text_[begin] == '0' && at_ - begin > 1) fail("leading zero");
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      digits();
    }
    return std::string(text_.substr(begin, at_ - begin));
  }
  void digits() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    if (at_ == begin) fail("a digit expected");
  }

  std::string string() {
    std::string value;
    expect('"');
    for (unsigned char byte = take(); byte != '"'; byte = take()) {
      if (byte < 0x20 || byte == 0x7f) fail("a control character");
      if (byte == '\\') {
        escape(value);
      } else if (byte < 0x80) {
        value += static_cast<char>(byte);
      } else {
        sequence(byte, value);
      }
    }
    return value;
  }

  void escape(std::string& value) {
    switch (take()) {
      case '"':
        value += '"';
        return;
      case '\\':
        value += '\\';
        return;
      case 'n':
        value += '\n';
        return;
      case 'r':
        value += '\r';
        return;
      case 't':
        value += '\t';
        return;
      case 'u':
        encode(four_hex(), value);
        return;
      default:
        fail("an unknown escape");
    }
  }
  std::uint32_t four_hex() {
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      const char digit = static_cast<char>(take());
      const std::size_t nibble = std::string_view("0123456789abcdef").find(digit);
      if (nibble == std::string_view::npos) fail("no hexadecimal digit");
      code = code * 16 + static_cast<std::uint32_t>(nibble);
    }
    if (code >= 0xd800 && code < 0xe000) fail("half of a surrogate pair");
    return code;
  }

  /// A sequence of UTF-8 whose first byte was taken: decoded and encoded again, so that nothing but
  /// the shortest form passes.
  void sequence(unsigned char lead, std::string& value) {
    const std::size_t begin = at_ - 1;
    const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    std::uint32_t code = lead & (0x3fU >> more);
    for (int i = 0; i < more; ++i) code = code << 6 | (take() & 0x3fU);
    if (code >= 0xd800 && code < 0xe000) fail("a surrogate");
    if (code > 0x10ffff || (code >= 0x80 && code < 0xa0)) fail("no character for a log");
    std::string shortest;
    encode(code, shortest);
    if (shortest != text_.substr(begin, at_ - begin)) fail("broken UTF-8");
    value += shortest;
  }
  static void encode(std::uint32_t code, std::string& value) {
    const auto put = [&value](std::uint32_t byte) { value += static_cast<char>(byte); };
    if (code < 0x80) return put(code);
    if (code < 0x800) {
      put(0xc0 | code >> 6);
    } else if (code < 0x10000) {
      put(0xe0 | code >> 12);
      put(0x80 | (code >> 6 & 0x3f));
    } else {
      put(0xf0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3f));
      put(0x80 | (code >> 6 & 0x3f));
    }
    put(0x80 | (code & 0x3f));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::map<std::string, std::string> members_;
};
