// SPDX-License-Identifier: Apache-2.0
// MediaTypes: patterns of options against values of Content-Type.
#include "middleware/media_types.hpp"

#include <string>

#include "catch.hpp"

using gatewaykit::MediaTypes;

namespace {

bool matches(std::string_view pattern, std::string_view content_type) {
  MediaTypes types;
  REQUIRE(types.add(pattern));
  return types.contain(content_type);
}

}  // namespace

TEST_CASE("A media type matches itself in any case, whatever its parameters") {
  CHECK(matches("application/json", "application/json"));
  CHECK(matches("application/json", "Application/JSON"));
  CHECK(matches("Application/JSON", "application/json"));
  CHECK(matches("application/json", "application/json; charset=utf-8"));
  CHECK(matches("application/json", "application/json;charset=utf-8"));
  CHECK(matches("application/json", " application/json ; q"));
  CHECK_FALSE(matches("application/json", "application/json5"));
  CHECK_FALSE(matches("application/json", "application/jso"));
  CHECK_FALSE(matches("application/json", "xapplication/json"));
  CHECK_FALSE(matches("application/json", "application/problem+json"));
  CHECK_FALSE(matches("application/json", "image/png; x=application/json"));
  CHECK_FALSE(matches("application/json", ""));
}

TEST_CASE("A wildcard takes all subtypes of a type, or all with a suffix") {
  CHECK(matches("text/*", "text/event-stream"));
  CHECK(matches("text/*", "TEXT/html;charset=utf-8"));
  CHECK_FALSE(matches("text/*", "application/text"));
  CHECK_FALSE(matches("text/*", "texts/x"));
  CHECK(matches("*+json", "application/problem+json; charset=utf-8"));
  CHECK(matches("*+JSON", "application/vnd.api+Json"));
  CHECK_FALSE(matches("*+json", "application/json"));
  CHECK_FALSE(matches("*+json", "application/x+jsonx"));
  CHECK(matches("*/*", "image/png"));
  CHECK_FALSE(matches("*/*", ""));
  CHECK_FALSE(matches("*/*", ";"));
}

TEST_CASE("What is no media type is refused") {
  MediaTypes types;
  const std::string text = GENERATE(as<std::string>{}, "", "*", "text", "text/", "/html", "/",
                                    "*/json", "te*/html", "text/h*", "text/**", "*+", "*+*", "*+j*",
                                    "*+a/b", "text/html; charset=utf-8", "text/html ", "text/a/b");
  CHECK_FALSE(types.add(text));
}
