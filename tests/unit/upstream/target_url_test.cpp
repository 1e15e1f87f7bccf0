// SPDX-License-Identifier: Apache-2.0
#include "upstream/target_url.hpp"

#include <string>

#include "catch.hpp"

using gatewaykit::Errc;
using gatewaykit::upstream::TargetUrl;

TEST_CASE("a target names an address, which is dialled without any lookup") {
  const auto url = TargetUrl::parse("http://10.0.0.11:8000");
  REQUIRE(url);
  CHECK(url->address->to_string() == "10.0.0.11");
  CHECK(url->port == 8000);
  CHECK(url->host.empty());
  CHECK(url->authority == "10.0.0.11:8000");
  CHECK(url->text == "http://10.0.0.11:8000");
}

TEST_CASE("the default port is 80 and is not part of the authority") {
  const auto url = TargetUrl::parse("http://users.internal/");
  REQUIRE(url);
  CHECK(url->port == 80);
  CHECK(url->host == "users.internal");
  CHECK_FALSE(url->address);
  CHECK(url->authority == "users.internal");
  CHECK(TargetUrl::parse("http://users.internal:80")->authority == "users.internal");
}

TEST_CASE("an IPv6 address stands in brackets") {
  const auto url = TargetUrl::parse("http://[::1]:9000");
  REQUIRE(url);
  CHECK(url->address->to_string() == "::1");
  CHECK(url->authority == "[::1]:9000");
  CHECK(TargetUrl::parse("http://[2001:db8::1]")->authority == "[2001:db8::1]");
}

TEST_CASE("a Unix-domain socket and the test kit's streams are dialled by path") {
  const auto unix_url = TargetUrl::parse("unix:/run/users.sock");
  REQUIRE(unix_url);
  CHECK(unix_url->path == "/run/users.sock");
  CHECK(unix_url->authority == "localhost");
  const auto memory = TargetUrl::parse("memory:origin");
  REQUIRE(memory);
  CHECK(memory->path == "memory:origin");
  CHECK(memory->authority == "origin");
}

TEST_CASE("https means TLS and another default port") {
  const auto url = TargetUrl::parse("https://users.test");
  REQUIRE(url);
  CHECK(url->is_secure);
  CHECK(url->port == 443);
  CHECK(url->authority == "users.test");
  CHECK(TargetUrl::parse("https://users.test:80")->authority == "users.test:80");
}

TEST_CASE("whatever else a target's URL may be is refused with a reason") {
  const std::string text =
      GENERATE(as<std::string>(), "", "10.0.0.1:80", "https://", "https://host/path",
               "ftp://10.0.0.1", "http://", "http://:80", "http://host:", "http://host:0",
               "http://host:65536", "http://host:8x", "http://host:-1", "http://host/path",
               "http://host?x", "http://host#x", "http://user@host", "http://::1", "http://[::1",
               "http://[::1]x", "http://[host]", "http://[]", "http://[1.2.3.4]",
               "http://1.2.3.400", "http://1.2.3", "http://ho st", "http://h\r\nost",
               "http://.host", "http://host//", "unix:", "unix:relative", "memory:", "memory:a b");
  CAPTURE(text);
  const auto url = TargetUrl::parse(text);
  REQUIRE_FALSE(url);
  CHECK(url.error().code == Errc::invalid_config);
  CHECK_FALSE(url.error().detail.empty());
}
