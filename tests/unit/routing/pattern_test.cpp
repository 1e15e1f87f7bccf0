// SPDX-License-Identifier: Apache-2.0
#include "routing/pattern.hpp"

#include <array>
#include <string>
#include <vector>

#include "catch.hpp"

using namespace gatewaykit;
using namespace gatewaykit::routing;

namespace {

std::vector<std::string> problems_of(std::string_view pattern) {
  std::vector<PatternSegment> segments;
  std::vector<std::string> problems;
  parse_pattern(pattern, segments, problems);
  return problems;
}

/// The segments of a valid pattern, one per line: the kind's initial, a colon, the text.
std::string outline(std::string_view pattern) {
  std::vector<PatternSegment> segments;
  std::vector<std::string> problems;
  parse_pattern(pattern, segments, problems);
  REQUIRE(problems.empty());
  std::string text;
  for (const PatternSegment& segment : segments) {
    text += std::string(1, "lpw"[static_cast<int>(segment.kind)]) + ':';
    text += std::string(segment.text) + ' ';
  }
  return text;
}

std::vector<std::string> names_of(std::string_view pattern) {
  std::array<std::string_view, kMaxCaptures> names;
  const std::size_t count = capture_names(pattern, names);
  return {names.begin(), names.begin() + static_cast<std::ptrdiff_t>(count)};
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string repeated;
  for (std::size_t i = 0; i < times; ++i) repeated += text;
  return repeated;
}

}  // namespace

TEST_CASE("A pattern is literals, parameters and a last wildcard") {
  CHECK(outline("/") == "l: ");
  CHECK(outline("/api/users") == "l:api l:users ");
  CHECK(outline("/api/users/") == "l:api l:users l: ");
  CHECK(outline("/users/{id}/orders/{order-id}") == "l:users p:id l:orders p:order-id ");
  CHECK(outline("/*") == "w:* ");
  CHECK(outline("/files/*") == "l:files w:* ");
  CHECK(outline("/files/{*path}") == "l:files w:path ");
}

TEST_CASE("A literal may hold what a normalised path holds") {
  CHECK(problems_of("/a-b._~!$&'()+,=:@Z09").empty());
  CHECK(problems_of("/caf%C3%A9/50%25/a%20b").empty());
  CHECK(problems_of("/.well-known/...").empty());
  CHECK(problems_of("/a%2Fb").empty());  // Reaches the routes where the gateway keeps it.
}

TEST_CASE("A pattern that no normalised path can match is a mistake, said in one sentence") {
  const auto [pattern, problem] = GENERATE(table<std::string, std::string>({
      {"", "a pattern must begin with '/'"},
      {"users", "a pattern must begin with '/'"},
      {"*", "a pattern must begin with '/'"},
      {"/a//b", "'//' is merged before matching"},
      {"//", "'//' is merged before matching"},
      {"/a/./b", "segments '.' and '..' are resolved before matching"},
      {"/a/..", "segments '.' and '..' are resolved before matching"},
      {"/%61bc", "%61 is decoded before matching; write 'a'"},
      {"/%2e", "%2e is decoded before matching; write '.'"},
      {"/%c3%A9", "%c3 is normalised before matching; write %C3"},
      {"/a%5Cb", "%5C is refused before matching"},
      {"/a%00", "%00 is refused before matching"},
      {"/100%", "'%' must begin an escape of two hexadecimal digits"},
      {"/%4", "'%' must begin an escape of two hexadecimal digits"},
      {"/%4x", "'%' must begin an escape of two hexadecimal digits"},
      {"/a b", "a path holds no byte 0x20; write %20"},
      {"/caf\xC3\xA9", "a path holds no byte 0xC3; write %C3"},
      {"/a\\b", "a path holds no byte 0x5C; write %5C"},
      {"/a;v=1", "';' begins path parameters, which are ignored in matching"},
      {"/a?b=c", "'?' ends a path; a pattern holds a path only"},
      {"/a#b", "'#' ends a path; a pattern holds a path only"},
  }));
  CAPTURE(pattern);
  CHECK(problems_of(pattern) == std::vector<std::string>{problem});
}

TEST_CASE("Parameters and wildcards are whole segments with names of their own") {
  const auto [pattern, problem] = GENERATE(table<std::string, std::string>({
      {"/v{version}", "a parameter must be a whole segment, as in /{name}/"},
      {"/{name}.json", "a parameter must be a whole segment, as in /{name}/"},
      {"/{name", "a parameter must be a whole segment, as in /{name}/"},
      {"/name}", "a parameter must be a whole segment, as in /{name}/"},
      {"/users*", "'*' must be the whole last segment"},
      {"/**", "'*' must be the whole last segment"},
      {"/*/users", "a wildcard must be the last segment"},
      {"/{*rest}/users", "a wildcard must be the last segment"},
      {"/files/*/", "a wildcard must be the last segment"},
      {"/{}", "{} has no name"},
      {"/{*}", "{*} has no name"},
      {"/{a/b}", "a parameter must be a whole segment, as in /{name}/"},
      {"/{user.id}", "the name in {user.id} may hold letters, digits, '_' and '-' only"},
      {"/{id}/x/{id}", "the name id is used twice"},
      {"/{id}/{*id}", "the name id is used twice"},
  }));
  CAPTURE(pattern);
  const std::vector<std::string> problems = problems_of(pattern);
  REQUIRE_FALSE(problems.empty());
  CHECK(problems.front() == problem);
}

TEST_CASE("Every mistake of a pattern is found at once") {
  CHECK(problems_of("/a b/{}/%7e/*/x") ==
        std::vector<std::string>{"a path holds no byte 0x20; write %20", "{} has no name",
                                 "%7e is decoded before matching; write '~'",
                                 "a wildcard must be the last segment"});
}

TEST_CASE("A pattern has limits") {
  CHECK(problems_of(repeat("/s", kMaxPatternSegments)).empty());
  CHECK(problems_of(repeat("/s", kMaxPatternSegments + 1)) ==
        std::vector<std::string>{"a pattern holds at most 64 segments and 4096 bytes"});
  CHECK(problems_of("/" + std::string(kMaxPatternSize - 1, 'x')).empty());
  CHECK(problems_of("/" + std::string(kMaxPatternSize, 'x')).size() == 1);

  std::string parameters;
  for (std::size_t i = 0; i + 1 < kMaxCaptures; ++i) parameters += "/{p" + std::to_string(i) + "}";
  CHECK(problems_of(parameters + "/*").empty());
  CHECK(problems_of(parameters + "/{last}/*") ==
        std::vector<std::string>{"more than 16 parameters"});
}

TEST_CASE("The names of a pattern come in the order of its captures") {
  CHECK(names_of("/users").empty());
  CHECK(names_of("/{a}/x/{b}") == std::vector<std::string>{"a", "b"});
  CHECK(names_of("/{a}/{*rest}") == std::vector<std::string>{"a", "rest"});
  CHECK(names_of("/{a}/*") == std::vector<std::string>{"a", "*"});
  CHECK(names_of("/*") == std::vector<std::string>{"*"});
}
