// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/redirect.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"
#include "route_context.hpp"

using namespace gatewaykit;
using testing::TestExchange;
using testing::VirtualExecutor;

namespace {

using Problems = std::vector<std::string>;

Response answer(const Handler& handler, Request request, Params params = {}) {
  VirtualExecutor executor;
  TestExchange exchange(executor, std::move(request));
  set_route(exchange, "/old/{id}", params);
  return exchange.run(handler);
}

/// Where a request is sent on to.
std::string location(std::string template_text, Request request, Params params = {}) {
  const Response response =
      answer(redirect({.location = std::move(template_text)}), std::move(request), params);
  REQUIRE(response.status == Status::permanent_redirect);
  CHECK(response.body.empty());
  CHECK(response.headers.size() == 1);
  return std::string(response.headers.get("location").value());
}

std::string with_param(std::string template_text, std::string_view value) {
  return location(std::move(template_text), shop_request("/"), {{"id", value}});
}

Problems problems_of(RedirectOptions options) {
  try {
    static_cast<void>(redirect(std::move(options)));
  } catch (const ConfigError& error) {
    return error.problems();
  }
  return {};
}

}  // namespace

TEST_CASE("A client is sent on with the status that was wired") {
  const Status status = GENERATE(Status::moved_permanently, Status::found, Status::see_other,
                                 Status::temporary_redirect, Status::permanent_redirect);
  const Response response =
      answer(redirect({.location = "/new", .status = status}), shop_request("/old"));
  CHECK(response.status == status);
  CHECK(response.headers.get("location") == "/new");
  CHECK_FALSE(response.wants_rendering());
}

TEST_CASE("A location says where the request would have gone") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"/new", "/new"},
      {"{target}", "/old/7?a=1&b=%20"},
      {"{path}", "/old/7"},
      {"/v2{target}", "/v2/old/7?a=1&b=%20"},
      {"/v2{path}{query}", "/v2/old/7?a=1&b=%20"},
      {"https://{host}{target}", "https://shop.example:8080/old/7?a=1&b=%20"},
      {"https://{hostname}{path}", "https://shop.example/old/7"},
      {"https://{hostname}:8443{path}", "https://shop.example:8443/old/7"},
      {"https://www.{hostname}/", "https://www.shop.example/"},
      {"https://new.example{query}", "https://new.example?a=1&b=%20"},
      {"//cdn.example{path}", "//cdn.example/old/7"},
      {"myapp://open{path}", "myapp://open/old/7"},
      {"/new/{param:id}", "/new/7"},
      {"/new#{param:id}", "/new#7"},
      {"/from/{client}/{method}", "/from/192.0.2.1/GET"},
  }));
  CHECK(location(text, shop_request("/old/7?a=1&b=%20", "shop.example:8080"), {{"id", "7"}}) ==
        expected);
}

TEST_CASE("A query is gone on with, whatever the template has of its own") {
  const auto to = [](std::string text, std::string_view target) {
    return location(std::move(text), shop_request(target));
  };
  CHECK(to("/new{query}", "/old?a=1") == "/new?a=1");
  CHECK(to("/new{query}", "/old") == "/new");
  CHECK(to("/new?lang=en{query}", "/old?a=1") == "/new?lang=en&a=1");
  CHECK(to("/new?lang=en{query}", "/old") == "/new?lang=en");
  CHECK(to("/new?{query}", "/old?a=1") == "/new?a=1");
  CHECK(to("/new?lang=en&{query}", "/old?a=1") == "/new?lang=en&a=1");
}

TEST_CASE("A target that becomes a value is encoded as one") {
  CHECK(location("https://login.example/?next={target}&x=1", shop_request("/a/b?c=1&d=%2F")) ==
        "https://login.example/?next=%2Fa%2Fb%3Fc%3D1%26d%3D%252F&x=1");
  CHECK(with_param("/new?user={param:id}", "a&admin=1#x") == "/new?user=a%26admin%3D1%23x");
}

TEST_CASE("A parameter keeps its place in the path") {
  const auto [value, expected] = GENERATE(table<std::string, std::string>({
      {"a b", "/new/a%20b"},
      {"100%", "/new/100%25"},
      {"a?b#c", "/new/a%3Fb%23c"},
      {"a/b", "/new/a/b"},
      {"\xc3\xa4", "/new/%C3%A4"},
      {"a\\b", "/new/a%5Cb"},
      {"a\r\nset-cookie: x", "/new/a%0D%0Aset-cookie:%20x"},
      {"\"<>", "/new/%22%3C%3E"},
  }));
  CHECK(with_param("/new/{param:id}", value) == expected);
}

TEST_CASE("No request makes a path into another host") {
  const std::string_view evil =
      GENERATE("//evil.example", "///evil.example", "/evil.example", "evil.example");
  CHECK(location("{path}", shop_request(evil)) == "/evil.example");
  CHECK(location("{target}", shop_request(evil)) == "/evil.example");
  CHECK(location("/{path}", shop_request(evil)) == "/evil.example");
  CHECK(with_param("/{param:id}", evil) == "/evil.example");
  CHECK(location("https://{host}{target}", shop_request(evil)) ==
        "https://shop.example/evil.example");
}

TEST_CASE("Nor does another way to write a slash or an authority") {
  CHECK(location("{target}", shop_request("/\\evil.example")) == "/%5Cevil.example");
  CHECK(location("{target}", shop_request("\\\\evil.example")) == "/%5C%5Cevil.example");
  CHECK(location("{target}", shop_request("/\t/evil.example")) == "/%09/evil.example");
  CHECK(location("https://{host}{target}", shop_request("@evil.example/")) ==
        "https://shop.example/@evil.example/");
  CHECK(location("https://{host}{target}", shop_request(".evil.example/")) ==
        "https://shop.example/.evil.example/");
  CHECK(location("{target}", shop_request("/a\r\nx-evil: 1")) == "/a%0D%0Ax-evil:%201");
  CHECK(location("{target}", shop_request("/a#b")) == "/a%23b");
}

TEST_CASE("Whatever a request says, it is sent on within the template") {
  constexpr std::string_view kHostile("/\\.:@?#&=%;[]<>\" \t\r\n\0ae1\x7f\xc3\xa4", 27);
  std::mt19937 random(11);
  const auto any_text = [&] {
    std::string text(random() % 8, 'a');
    for (char& c : text) c = kHostile[random() % kHostile.size()];
    return text;
  };
  const auto is_visible = [](char c) { return c > 0x20 && c < 0x7f; };
  for (int i = 0; i < 3000; ++i) {
    const std::string target = any_text();
    const std::string id = any_text();
    const auto to = [&](std::string text) {
      return location(std::move(text), shop_request(target), {{"id", id}});
    };
    const std::string relative = to(i % 2 == 0 ? "{target}{param:id}" : "/{param:id}{path}");
    INFO(relative);
    REQUIRE(relative.front() == '/');
    REQUIRE_FALSE(relative.starts_with("//"));
    REQUIRE(std::all_of(relative.begin(), relative.end(), is_visible));
    REQUIRE(relative.find_first_of("\\#<>\"") == std::string::npos);
    const std::string absolute = to("https://{hostname}{target}");
    REQUIRE(absolute.starts_with("https://shop.example/"));
    const std::string value = to("/login?next={target}&id={param:id}");
    REQUIRE(value.starts_with("/login?next="));
    REQUIRE(std::count(value.begin(), value.end(), '&') == 1);
    REQUIRE(std::count(value.begin(), value.end(), '=') == 2);
  }
}

TEST_CASE("A request without a valid host cannot be sent on to it") {
  const std::string_view host =
      GENERATE("", "a b", "evil.example/", "a@evil.example", "shop.example:port", "a\r\nb");
  const Response response =
      answer(redirect({.location = "https://{host}{target}"}), shop_request("/", host));
  CHECK(response.status == Status::bad_request);
  CHECK(response.wants_rendering());
  CHECK_FALSE(response.headers.contains("location"));
}

TEST_CASE("The same place over https") {
  const auto to = [](const Handler& handler, std::string_view host) {
    const Response response = answer(handler, shop_request("/a?b", host));
    CHECK(response.status == Status::permanent_redirect);
    return std::string(response.headers.get("location").value_or(""));
  };
  CHECK(to(redirect_to_https(), "shop.example") == "https://shop.example/a?b");
  CHECK(to(redirect_to_https(), "shop.example:8080") == "https://shop.example/a?b");
  CHECK(to(redirect_to_https(), "[2001:db8::1]:80") == "https://[2001:db8::1]/a?b");
  CHECK(to(redirect_to_https(8443), "shop.example") == "https://shop.example:8443/a?b");
}

TEST_CASE("A template that cannot be a location is a mistake of the wiring") {
  const std::string text = GENERATE(
      as<std::string>{}, "", "new", "{param:id}", "{host}/x", "javascript:alert(1)", "https:/x",
      "https:///x", "//", "https://{host}:8443/", "https://{param:id}.example.com/",
      "https://shop.example{param:id}/", "https://user@shop.example/", "/a b", "/a\"b", "/a{{b",
      "/ä", "{user}", "/{", "/a\r\nb", "1http://shop.example/");
  CHECK(problems_of({.location = text}).size() == 1);
}

TEST_CASE("All mistakes are told at once") {
  CHECK(problems_of({.location = "x", .status = Status::ok}) ==
        Problems{"redirect: 200 does not redirect",
                 "redirect: location 'x': begins neither with '/' nor with SCHEME://"});
}
