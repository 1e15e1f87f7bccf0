// SPDX-License-Identifier: Apache-2.0
// ScriptedBody, ScriptedNext, TestExchange: they do what the script says, when it says so.
#include "gatewaykit/testing/scripted.hpp"

#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/async.hpp"

using gatewaykit::Body;
using gatewaykit::CancelScope;
using gatewaykit::Chunk;
using gatewaykit::Context;
using gatewaykit::Errc;
using gatewaykit::Error;
using gatewaykit::Headers;
using gatewaykit::Method;
using gatewaykit::Middleware;
using gatewaykit::Next;
using gatewaykit::Origin;
using gatewaykit::Request;
using gatewaykit::Response;
using gatewaykit::Result;
using gatewaykit::sleep_for;
using gatewaykit::Status;
using gatewaykit::Task;
using gatewaykit::TimePoint;
using gatewaykit::testing::pattern;
using gatewaykit::testing::ScriptedBody;
using gatewaykit::testing::ScriptedNext;
using gatewaykit::testing::TestExchange;
using gatewaykit::testing::VirtualExecutor;
using namespace std::chrono_literals;

namespace {

class Tagging final : public Middleware {
 public:
  Task<Response> handle(Context& ctx, Next next) const override {
    Response response = co_await next(ctx);
    response.headers.set("x-tag", "seen");
    co_return response;
  }
};

}  // namespace

TEST_CASE("the pattern tells the place of its bytes") {
  const std::string whole = pattern(0, 1000);
  CHECK(whole.substr(300, 100) == pattern(300, 100));
  CHECK(pattern(0, 64) != pattern(64, 64));
  CHECK(pattern(1'000'000'000'000, 3) == pattern(1'000'000'000'000, 5).substr(0, 3));
  CHECK(pattern(0, 0).empty());
}

TEST_CASE("a scripted body takes its steps in order and in time") {
  VirtualExecutor executor;
  ScriptedBody script;
  Body body = script.chunk("a").pause(2s).chunk("b").fill(10, 4).body();
  const TimePoint start = executor.now();
  std::vector<std::string> chunks;
  for (;;) {
    const Result<Chunk> chunk = executor.run(body.read());
    REQUIRE(chunk);
    if (chunk->empty()) break;
    chunks.emplace_back(chunk->view());
    if (chunks.size() == 1) CHECK(executor.now() == start);
  }
  CHECK(chunks == std::vector<std::string>{"a", "b", pattern(0, 4), pattern(4, 4), pattern(8, 2)});
  CHECK(executor.now() - start == 2s);
  CHECK(script.bytes_read() == 12);
  CHECK(script.end_was_read());
}

TEST_CASE("a scripted body may be held until it is let go, before or after it is reached") {
  VirtualExecutor executor;
  ScriptedBody script;
  Body body = script.hold().chunk("a").hold().chunk("b").body();
  script.go_on();
  CHECK(executor.run(body.read())->view() == "a");
  bool is_over = false;
  const auto reader = [&]() -> Task<void> {
    const Result<Chunk> chunk = co_await body.read();
    is_over = chunk && chunk->view() == "b";
  };
  CancelScope scope;
  executor.spawn(reader(), scope);
  executor.advance(1h);
  CHECK_FALSE(is_over);
  script.go_on();
  executor.settle();
  CHECK(is_over);
}

TEST_CASE("a scripted body fails where it is told, for good") {
  VirtualExecutor executor;
  ScriptedBody script;
  Body body = script.fill(100, 60).fail(Error(Errc::reset, Origin::client, "gone")).body();
  CHECK(executor.run(body.read())->size() == 60);
  CHECK(executor.run(body.read())->size() == 40);
  for (int i = 0; i < 2; ++i) {
    const Result<Chunk> failed = executor.run(body.read());
    REQUIRE_FALSE(failed);
    CHECK(failed.error().detail == "gone");
  }
  CHECK_FALSE(script.end_was_read());
}

TEST_CASE("waiting for a scripted body ends with its reader's cancellation") {
  VirtualExecutor executor;
  CancelScope scope;
  scope.cancel();
  ScriptedBody paused;
  Body slow = paused.pause(1s).chunk("x").body();
  CHECK(executor.run(slow.read(), scope).error().code == Errc::cancelled);
  ScriptedBody held;
  Body stuck = held.hold().chunk("x").body();
  CHECK(executor.run(stuck.read(), scope).error().code == Errc::cancelled);
}

TEST_CASE("a scripted body that always suspends has nothing ready, and takes no time") {
  VirtualExecutor executor;
  ScriptedBody script;
  Body body = script.chunk("a").chunk("b").always_suspending().body();
  const TimePoint start = executor.now();
  Chunk chunk;
  CHECK_FALSE(body.ready(chunk));
  CHECK(*executor.run(body.collect(10)) == "ab");
  CHECK(executor.now() == start);
}

TEST_CASE("a script makes one body") {
  ScriptedBody script;
  const Body body = script.body();
  CHECK_THROWS_AS(script.body(), std::logic_error);
}

TEST_CASE("the rest of the chain answers what the test has put in") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  ScriptedNext next;
  next.respond(Response(Status::created));
  next.respond(Response(Status::accepted));
  const Response first = exchange.run(Tagging(), next);
  CHECK(first.status == Status::created);
  CHECK(first.headers.get("x-tag") == "seen");
  CHECK(exchange.run(Tagging(), next).status == Status::accepted);
  CHECK(next.calls() == 2);
}

TEST_CASE("the rest of the chain waits for the test's answer") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  ScriptedNext next;
  const auto inner = [&]() -> Task<void> {
    co_await next.wait_for_call();
    CHECK(exchange.request().target == "/");
    const Result<> slept = co_await sleep_for(3s);
    CHECK(slept);
    next.respond(Response(Status::ok));
  };
  executor.spawn(inner());
  const TimePoint start = executor.now();
  CHECK(exchange.run(Tagging(), next).status == Status::ok);
  CHECK(executor.now() - start == 3s);
}

TEST_CASE("a rest of the chain that is never answered is a failure of the test") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  const ScriptedNext next;
  CHECK_THROWS_AS(exchange.run(Tagging(), next), std::logic_error);
}

TEST_CASE("the rest of the chain may throw, and may be a handler") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  ScriptedNext failing;
  failing.throw_exception(std::make_exception_ptr(std::runtime_error("a bug inside")));
  CHECK_THROWS_WITH(exchange.run(Tagging(), failing), "a bug inside");

  const ScriptedNext handler([](Context& ctx) -> Task<Response> {
    co_return Response::text(Status::ok, ctx.request().target);
  });
  Response response = exchange.run(Tagging(), handler);
  CHECK(*executor.run(response.body.collect(10)) == "/");
  CHECK(handler.calls() == 1);
}

TEST_CASE("when the client leaves, the rest of the chain says so") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  const ScriptedNext next;
  exchange.disconnect();
  const Response response = exchange.run(Tagging(), next);
  CHECK(response.status == Status::client_closed_request);
  REQUIRE(response.error() != nullptr);
  CHECK(response.error()->code == Errc::cancelled);
}

TEST_CASE("an exchange keeps what was sent ahead, until the client is gone") {
  VirtualExecutor executor;
  TestExchange exchange(executor, Request(Method::post, "/"));
  Context& ctx = exchange.context();
  CHECK(exchange.run(ctx.send_interim(Status::continue_, Headers())));
  REQUIRE(exchange.interims().size() == 1);
  CHECK(exchange.interims()[0].status == Status::continue_);
  exchange.disconnect();
  CHECK_FALSE(exchange.run(ctx.send_interim(Status::continue_, Headers())));
}

TEST_CASE("an exchange that goes cancels and awaits what it has spawned") {
  bool was_cancelled = false;
  VirtualExecutor executor;
  {
    TestExchange exchange(executor);
    const auto work = [](bool& cancelled) -> Task<void> {
      const Result<> slept = co_await sleep_for(60s);
      cancelled = !slept;
    };
    exchange.context().spawn(work(was_cancelled));
  }
  CHECK(was_cancelled);
}
