// SPDX-License-Identifier: Apache-2.0
// Vary, kept as one line without repetition.
#include "middleware/vary.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"

using namespace gatewaykit;

namespace {

std::vector<std::string> varied(const std::vector<std::string>& before, std::string_view name) {
  Headers headers;
  for (const std::string& value : before) headers.add("Vary", value);
  add_to_vary(headers, name);
  std::vector<std::string> after;
  for (const FieldLine line : headers) after.emplace_back(line.value);
  return after;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("A name is added where it is not there") {
  CHECK(varied({}, "Origin") == Lines{"Origin"});
  CHECK(varied({""}, "Origin") == Lines{"Origin"});
  CHECK(varied({"Accept"}, "Origin") == Lines{"Accept, Origin"});
  CHECK(varied({"X-Origin"}, "Origin") == Lines{"X-Origin, Origin"});
}

TEST_CASE("Several lines become one") {
  CHECK(varied({"Accept", "", "Cookie, X"}, "Origin") == Lines{"Accept, Cookie, X, Origin"});
}

TEST_CASE("A name that is there already, in any case and place, is not repeated") {
  CHECK(varied({"Origin"}, "Origin") == Lines{"Origin"});
  CHECK(varied({"accept ,\torigin"}, "Origin") == Lines{"accept ,\torigin"});
  CHECK(varied({"Accept", "ORIGIN"}, "Origin") == Lines{"Accept", "ORIGIN"});
}

TEST_CASE("A star is all there is to say") {
  CHECK(varied({"*"}, "Origin") == Lines{"*"});
  CHECK(varied({"Accept, *"}, "Origin") == Lines{"Accept, *"});
}
