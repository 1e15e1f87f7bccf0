// SPDX-License-Identifier: Apache-2.0
// Document: strict, bounded, and every value knows where it stands.
#include "config/document.hpp"

#include <string>
#include <vector>

#include "catch.hpp"

using namespace gatewaykit::config;

namespace {

std::vector<std::string> problems_of(std::string_view text) {
  Problems problems(text);
  static_cast<void>(parse_document(text, problems));
  std::vector<std::string> lines;
  for (const Problem& problem : std::move(problems).take())
    lines.push_back(to_string(problem, "f"));
  return lines;
}

std::unique_ptr<const Node> parse(std::string_view text) {
  Problems problems(text);
  std::unique_ptr<const Node> node = parse_document(text, problems);
  REQUIRE(problems.empty());
  REQUIRE(node != nullptr);
  return node;
}

/// The value of member "x", as it stands in the text from its offset on.
std::string rest_at_x(std::string_view text) {
  const std::unique_ptr<const Node> node = parse(text);
  return std::string(text.substr(node->find("x")->offset));
}

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

}  // namespace

TEST_CASE("every value stands where it begins") {
  CHECK(rest_at_x(R"({"x":12})") == "12}");
  CHECK(rest_at_x(R"({"x": -1.5e3 })") == "-1.5e3 }");
  CHECK(rest_at_x(R"({"x":0,"y":1})") == R"(0,"y":1})");
  CHECK(rest_at_x(R"({"x": true})") == "true}");
  CHECK(rest_at_x(R"({"x": false})") == "false}");
  CHECK(rest_at_x(R"({"x":null})") == "null}");
  CHECK(rest_at_x(R"({"x": [1]})") == "[1]}");
  CHECK(rest_at_x(R"({"x": {"y":1}})") == R"({"y":1}})");
  CHECK(rest_at_x(R"({"x": "a\"b\\"})") == R"("a\"b\\"})");
  CHECK(rest_at_x(R"({"x": ""})") == R"(""})");
  CHECK(rest_at_x(R"({"a\\": "\\\"", "x": "\\"})") == R"("\\"})");
}

TEST_CASE("a number alone is a text") { CHECK(parse("12")->text == "12"); }

TEST_CASE("members keep their order, names and places") {
  const std::string text = R"({"b": 1, "a/b~c": [true, "x"]})";
  const auto node = parse(text);
  REQUIRE(node->members.size() == 2);
  CHECK(node->members[0].name == "b");
  CHECK(node->members[1].name == "a/b~c");
  CHECK(text.substr(node->members[1].offset).starts_with("\"a/b~c\""));
  CHECK(node->members[1].value.members[1].value.text == "x");
  CHECK(pointer_to("/x", node->members[1].name) == "/x/a~1b~0c");
}

TEST_CASE("a name that is given twice is told where it is given again") {
  CHECK(problems_of("{\"a\": 1,\n \"b\": {\"c\": 1, \"c\": 2}, \"a\": 3}") ==
        std::vector<std::string>{"f:2:16: /b/c: is given twice", "f:2:25: /a: is given twice"});
}

TEST_CASE("what is no JSON is told with its place, and nothing is made of it") {
  const std::string text =
      GENERATE(as<std::string>(), "", " ", "{", "{\"a\"}", "{\"a\":1,}", "[1 2]", "{a:1}", "'a'",
               "01", "1.", "+1", ".5", "nul", "\"\\x\"", "\"\n\"", "\"\xff\"", "\"\\ud800\"",
               "{} {}", "/*c*/1", "NaN", "{\"a\":1}x");
  Problems problems(text);
  CHECK(parse_document(text, problems) == nullptr);
  CHECK(problems.size() == 1);
}

TEST_CASE("the place is a line and a column in characters") {
  CHECK(problems_of("{\n  \"\xc3\xa4\": [1,\n   x]}").front().starts_with("f:3:4: is no JSON"));
  CHECK(problems_of("{\"\xc3\xa4\": x}").front().starts_with("f:1:7: "));
  CHECK(problems_of("{").front().starts_with("f:1:1: "));
}

TEST_CASE("depth is bounded") {
  CHECK(problems_of(nested(kMaxDepth)).empty());
  CHECK(problems_of(nested(kMaxDepth + 1)).size() == 1);
  CHECK(problems_of(std::string(1'000'000, '[')).size() == 1);
}

TEST_CASE("size is bounded") {
  std::string text = "\"" + std::string(kMaxText - 2, 'x') + "\"";
  CHECK(problems_of(text).empty());
  text += ' ';
  CHECK(problems_of(text) == std::vector<std::string>{"f:1:1: is larger than 16 MiB"});
}

TEST_CASE("many mistakes are told of as far as anybody would read") {
  std::string text = "{\"a\":1";
  for (int i = 0; i < 100'000; ++i) text += ",\"a\":1";
  CHECK(problems_of(text + "}").size() == 100);
}

TEST_CASE("equal values have one canonical form") {
  CHECK(canonical(*parse(R"({"b":[1,2.50],"a":"x\u0041"})")) ==
        canonical(*parse("{ \"a\" : \"xA\",\n\"b\":[1.0, 2.5] }")));
  CHECK(canonical(*parse("[1,2]")) != canonical(*parse("[2,1]")));
  CHECK(canonical(*parse("\"1\"")) != canonical(*parse("1")));
  CHECK(canonical(*parse(R"({"a":1})")) != canonical(*parse(R"({"a":2})")));
}
