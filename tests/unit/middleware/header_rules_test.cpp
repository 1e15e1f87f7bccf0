// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/header_rules.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/middleware/request_id.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"
#include "route_context.hpp"

using namespace gatewaykit;
using testing::ScriptedNext;
using testing::TestExchange;
using testing::VirtualExecutor;

namespace {

using Action = HeaderRule::Action;
using Lines = std::vector<std::string>;
using Problems = std::vector<std::string>;

Lines lines_of(const Headers& headers) {
  Lines lines;
  for (const FieldLine line : headers) {
    lines.push_back(std::string(line.name) + ": " + std::string(line.value));
  }
  return lines;
}

/// The fields of a request as the rest of the chain sees them.
Lines forwarded(std::vector<HeaderRule> rules, Request request = shop_request("/users/7?x=1"),
                Params params = {}) {
  VirtualExecutor executor;
  TestExchange exchange(executor, std::move(request));
  set_route(exchange, "/users/{id}", params);
  const MiddlewarePtr layer = header_rules({.request = std::move(rules)});
  ScriptedNext next;
  next.respond(Response());
  const Response response = exchange.run(*layer, next);
  CHECK(response.headers.empty());
  return lines_of(exchange.request().headers);
}

/// The fields of a response as the client gets them.
Lines answered(std::vector<HeaderRule> rules, Response response) {
  VirtualExecutor executor;
  TestExchange exchange(executor, shop_request("/users/7"));
  const MiddlewarePtr layer = header_rules({.response = std::move(rules)});
  ScriptedNext next;
  next.respond(std::move(response));
  const Response answer = exchange.run(*layer, next);
  CHECK(exchange.request().headers.empty());
  return lines_of(answer.headers);
}

Problems problems_of(HeaderRulesOptions options) {
  try {
    static_cast<void>(header_rules(std::move(options)));
  } catch (const ConfigError& error) {
    return error.problems();
  }
  return {};
}

}  // namespace

TEST_CASE("Rules set, append and remove fields of a request, in their order") {
  Request request = shop_request("/");
  request.headers.add("X-One", "a");
  request.headers.add("x-two", "b");
  request.headers.add("x-one", "c");
  request.headers.add("Cookie", "secret");
  CHECK(forwarded({{Action::set, "x-one", "1"},
                   {Action::append, "x-two", "2"},
                   {Action::remove, "cookie"},
                   {Action::set, "x-three", "3"},
                   {Action::append, "x-three", "4"}},
                  std::move(request)) ==
        Lines{"x-one: 1", "x-two: b", "x-two: 2", "x-three: 3", "x-three: 4"});
}

TEST_CASE("Rules change the fields of a response") {
  Response response;
  response.headers.add("Server", "target/1.0");
  response.headers.add("vary", "accept");
  CHECK(answered({{Action::remove, "server"},
                  {Action::append, "vary", "origin"},
                  {Action::set, "x-frame-options", "DENY"}},
                 std::move(response)) ==
        Lines{"vary: accept", "vary: origin", "x-frame-options: DENY"});
}

TEST_CASE("Rules for responses meet refusals, failures and 101 as well") {
  const std::vector<HeaderRule> rules{{Action::set, "x-frame-options", "DENY"}};
  const Lines expected{"x-frame-options: DENY"};
  CHECK(answered(rules, Response::problem(Status::forbidden, "No.")) == expected);
  CHECK(answered(rules, Response::failure(Error(Errc::reset, Origin::upstream))) == expected);
  CHECK(answered(rules, Response::switching_to("websocket", Body())) == expected);
}

TEST_CASE("A failure is still one behind the rules") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  ScriptedNext next;
  next.respond(Response::failure(Error(Errc::reset, Origin::upstream)));
  const MiddlewarePtr layer = header_rules({.response = {{Action::set, "x-a", "1"}}});
  const Response response = exchange.run(*layer, next);
  REQUIRE(response.error() != nullptr);
  CHECK(response.error()->code == Errc::reset);
  CHECK(response.wants_rendering());
}

TEST_CASE("Values hold what the exchange says") {
  CHECK(forwarded({{Action::set, "x-client", "{client}"},
                   {Action::set, "x-user", "user {param:id} of {host}"},
                   {Action::set, "x-route", "{route}"},
                   {Action::set, "x-asked", "{method} {target}"}},
                  shop_request("/users/7?x=1"),
                  {{"id", "7"}}) == Lines{"x-client: 192.0.2.1", "x-user: user 7 of shop.example",
                                          "x-route: /users/{id}", "x-asked: GET /users/7?x=1"});
}

TEST_CASE("A response may be given what an inner layer has found out") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  const ScriptedNext next(Handler([](Context& ctx) -> Task<Response> {
    ctx.set(RequestId{"abc"});
    co_return Response();
  }));
  const MiddlewarePtr layer = header_rules({.response = {{Action::set, "x-id", "{id}"}}});
  CHECK(lines_of(exchange.run(*layer, next).headers) == Lines{"x-id: abc"});
}

TEST_CASE("What a client wrote into a parameter makes no header line of its own") {
  const std::string_view value = GENERATE("7\r\nx-admin: yes", "7\nx-admin: yes", "7\x01");
  Request request = shop_request("/");
  request.headers.add("x-user", "forged");
  CHECK(forwarded({{Action::set, "x-user", "{param:id}"}, {Action::append, "x-all", "{param:id}"}},
                  std::move(request), {{"id", value}}) == Lines{});
}

TEST_CASE("A value that comes out empty makes no line, nor leaves a forged one in its place") {
  Request request = shop_request("/");
  request.headers.add("x-id", "forged");
  request.headers.add("x-user", "kept");
  CHECK(forwarded({{Action::set, "x-id", "{id}"}, {Action::append, "x-user", " {param:id} "}},
                  std::move(request)) == Lines{"x-user: kept"});
}

TEST_CASE("Names are no field names, or belong to the connection: each rule is named") {
  CHECK(problems_of({.request = {{Action::set, "x-fine", "1"}, {Action::set, "x y", "1"}},
                     .response = {{Action::remove, ""}}}) ==
        Problems{"header_rules: request rule 2, 'x y', is no field name",
                 "header_rules: response rule 1, '', is no field name"});
  const std::string name = GENERATE(as<std::string>{}, "Connection", "content-length", "Host", "TE",
                                    "Upgrade", "Keep-Alive", "Transfer-Encoding",
                                    "Proxy-Connection", "HTTP2-Settings", ":authority");
  const Action action = GENERATE(Action::set, Action::append, Action::remove);
  const std::string value = action == Action::remove ? "" : "1";
  CHECK(problems_of({.request = {{action, name, value}}}).size() == 1);
  CHECK(problems_of({.response = {{action, name, value}}}).size() == 1);
}

TEST_CASE("Values that cannot be are told with their rule") {
  CHECK(problems_of({.request = {{Action::set, "a", "{user}"},
                                 {Action::append, "b", ""},
                                 {Action::set, "c", " "},
                                 {Action::remove, "d", "1"},
                                 {Action::set, "e", "1\r\n2"}}}) ==
        Problems{"header_rules: request rule 1, 'a': '{user}' is no placeholder",
                 "header_rules: request rule 2, 'b': has no value",
                 "header_rules: request rule 3, 'c': has no value",
                 "header_rules: request rule 4, 'd': removes and has a value",
                 "header_rules: request rule 5, 'e': holds a control character"});
  CHECK(problems_of({}).empty());
}
