// SPDX-License-Identifier: Apache-2.0
// Result and Error: a value or a failure, never both, never neither.
#include "gatewaykit/core/result.hpp"

#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"

using gatewaykit::ConfigError;
using gatewaykit::Errc;
using gatewaykit::Error;
using gatewaykit::Origin;
using gatewaykit::Result;

namespace {

Result<std::string> parse(bool succeeds) {
  if (!succeeds) return Error(Errc::bad_message, Origin::client, "not good");
  return std::string("good");
}

}  // namespace

TEST_CASE("a Result is either a value or an Error") {
  const Result<std::string> good = parse(true);
  REQUIRE(good.has_value());
  CHECK(good);
  CHECK(*good == "good");
  CHECK(good.value() == "good");
  CHECK(good->size() == 4);

  const Result<std::string> bad = parse(false);
  CHECK_FALSE(bad.has_value());
  REQUIRE_FALSE(bad);
  CHECK(bad.error().code == Errc::bad_message);
  CHECK(bad.error().origin == Origin::client);
  CHECK(bad.error().detail == "not good");
}

TEST_CASE("values move in and out of a Result") {
  Result<std::unique_ptr<int>> owned = std::make_unique<int>(7);
  const std::unique_ptr<int> taken = *std::move(owned);
  CHECK(*taken == 7);
  CHECK(*owned == nullptr);

  Result<std::unique_ptr<int>> moved = std::make_unique<int>(8);
  Result<std::unique_ptr<int>> target = Error(Errc::reset, Origin::upstream);
  target = std::move(moved);
  REQUIRE(target);
  CHECK(**target == 8);
}

TEST_CASE("a Result can be changed in place") {
  Result<std::string> result = std::string("a");
  *result += "b";
  result->push_back('c');
  CHECK(*result == "abc");
  result = Error(Errc::cancelled, Origin::gateway);
  REQUIRE_FALSE(result);
  result.error().detail = "changed";
  CHECK(result.error().detail == "changed");
  result = std::string("again");
  CHECK(result);
}

TEST_CASE("a Result of nothing is success unless it holds an Error") {
  const Result<> good;
  CHECK(good);
  const Result<> bad = Error(Errc::queue_full, Origin::gateway);
  REQUIRE_FALSE(bad);
  CHECK(bad.error().code == Errc::queue_full);
}

TEST_CASE("an error passes from one Result to another") {
  Result<int> first = Error(Errc::reset, Origin::upstream, "it went", true);
  const Result<std::string> second = std::move(first.error());
  REQUIRE_FALSE(second);
  CHECK(second.error().detail == "it went");
  CHECK(second.error().retryable);
}

TEST_CASE("an Error is not retryable unless it says so") {
  CHECK_FALSE(Error(Errc::reset, Origin::upstream).retryable);
  CHECK_FALSE(Error(Errc::reset, Origin::upstream, "detail").retryable);
}

TEST_CASE("every code and origin has a name of its own") {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(Errc::invalid_config); ++i) {
    const std::string name(to_string(static_cast<Errc>(i)));
    CAPTURE(i, name);
    CHECK(name != "unknown");
    CHECK(names.insert(name).second);
  }
  CHECK(to_string(Errc::first_byte_timeout) == "first_byte_timeout");
  CHECK(to_string(Origin::client) == "client");
  CHECK(to_string(Origin::upstream) == "upstream");
  CHECK(to_string(Origin::gateway) == "gateway");
}

TEST_CASE("a ConfigError names every problem, one a line") {
  const ConfigError error({"the first thing", "the second thing"});
  CHECK(std::string(error.what()) == "the first thing\nthe second thing");
  CHECK(error.problems().size() == 2);
  CHECK(error.problems()[1] == "the second thing");
}
