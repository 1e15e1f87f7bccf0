// SPDX-License-Identifier: Apache-2.0
// OriginSet: which origins a host may name, and which values of Origin they allow.
#include "middleware/origin_set.hpp"

#include <string>

#include "catch.hpp"

using gatewaykit::OriginSet;

namespace {

OriginSet set_of(std::string_view origin) {
  OriginSet set;
  REQUIRE(set.add(origin));
  return set;
}

}  // namespace

TEST_CASE("An origin allows itself and nothing that looks like it") {
  const OriginSet set = set_of("https://app.example");
  CHECK(set.contains("https://app.example"));
  const std::string other = GENERATE(
      as<std::string>{}, "", "null", "*", "http://app.example", "https://app.example:8443",
      "https://app.example.evil.example", "https://app.exampl", "https://app.examplee",
      "https://evil.example/https://app.example", "https://x@app.example", "https://app.example/",
      "https://APP.example", "https://sub.app.example", "app.example", "https://app-example");
  CHECK_FALSE(set.contains(other));
}

TEST_CASE("A port is part of an origin") {
  const OriginSet set = set_of("http://localhost:3000");
  CHECK(set.contains("http://localhost:3000"));
  CHECK_FALSE(set.contains("http://localhost"));
  CHECK_FALSE(set.contains("http://localhost:30000"));
}

TEST_CASE("An origin is compared as browsers write it, however the host has written it") {
  CHECK(set_of("HTTPS://App.Example").contains("https://app.example"));
  CHECK(set_of("https://app.example:443").contains("https://app.example"));
  CHECK(set_of("http://app.example:80").contains("http://app.example"));
  CHECK(set_of("http://app.example:443").contains("http://app.example:443"));
  CHECK(set_of("https://*.app.example:443").contains("https://x.app.example"));
}

TEST_CASE("A wildcard allows whole labels in front of its name") {
  const OriginSet set = set_of("https://*.example.com");
  CHECK(set.contains("https://a.example.com"));
  CHECK(set.contains("https://a.b-c.d_e.example.com"));
  const std::string other = GENERATE(
      as<std::string>{}, "https://example.com", "https://.example.com", "https://a..example.com",
      "https://.a.example.com", "https://badexample.com", "http://a.example.com",
      "https://a.example.com:8443", "https://a.example.com.evil.example",
      "https://evil.example/.example.com", "https://evil.example?.example.com",
      "https://evil.example#.example.com", "https://x@.example.com", "https://x:1.example.com",
      "https://a b.example.com", "https://\xc3\xa4.example.com", "null", "https://*.example.com.");
  CHECK_FALSE(set.contains(other));
}

TEST_CASE("The port of a wildcard counts") {
  const OriginSet set = set_of("https://*.example.com:8443");
  CHECK(set.contains("https://a.example.com:8443"));
  CHECK_FALSE(set.contains("https://a.example.com"));
  CHECK_FALSE(set.contains("https://a.example.com:18443"));
}

TEST_CASE("Addresses, other schemes and null are origins too") {
  CHECK(set_of("http://192.0.2.1:8080").contains("http://192.0.2.1:8080"));
  CHECK(set_of("http://[2001:db8::1]").contains("http://[2001:db8::1]"));
  CHECK(set_of("http://[::1]:3000").contains("http://[::1]:3000"));
  CHECK(set_of("capacitor://localhost").contains("capacitor://localhost"));
  CHECK(set_of("null").contains("null"));
  CHECK_FALSE(set_of("https://a.example").contains("null"));
}

TEST_CASE("A star allows all") {
  OriginSet set;
  CHECK(set.empty());
  REQUIRE(set.add("*"));
  CHECK(set.allows_all());
  CHECK_FALSE(set.empty());
  CHECK(set.contains("https://whoever.example"));
  CHECK(set.contains("null"));
}

TEST_CASE("Several origins are looked up in any order of adding") {
  OriginSet set;
  for (const char* name : {"m", "a", "z", "k", "a"}) {
    REQUIRE(set.add(std::string("https://") + name + ".example"));
  }
  for (const char* name : {"a", "k", "m", "z"}) {
    CHECK(set.contains(std::string("https://") + name + ".example"));
  }
  CHECK_FALSE(set.contains("https://b.example"));
}

TEST_CASE("What is no origin is refused") {
  OriginSet set;
  const std::string text = GENERATE(
      as<std::string>{}, "", "app.example", "https:app.example", "https://", "https:///",
      "https://app.example/", "https://app.example/path", "https://app.example?x",
      "https://app.example#x", "https://user@app.example",
      "https://app.example:", "https://app.example:0", "https://app.example:65536",
      "https://app.example:8o", "https://app.example:-1", "https://a..example", "https://.example",
      "https://a.example.", "https://*", "https://*.", "https://*.*.example", "https://a.*.example",
      "https://a*.example", "https://*example", "https://*.[::1]", "https://[::1", "https://[]",
      "https://[1.2.3.4]", "*://app.example", "1http://app.example",
      "https://b\xc3\xbc"
      "cher.example",
      "https://a.example, https://b.example", "nulls", "https://a b", "**");
  CHECK_FALSE(set.add(text));
  CHECK(set.empty());
}
