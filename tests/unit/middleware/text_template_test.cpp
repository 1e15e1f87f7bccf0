// SPDX-License-Identifier: Apache-2.0
#include "middleware/text_template.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/middleware/request_id.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"
#include "route_context.hpp"

using namespace gatewaykit;
using namespace std::string_view_literals;
using testing::TestExchange;
using testing::VirtualExecutor;

namespace {

using Problems = std::vector<std::string>;

std::string expand(std::string_view text, std::string_view authority = "shop.example:8080",
                   std::string_view target = "/users/7?x=1") {
  VirtualExecutor executor;
  TestExchange exchange(executor, shop_request(target, authority));
  set_route(exchange, "/users/{id}", {{"id", "7"}});
  exchange.context().set(RequestId{"abc"});
  Problems problems;
  const TextTemplate parsed(text, "test", problems);
  REQUIRE(problems.empty());
  String scratch;
  return std::string(parsed.expand(exchange.context(), scratch));
}

Problems problems_of(std::string_view text) {
  Problems problems;
  const TextTemplate parsed(text, "test", problems);
  return problems;
}

}  // namespace

TEST_CASE("A placeholder stands for what the request, its route or a layer says") {
  const auto [placeholder, value] = GENERATE(table<std::string, std::string>({
      {"{client}", "192.0.2.1"},
      {"{host}", "shop.example:8080"},
      {"{hostname}", "shop.example"},
      {"{id}", "abc"},
      {"{method}", "GET"},
      {"{param:id}", "7"},
      {"{path}", "/users/7"},
      {"{query}", "?x=1"},
      {"{route}", "/users/{id}"},
      {"{target}", "/users/7?x=1"},
  }));
  CHECK(expand(placeholder) == value);
  CHECK(expand("<" + placeholder + ">") == "<" + value + ">");
}

TEST_CASE("Text without placeholders is itself, and two opening braces are one") {
  CHECK(expand("") == "");
  CHECK(expand("plain text, ä") == "plain text, ä");
  CHECK(expand("{{client}") == "{client}");
  CHECK(expand("a{{{{b}}") == "a{{b}}");
  CHECK(expand("{{{client}}") == "{192.0.2.1}");
}

TEST_CASE("What an exchange does not have is empty") {
  VirtualExecutor executor;
  TestExchange exchange(executor, shop_request("*", ""));
  Problems problems;
  const TextTemplate parsed("[{host}{hostname}{id}{param:id}{query}{route}]", "test", problems);
  String scratch;
  CHECK(parsed.expand(exchange.context(), scratch) == "[]");
}

TEST_CASE("A host is told without its port, also where it is an IPv6 address") {
  CHECK(expand("{hostname}", "[2001:db8::1]:8443") == "[2001:db8::1]");
  CHECK(expand("{hostname}", "[2001:db8::1]") == "[2001:db8::1]");
  CHECK(expand("{hostname}", "shop.example") == "shop.example");
  CHECK(expand("{hostname}", "") == "");
}

TEST_CASE("Path and query are told apart at the first question mark") {
  CHECK(expand("{path}|{query}", "", "/a?b?c") == "/a|?b?c");
  CHECK(expand("{path}|{query}", "", "/a?") == "/a|?");
  CHECK(expand("{path}|{query}", "", "/a") == "/a|");
}

TEST_CASE("Every mistake of a template is told, with the template's name") {
  CHECK(problems_of("{user} {client} {ip}") ==
        Problems{"test: '{user}' is no placeholder", "test: '{ip}' is no placeholder"});
  CHECK(problems_of("{}") == Problems{"test: '{}' is no placeholder"});
  CHECK(problems_of("{param:}") == Problems{"test: '{param:}' is no placeholder"});
  CHECK(problems_of("{Client}") == Problems{"test: '{Client}' is no placeholder"});
  CHECK(problems_of("a {client") == Problems{"test: a '{' has no '}' ('{{' is a brace)"});
  CHECK(problems_of("{{client") == Problems{});
}

TEST_CASE("A template holds no character that would end or break a header line") {
  const std::string_view text = GENERATE("a\r\nb"sv, "a\nb"sv, "a\rb"sv, "a\0b"sv, "a\x7f"sv);
  CHECK(problems_of(text) == Problems{"test: holds a control character"});
}
