// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/respond.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using namespace gatewaykit;
using testing::TestExchange;
using testing::VirtualExecutor;

namespace {

using Problems = std::vector<std::string>;

Response run(const Handler& handler, VirtualExecutor& executor) {
  TestExchange exchange(executor);
  return exchange.run(handler);
}

Chunk content_of(Response& response) {
  Chunk chunk;
  REQUIRE(response.body.ready(chunk));
  return chunk;
}

Problems problems_of(RespondOptions options) {
  try {
    static_cast<void>(respond(std::move(options)));
  } catch (const ConfigError& error) {
    return error.problems();
  }
  return {};
}

}  // namespace

TEST_CASE("The answer is the one that was wired, each time") {
  VirtualExecutor executor;
  const Handler handler = respond({.status = Status(418),
                                   .content = "{\"teapot\":true}",
                                   .content_type = "application/json",
                                   .headers = {{"x-a", "1"}, {"x-a", "2"}}});
  for (int i = 0; i < 2; ++i) {
    Response response = run(handler, executor);
    CHECK(response.status == Status(418));
    REQUIRE(response.headers.size() == 3);
    CHECK(response.headers.get("content-type") == "application/json");
    CHECK(response.headers[1].value == "1");
    CHECK(response.headers[2].value == "2");
    CHECK(response.body.size() == 15u);
    CHECK(content_of(response).view() == "{\"teapot\":true}");
    CHECK_FALSE(response.wants_rendering());
  }
}

TEST_CASE("All answers share the bytes of the content, which outlive the handler") {
  VirtualExecutor executor;
  Chunk first;
  Chunk second;
  {
    const Handler handler = respond({.content = std::string(1000, 'x')});
    Response response = run(handler, executor);
    first = content_of(response);
    response = run(handler, executor);
    second = content_of(response);
  }
  CHECK(first.data() == second.data());
  CHECK(first.view() == std::string(1000, 'x'));
}

TEST_CASE("Without content there is no type, and no problem is made up") {
  VirtualExecutor executor;
  const Response response = run(respond({.status = Status::not_found}), executor);
  CHECK(response.status == Status::not_found);
  CHECK(response.headers.empty());
  CHECK(response.body.empty());
  CHECK_FALSE(response.wants_rendering());
}

TEST_CASE("A plain answer needs no options") {
  VirtualExecutor executor;
  CHECK(run(respond(), executor).status == Status::ok);
  Response text = run(respond({.content = "hello\n"}), executor);
  CHECK(text.headers.get("content-type") == "text/plain; charset=utf-8");
}

TEST_CASE("What no answer can have is told, all of it at once") {
  CHECK(problems_of({.status = Status::switching_protocols,
                     .content = "x",
                     .content_type = "a\r\nb",
                     .headers = {{"x y", "1"},
                                 {"Content-Length", "3"},
                                 {"x-z", "a\nb"},
                                 {"Content-Type", "text/html"}}}) ==
        Problems{"respond: 101 is not the status of a final response",
                 "respond: 'content-type' cannot hold this value",
                 "respond: 'x y' is no field name",
                 "respond: 'Content-Length' is written by the gateway alone",
                 "respond: 'x-z' cannot hold this value",
                 "respond: Content-Type is what content_type says"});
  CHECK(problems_of({.status = Status(600)}).size() == 1);
  CHECK(problems_of({.status = Status(599)}).empty());
}

TEST_CASE("Some statuses forbid content") {
  const Status status = GENERATE(Status::no_content, Status(205), Status::not_modified);
  CHECK(problems_of({.status = status}).empty());
  CHECK(problems_of({.status = status, .content = "x"}) ==
        Problems{"respond: a " + std::to_string(code(status)) + " has no content"});
}
