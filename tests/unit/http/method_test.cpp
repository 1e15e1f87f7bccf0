// SPDX-License-Identifier: Apache-2.0
// Methods: any token, case-sensitive; which of them are safe and idempotent (RFC 9110 section 9).
#include "gatewaykit/http/method.hpp"

#include <string>

#include "catch.hpp"

using gatewaykit::Method;

TEST_CASE("registered methods are recognised by their exact name") {
  const Method::Known all[] = {Method::get,     Method::head,  Method::post,
                               Method::put,     Method::patch, Method::del,
                               Method::options, Method::trace, Method::connect};
  for (const Method::Known known : all) {
    const auto parsed = Method::from_token(Method(known).name());
    REQUIRE(parsed.has_value());
    CHECK(parsed->known() == known);
  }
  CHECK(Method::from_token("DELETE")->known() == Method::del);
  CHECK(Method::from_token("get")->known() == Method::other);
}

TEST_CASE("any other token is a method with that name") {
  const auto purge = Method::from_token("PURGE");
  REQUIRE(purge.has_value());
  CHECK(purge->known() == Method::other);
  CHECK(purge->name() == "PURGE");
  CHECK(*purge == *Method::from_token("PURGE"));
  CHECK_FALSE(*purge == *Method::from_token("BAN"));
  CHECK_FALSE(*purge == Method(Method::get));
}

TEST_CASE("what is no token is no method") {
  for (const char* text : {"", "GE T", "GET\r", "G\"T", "G(T", "GET:", "\x80", "\x7f"}) {
    CAPTURE(text);
    CHECK_FALSE(Method::from_token(text).has_value());
  }
  CHECK_FALSE(Method::from_token(std::string(1, '\0')).has_value());
}

TEST_CASE("safe and idempotent methods are those of RFC 9110") {
  CHECK(Method(Method::get).is_safe());
  CHECK(Method(Method::head).is_safe());
  CHECK(Method(Method::options).is_safe());
  CHECK(Method(Method::trace).is_safe());
  CHECK_FALSE(Method(Method::put).is_safe());
  CHECK(Method(Method::put).is_idempotent());
  CHECK(Method(Method::del).is_idempotent());
  CHECK(Method(Method::get).is_idempotent());
  CHECK_FALSE(Method(Method::post).is_idempotent());
  CHECK_FALSE(Method(Method::patch).is_idempotent());
  CHECK_FALSE(Method(Method::connect).is_idempotent());
  CHECK_FALSE(Method::from_token("PURGE")->is_idempotent());
}
