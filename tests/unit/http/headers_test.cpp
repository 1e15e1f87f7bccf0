// SPDX-License-Identifier: Apache-2.0
// Headers: an ordered multimap whose names compare without case and whose bytes are checked.
#include "gatewaykit/http/headers.hpp"

#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"

using gatewaykit::Field;
using gatewaykit::field_of;
using gatewaykit::FieldLine;
using gatewaykit::Headers;
using gatewaykit::name_of;

namespace {

std::string text_of(const Headers& headers) {
  std::string text;
  for (const FieldLine line : headers) {
    text.append(line.name).append(": ").append(line.value).append("\n");
  }
  return text;
}

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return result;
}

}  // namespace

TEST_CASE("every known name is found in any case, and nothing near it is") {
  const int last = static_cast<int>(Field::x_rewrite_url);
  for (int i = 1; i <= last; ++i) {
    const auto field = static_cast<Field>(i);
    const std::string name(name_of(field));
    CAPTURE(name);
    REQUIRE_FALSE(name.empty());
    CHECK(field_of(name) == field);
    CHECK(field_of(upper(name)) == field);
    CHECK(field_of(name + "x") != field);
    CHECK(field_of(name.substr(1)) != field);
    // Each byte matters: no other byte at the same place gives the same name.
    for (std::size_t at = 0; at < name.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string other = name;
        other[at] = static_cast<char>(byte);
        const bool same = upper(other) == upper(name);
        if ((field_of(other) == field) != same) FAIL(other);
      }
    }
  }
}

TEST_CASE("an unknown name is Field::other, which has no name") {
  CHECK(field_of("") == Field::other);
  CHECK(field_of("x") == Field::other);
  CHECK(field_of("xyz") == Field::other);
  CHECK(field_of("x-tenant") == Field::other);
  CHECK(field_of(std::string(70000, 'a')) == Field::other);
  CHECK(name_of(Field::other).empty());
}

TEST_CASE("lines keep their order, their case and their repetition") {
  Headers headers;
  headers.add("Accept", "a");
  headers.add("X-Tenant", "t");
  headers.add("accept", "b");
  CHECK(text_of(headers) == "Accept: a\nX-Tenant: t\naccept: b\n");
  CHECK(headers.size() == 3);
  CHECK(headers.count("ACCEPT") == 2);
  CHECK(headers.count(Field::accept) == 2);
  CHECK(headers.count("x-tenant") == 1);
  CHECK(headers.count("x-none") == 0);
  CHECK(headers[1].name == "X-Tenant");
  CHECK(headers[1].field == Field::other);
  CHECK(headers[2].field == Field::accept);
}

TEST_CASE("get answers the first line of that name") {
  Headers headers;
  CHECK(headers.empty());
  CHECK_FALSE(headers.get("accept").has_value());
  CHECK_FALSE(headers.get(Field::accept).has_value());
  headers.add("X-A", "1");
  headers.add("x-a", "2");
  headers.add("Via", "");
  CHECK(headers.get("X-a") == "1");
  CHECK(headers.get(Field::via) == "");
  CHECK(headers.contains("VIA"));
  CHECK_FALSE(headers.contains(Field::host));
}

TEST_CASE("set leaves one line, at the place of the first") {
  Headers headers;
  headers.add("A", "1");
  headers.add("B", "2");
  headers.add("a", "3");
  headers.add("C", "4");
  headers.add("A", "5");
  headers.set("a", "new");
  CHECK(text_of(headers) == "a: new\nB: 2\nC: 4\n");
  headers.set("D", "last");
  CHECK(text_of(headers) == "a: new\nB: 2\nC: 4\nD: last\n");
  headers.set("accept", "x");
  headers.set("Accept", "y");
  CHECK(headers.count(Field::accept) == 1);
}

TEST_CASE("values come without the blanks around them") {
  Headers headers;
  headers.add("a", " \t x y \t ");
  headers.add("b", "  ");
  CHECK(text_of(headers) == "a: x y\nb: \n");
}

TEST_CASE("remove and remove_if take lines out and say how many") {
  Headers headers;
  for (const char* name : {"A", "b", "a", "Cookie", "cookie", "d"}) headers.add(name, name);
  CHECK(headers.remove("x") == 0);
  CHECK(headers.remove("A") == 2);
  CHECK(headers.remove(Field::cookie) == 2);
  CHECK(text_of(headers) == "b: b\nd: d\n");
  CHECK(headers.remove_if([](const FieldLine& line) { return line.value == "b"; }) == 1);
  CHECK(text_of(headers) == "d: d\n");
  headers.clear();
  CHECK(headers.empty());
  headers.add("e", "f");
  CHECK(text_of(headers) == "e: f\n");
}

TEST_CASE("what is no name or no value is refused and changes nothing") {
  Headers headers;
  headers.add("kept", "1");
  const std::string nul(1, '\0');
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("a:"), std::string("a\r\nb"),
        std::string("\xc3\xa4"), std::string(" a"), std::string("a\x7f"), nul, std::string("(a"),
        std::string("0123456789abcdef@"), std::string(70000, 'a')}) {
    CAPTURE(name.substr(0, 30));
    CHECK_FALSE(headers.try_add(name, "v"));
    CHECK_FALSE(headers.try_set(name, "v"));
    CHECK_THROWS_AS(headers.add(name, "v"), std::invalid_argument);
    CHECK_THROWS_AS(headers.set(name, "v"), std::invalid_argument);
  }
  for (int byte = 0; byte < 256; ++byte) {
    const bool bad = (byte < 0x20 && byte != '\t') || byte == 0x7f;
    for (const std::size_t place : {1UL, 17UL, 30UL}) {
      std::string value(40, 'v');
      value[place] = static_cast<char>(byte);
      if (headers.try_set("probe", value) == bad) FAIL("byte " << byte << " at " << place);
    }
  }
  headers.remove("probe");
  CHECK(text_of(headers) == "kept: 1\n");
}

TEST_CASE("moving takes the lines along, cloning copies them") {
  Headers first;
  for (int i = 0; i < 50; ++i) first.add("x-" + std::to_string(i), std::string(100, 'v'));
  const std::string text = text_of(first);
  Headers second = std::move(first);
  CHECK(text_of(second) == text);
  CHECK(first.empty());  // NOLINT(bugprone-use-after-move): empty is what is promised.
  first.add("again", "1");
  CHECK(text_of(first) == "again: 1\n");

  Headers third = second.clone();
  second.set("x-0", "changed");
  CHECK(text_of(third) == text);
  first = std::move(third);
  CHECK(text_of(first) == text);
  CHECK(Headers().clone().empty());
}

TEST_CASE("arguments may be views into the object, also while it grows") {
  Headers headers;
  headers.add("first", std::string(100, 'a'));
  for (int i = 0; i < 100; ++i) headers.add(headers[0].name, *headers.get("first"));
  for (const FieldLine line : headers) CHECK(line.value == std::string(100, 'a'));
  headers.add("other", "o");
  headers.set(headers[3].name, *headers.get("other"));
  CHECK(text_of(headers) == "first: o\nother: o\n");
}

TEST_CASE("setting the same field again and again does not grow the memory for ever") {
  Headers headers;
  headers.add("kept", "1");
  // More bytes than one object may hold, were they never reclaimed.
  const std::string value(1 << 20, 'v');
  for (int i = 0; i < 1100; ++i) headers.set("x", value);
  CHECK(headers.size() == 2);
  CHECK(headers.get("x")->size() == value.size());
}

TEST_CASE("a section is added by a codec with one copy") {
  Headers headers;
  headers.add("zero", "0");
  const std::string section = "Host: a\r\nX-B: c\r\n";
  headers.reserve(2, section.size());
  const std::uint32_t at = headers.add_section(section);
  headers.add_line_at(Field::host, at, 4, at + 6, 1);
  headers.add_line_at(Field::other, at + 9, 3, at + 14, 1);
  headers.add("last", "9");
  for (int i = 0; i < 20; ++i) headers.add("more", std::string(50, 'm'));
  headers.remove("more");
  CHECK(text_of(headers) == "zero: 0\nHost: a\nX-B: c\nlast: 9\n");
  CHECK(headers.get(Field::host) == "a");
}

TEST_CASE("lines that lie one behind the other are visited as one text") {
  const auto texts_of = [](const Headers& headers) {
    std::vector<std::string> texts;
    headers.visit_text([](Field field) { return field == Field::connection; },
                       [&texts](std::string_view text) { texts.emplace_back(text); });
    return texts;
  };
  Headers headers;
  CHECK(texts_of(headers).empty());
  headers.add("a", "1");
  headers.add("b", "");
  headers.add("Connection", "x");
  headers.add("c", " 3 ");
  CHECK(texts_of(headers) == std::vector<std::string>{"a: 1\r\nb: \r\n", "c: 3\r\n"});
  headers.remove("a");
  headers.set("b", "2");
  CHECK(texts_of(headers) == std::vector<std::string>{"b: 2\r\n", "c: 3\r\n"});
  CHECK(texts_of(headers.clone()) == texts_of(headers));
  headers.remove("b");
  headers.remove("c");
  CHECK(texts_of(headers).empty());
}
