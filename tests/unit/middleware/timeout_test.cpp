// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/timeout.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/async.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/core/event.hpp"
#include "gatewaykit/middleware/proxy.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/testing/fake_upstream.hpp"
#include "gatewaykit/testing/memory_network.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using namespace gatewaykit;
using namespace std::chrono_literals;
using testing::FakeUpstream;
using testing::MemoryNetwork;
using testing::ScriptedBody;
using testing::ScriptedNext;
using testing::TestExchange;
using testing::VirtualExecutor;

namespace {

/// Answers after so long what `late` makes of it, whether it was cancelled or not.
Handler slow(Duration duration, Response (*late)(const Result<>& slept)) {
  return [duration, late](Context&) -> Task<Response> {
    const Result<> slept = co_await sleep_for(duration);
    co_return late(slept);
  };
}

Response pass_on(const Result<>& slept) {
  return slept ? Response(Status::ok) : Response::failure(slept.error());
}

Task<void> keep_response(Task<Response> task, Response& response) {
  response = co_await std::move(task);
}

void check_timed_out(const Response& response, Origin origin) {
  CHECK(response.status == Status::gateway_timeout);
  REQUIRE(response.error() != nullptr);
  CHECK(response.error()->code == Errc::total_timeout);
  CHECK(response.error()->origin == origin);
}

}  // namespace

TEST_CASE("An answer within the time passes") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  const ScriptedNext next(slow(900ms, &pass_on));
  CHECK(exchange.run(*timeout(1s), next).status == Status::ok);
}

TEST_CASE("What has not answered in time is cancelled, and the answer is 504") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  const TimePoint begun = executor.now();
  const ScriptedNext next(slow(1h, &pass_on));
  check_timed_out(exchange.run(*timeout(1s), next), Origin::gateway);
  CHECK(executor.now() - begun < 1s + 1ms);
}

TEST_CASE("Cancelled is 504, whoever a handler blames for it") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  const ScriptedNext as_client(slow(1h, [](const Result<>&) {
    return Response::failure(Error(Errc::cancelled, Origin::client));
  }));
  check_timed_out(exchange.run(*timeout(1s), as_client), Origin::gateway);
  const ScriptedNext as_problem(slow(1h, [](const Result<>&) {
    return Response::problem(Status::service_unavailable, "The keys cannot be fetched.");
  }));
  check_timed_out(exchange.run(*timeout(1s), as_problem), Origin::gateway);
}

TEST_CASE("An answer that comes although it was cancelled is worth more than none") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  const ScriptedNext next(
      slow(1h, [](const Result<>&) { return Response::text(Status::ok, "some of it"); }));
  CHECK(exchange.run(*timeout(1s), next).status == Status::ok);
  const ScriptedNext failing(slow(1h, [](const Result<>&) {
    return Response::failure(Error(Errc::store_unavailable, Origin::gateway));
  }));
  CHECK(exchange.run(*timeout(1s), failing).error()->code == Errc::store_unavailable);
}

TEST_CASE("A failure and a refusal in time are what they are") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  ScriptedNext next;
  next.respond(Response::problem(Status::forbidden, "No."));
  CHECK(exchange.run(*timeout(1s), next).status == Status::forbidden);
  next.respond(Response::failure(Error(Errc::cancelled, Origin::client)));
  CHECK(exchange.run(*timeout(1s), next).error()->code == Errc::cancelled);
}

TEST_CASE("A client that leaves does not make it a timeout") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  ScriptedNext next;
  executor.spawn([](TestExchange& leaving, ScriptedNext& rest) -> Task<void> {
    co_await rest.wait_for_call();
    leaving.disconnect();
  }(exchange, next));
  const Response response = exchange.run(*timeout(1s), next);
  REQUIRE(response.error() != nullptr);
  CHECK(response.error()->code == Errc::cancelled);
}

TEST_CASE("The rest sees when its time is over, and the layers around do not") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  const TimePoint begun = executor.now();
  TimePoint seen{};
  const ScriptedNext next(Handler([&seen](Context& ctx) -> Task<Response> {
    seen = ctx.deadline();
    co_return Response();
  }));
  static_cast<void>(exchange.run(*timeout(1s), next));
  CHECK(seen == begun + 1s);
  CHECK(exchange.context().deadline() == kNever);

  exchange.context().set_deadline(begun + 500ms);
  static_cast<void>(exchange.run(*timeout(1s), next));
  CHECK(seen == begun + 500ms);
  CHECK(exchange.context().deadline() == begun + 500ms);
}

TEST_CASE("Of two timeouts the sooner counts, whichever is the outer one") {
  VirtualExecutor executor;
  const auto [outer, inner] = GENERATE(table<Duration, Duration>({{1s, 1h}, {1h, 1s}, {1s, 1s}}));
  TestExchange exchange(executor);
  const MiddlewarePtr inner_layer = timeout(inner);
  const ScriptedNext rest(slow(2h, &pass_on));
  const ScriptedNext next(
      Handler([&](Context& ctx) { return inner_layer->handle(ctx, rest.next()); }));
  const TimePoint begun = executor.now();
  check_timed_out(exchange.run(*timeout(outer), next), Origin::gateway);
  CHECK(executor.now() - begun < 1s + 1ms);
}

TEST_CASE("The body of a response takes the time that it takes") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  ScriptedBody download;
  download.chunk("a").pause(1h).chunk("b");
  ScriptedNext next;
  Response answer;
  answer.body = download.body();
  next.respond(std::move(answer));
  Response response = exchange.run(*timeout(1s), next);
  const Result<std::string> content = exchange.run(response.body.collect(10));
  REQUIRE(content);
  CHECK(*content == "ab");
}

TEST_CASE("What was begun beside the exchange goes on behind the head") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  bool was_cancelled = true;
  const ScriptedNext next(Handler([&was_cancelled](Context& ctx) -> Task<Response> {
    ctx.spawn([](bool& cancelled) -> Task<void> {
      const Result<> slept = co_await sleep_for(1h);
      cancelled = !slept;
    }(was_cancelled));
    co_return Response();
  }));
  static_cast<void>(exchange.run(*timeout(1s), next));
  exchange.complete();
  CHECK_FALSE(was_cancelled);
}

TEST_CASE("Those who keep to the deadline are not cut before they have told what was late") {
  VirtualExecutor executor;
  const MiddlewarePtr layer = timeout(1s);
  const ScriptedNext next(Handler([](Context& ctx) -> Task<Response> {
    Event never_set;
    const Wake wake = co_await never_set.wait(ctx.deadline());
    const Errc code = wake == Wake::timeout ? Errc::total_timeout : Errc::cancelled;
    co_return Response::failure(Error(code, Origin::upstream));
  }));
  // Many at once, so that it is no luck which of two timers comes first.
  std::vector<std::unique_ptr<TestExchange>> exchanges;
  std::vector<Response> responses(20);
  for (Response& response : responses) {
    exchanges.push_back(std::make_unique<TestExchange>(executor));
    Context& ctx = exchanges.back()->context();
    ctx.spawn(keep_response(layer->handle(ctx, next.next()), response));
  }
  executor.advance(2s);
  for (const Response& response : responses) check_timed_out(response, Origin::upstream);
}

TEST_CASE("A target that is silent is told as such, and its connection is closed") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  FakeUpstream target(network, "memory:users");
  const UpstreamPool pool(UpstreamOptions{.name = "users", .targets = {"memory:users"}});
  const Handler forward = proxy(pool);
  Request request(Method::get, "/");
  if (GENERATE(false, true)) request.protocol = "websocket";
  TestExchange exchange(executor, std::move(request));
  const ScriptedNext next(Handler([&forward](Context& ctx) { return forward(ctx); }));
  const TimePoint begun = executor.now();
  check_timed_out(exchange.run(*timeout(1s), next), Origin::upstream);
  CHECK(executor.now() - begun < 1s + 1ms);
  CHECK(pool.stats().targets.front().connections == 0);
}

TEST_CASE("A time that is none is a mistake of the wiring") {
  CHECK_THROWS_AS(timeout(0s), ConfigError);
  CHECK_THROWS_AS(timeout(-1s), ConfigError);
  CHECK_NOTHROW(timeout(Duration::max()));
}

TEST_CASE("The longest time of all never ends") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  const ScriptedNext next(slow(23h, &pass_on));
  CHECK(exchange.run(*timeout(Duration::max()), next).status == Status::ok);
}
