// SPDX-License-Identifier: Apache-2.0
#include "observe/json_line.hpp"

#include <array>
#include <chrono>
#include <string>
#include <string_view>

#include "catch.hpp"
#include "gatewaykit/core/random.hpp"
#include "strict_json.hpp"

using gatewaykit::Random;
using gatewaykit::observe::JsonLine;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kAmple = 1000;

/// What `write` puts into a buffer of just the size that the interface asks for.
template <class Write>
std::string written(std::size_t size, Write write) {
  std::string buffer(size + JsonLine::kSlack, '#');
  JsonLine line(buffer.data());
  write(line);
  buffer.resize(static_cast<std::size_t>(line.end() - buffer.data()));
  return buffer;
}

std::string quoted(std::string_view text, std::size_t limit = kAmple) {
  return written(limit + JsonLine::kStringExtra, [&](JsonLine& line) { line.string(text, limit); });
}

std::string seconds(gatewaykit::Duration duration) {
  return written(30, [&](JsonLine& line) { line.seconds(duration); });
}

}  // namespace

TEST_CASE("Printable text is copied as it is, whatever its length") {
  const std::string text = "The quick brown fox: /jumps?over=the&lazy#dog; 0123456789~^`{}[]";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    CHECK(quoted(text.substr(0, size)) == '"' + text.substr(0, size) + '"');
  }
}

TEST_CASE("A character that ends a string or a line is escaped wherever it stands") {
  for (std::size_t place = 0; place < 40; ++place) {
    std::string text(40, 'x');
    text[place] = '"';
    CHECK(quoted(text) ==
          '"' + std::string(place, 'x') + "\\\"" + std::string(39 - place, 'x') + '"');
  }
  CHECK(quoted("a\\b") == R"("a\\b")");
  CHECK(quoted("a\r\nb\tc") == R"("a\r\nb\tc")");
}

TEST_CASE("Control characters are escaped: NUL, ESC, DEL and those of C1") {
  CHECK(quoted(std::string_view("a\0b", 3)) == R"("a\u0000b")");
  CHECK(quoted("\x1b[31m") == R"("\u001b[31m")");
  CHECK(quoted("\x7f") == R"("\u007f")");
  CHECK(quoted("\xc2\x9b"
               "2J") == R"("\u009b2J")");
  CHECK(quoted("\xc2\xa0") == "\"\xc2\xa0\"");
}

TEST_CASE("Well-formed UTF-8 passes") {
  const std::string text =
      "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 \xef\xbf\xbd \xf4\x8f\xbf\xbf \xed\x9f\xbf";
  CHECK(quoted(text) == '"' + text + '"');
}

TEST_CASE("Each byte of broken UTF-8 is replaced") {
  const std::string_view broken =
      GENERATE(std::string_view("\x80"), std::string_view("\xbf"), std::string_view("\xff"),
               std::string_view("\xc3"), std::string_view("\xc3(", 2), std::string_view("\xc0\xaf"),
               std::string_view("\xc1\xbf"), std::string_view("\xe2\x82"),
               std::string_view("\xe0\x9f\xbf"), std::string_view("\xed\xa0\x80"),
               std::string_view("\xf0\x8f\xbf\xbf"), std::string_view("\xf4\x90\x80\x80"),
               std::string_view("\xf5\x80\x80\x80"), std::string_view("\xf0\x9f\x98"));
  std::string expected = "\"a";
  for (const char c : broken) {
    if (c == '(') {
      expected += c;
    } else {
      expected += "\\ufffd";
    }
  }
  CHECK(quoted("a" + std::string(broken)) == expected + '"');
  CHECK(quoted("a" + std::string(broken) + "b") == expected + "b\"");
}

TEST_CASE("A string that is too long is cut between characters and says so") {
  CHECK(quoted("0123456789", 10) == R"("0123456789")");
  CHECK(quoted("0123456789a", 10) == R"("0123456789...")");
  CHECK(quoted(std::string(100, 'x'), 40) == '"' + std::string(40, 'x') + "...\"");
  CHECK(quoted("012345678\n", 10) == R"("012345678...")");
  CHECK(quoted("012345678\n", 11) == R"("012345678\n")");
  CHECK(quoted("0123\xe2\x82\xac", 6) == R"("0123...")");
  CHECK(quoted("x", 0) == R"("...")");
  CHECK(quoted("", 0) == R"("")");
}

TEST_CASE("The pieces of a string share its limit") {
  const std::string line = written(20, [](JsonLine& json) {
    json.begin_string(6);
    json.append("0123");
    json.append("456");
    json.append("789");
    json.end_string();
  });
  CHECK(line == R"("012345...")");
}

TEST_CASE("Whatever the bytes, the result is one valid JSON string within its limit") {
  Random random(42);
  for (int round = 0; round < 20000; ++round) {
    std::string text(random.below(80), '\0');
    // Mostly bytes that mean something to somebody.
    constexpr std::string_view kSpicy = "\"\\\n\r\x1b\x7f\xc2\x9b\xe2\x80\xa8\xf0\x9f\x98\x80 ax";
    for (char& c : text) {
      const bool is_spicy = random.below(2) == 0;
      c = is_spicy ? kSpicy[random.below(kSpicy.size())] : static_cast<char>(random.below(256));
    }
    const std::size_t limit = random.below(100);
    const std::string json = quoted(text, limit);
    CAPTURE(round, json);
    REQUIRE(json.size() <= limit + JsonLine::kStringExtra);
    REQUIRE_NOTHROW(StrictJson::string_value(json));
  }
}

TEST_CASE("Durations are written as seconds with six decimals") {
  CHECK(seconds(0s) == "0.000000");
  CHECK(seconds(1us) == "0.000001");
  CHECK(seconds(1999ns) == "0.000001");
  CHECK(seconds(1234567us) == "1.234567");
  CHECK(seconds(86400s) == "86400.000000");
  CHECK(seconds(-1s) == "0.000000");
}

TEST_CASE("Numbers up to the largest are written in full") {
  CHECK(written(20, [](JsonLine& line) { line.number(0); }) == "0");
  CHECK(written(20, [](JsonLine& line) { line.number(UINT64_MAX); }) == "18446744073709551615");
}
