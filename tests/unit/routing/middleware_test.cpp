// SPDX-License-Identifier: Apache-2.0
// Middleware, Next, before and after: layers run outermost first, end innermost first, and each may
// answer in place of the rest.
#include "gatewaykit/routing/middleware.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/async.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using gatewaykit::after;
using gatewaykit::before;
using gatewaykit::Chain;
using gatewaykit::Context;
using gatewaykit::Handler;
using gatewaykit::Method;
using gatewaykit::Middleware;
using gatewaykit::MiddlewarePtr;
using gatewaykit::Next;
using gatewaykit::Request;
using gatewaykit::Response;
using gatewaykit::Result;
using gatewaykit::sleep_for;
using gatewaykit::Status;
using gatewaykit::Task;
using gatewaykit::testing::ScriptedBody;
using gatewaykit::testing::ScriptedNext;
using gatewaykit::testing::TestExchange;
using gatewaykit::testing::VirtualExecutor;
using namespace std::chrono_literals;

namespace {

using Notes = std::vector<std::string>;

class Noting final : public Middleware {
 public:
  Noting(Notes& notes, std::string name) : notes_(notes), name_(std::move(name)) {}
  Task<Response> handle(Context& ctx, Next next) const override {
    notes_.push_back(name_ + " begins");
    Response response = co_await next(ctx);
    notes_.push_back(name_ + " ends");
    co_return response;
  }

 private:
  Notes& notes_;
  std::string name_;
};

/// Has no "after": an ordinary function, without a frame.
class PassingOn final : public Middleware {
 public:
  Task<Response> handle(Context& ctx, Next next) const override { return next(ctx); }
};

class Retrying final : public Middleware {
 public:
  Task<Response> handle(Context& ctx, Next next) const override {
    Response response = co_await next(ctx);
    if (response.status == Status::ok || !ctx.request().body.rewind()) co_return response;
    response = co_await next(ctx);
    co_return response;
  }
};

Chain chain_of(std::vector<MiddlewarePtr> layers, Handler handler) {
  Chain chain;
  chain.layers = std::move(layers);
  chain.handler = std::make_shared<const Handler>(std::move(handler));
  return chain;
}

Task<Response> ok(Context& /*ctx*/) { co_return Response::text(Status::ok, "handled"); }

}  // namespace

TEST_CASE("a chain without layers is its handler") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  const Chain chain = chain_of({}, &ok);
  CHECK(exchange.run(Next(chain)(exchange.context())).status == Status::ok);
}

TEST_CASE("layers begin from the outside and end from the inside") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  Notes notes;
  const Chain chain =
      chain_of({std::make_shared<Noting>(notes, "outer"), std::make_shared<PassingOn>(),
                std::make_shared<Noting>(notes, "inner")},
               [&notes](Context&) -> Task<Response> {
                 notes.emplace_back("handler");
                 co_return Response(Status::ok);
               });
  const Response response = exchange.run(Next(chain)(exchange.context()));
  CHECK(response.status == Status::ok);
  CHECK(notes == Notes{"outer begins", "inner begins", "handler", "inner ends", "outer ends"});
}

TEST_CASE("layers wait for a handler that takes its time") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  Notes notes;
  const Chain chain =
      chain_of({std::make_shared<Noting>(notes, "layer")}, [](Context&) -> Task<Response> {
        const Result<> slept = co_await sleep_for(3s);
        co_return Response(slept ? Status::ok : Status::client_closed_request);
      });
  SECTION("to its end") {
    CHECK(exchange.run(Next(chain)(exchange.context())).status == Status::ok);
  }
  SECTION("or to the cancellation") {
    exchange.disconnect();
    CHECK(exchange.run(Next(chain)(exchange.context())).status == Status::client_closed_request);
  }
  CHECK(notes == Notes{"layer begins", "layer ends"});
}

TEST_CASE("an exception of the handler passes the layers on its way out") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  Notes notes;
  const Chain chain =
      chain_of({std::make_shared<Noting>(notes, "layer"), std::make_shared<PassingOn>()},
               [](Context&) -> Task<Response> { throw std::runtime_error("a bug"); });
  CHECK_THROWS_WITH(exchange.run(Next(chain)(exchange.context())), "a bug");
  CHECK(notes == Notes{"layer begins"});
}

TEST_CASE("a layer may answer in place of the rest, and see what the rest has answered") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  ScriptedNext next;
  next.respond(Response(Status::bad_gateway));
  const MiddlewarePtr layer = after([](Context&, Response& response) {
    if (response.status == Status::bad_gateway) response = Response::text(Status::ok, "from store");
  });
  CHECK(exchange.run(*layer, next).status == Status::ok);
}

TEST_CASE("a layer may run the rest again once the body was rewound") {
  VirtualExecutor executor;
  Request request(Method::put, "/");
  ScriptedBody upload;
  request.body = upload.chunk("content").with_rewind().body();
  TestExchange exchange(executor, std::move(request));
  ScriptedNext next;
  next.respond(Response(Status::bad_gateway));
  next.respond(Response(Status::ok));
  CHECK(exchange.run(Retrying(), next).status == Status::ok);
  CHECK(next.calls() == 2);
  CHECK(upload.rewinds() == 1);
}

TEST_CASE("before() lets the rest run, or answers in its place") {
  VirtualExecutor executor;
  const MiddlewarePtr guard = before([](Context& ctx) -> std::optional<Response> {
    if (ctx.request().headers.contains("x-tenant")) {
      ctx.request().headers.set("x-checked", "yes");
      return std::nullopt;
    }
    return Response::problem(Status::bad_request, "x-tenant is required");
  });
  {
    TestExchange exchange(executor);
    const ScriptedNext next;
    CHECK(exchange.run(*guard, next).status == Status::bad_request);
    CHECK(next.calls() == 0);
  }
  {
    TestExchange exchange(executor);
    exchange.request().headers.set("x-tenant", "acme");
    ScriptedNext next;
    next.respond(Response(Status::created));
    CHECK(exchange.run(*guard, next).status == Status::created);
    CHECK(next.calls() == 1);
    CHECK(exchange.request().headers.get("x-checked") == "yes");
  }
}

TEST_CASE("after() changes what the rest has answered") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  ScriptedNext next;
  next.respond(Response(Status::ok));
  const MiddlewarePtr layer =
      after([](Context&, Response& response) { response.headers.set("cache-control", "private"); });
  const Response response = exchange.run(*layer, next);
  CHECK(response.headers.get("cache-control") == "private");
}

TEST_CASE("an exception of before() or after() reaches who called the layer") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  Notes notes;
  const auto fail = [](Context&) -> std::optional<Response> { throw std::runtime_error("before"); };
  const Chain chain = chain_of({std::make_shared<Noting>(notes, "layer"), before(fail)}, &ok);
  CHECK_THROWS_WITH(exchange.run(Next(chain)(exchange.context())), "before");

  const auto fail_later = [](Context&, Response&) { throw std::runtime_error("after"); };
  const Chain other = chain_of({std::make_shared<Noting>(notes, "layer"), after(fail_later)}, &ok);
  CHECK_THROWS_WITH(exchange.run(Next(other)(exchange.context())), "after");
}

TEST_CASE("one chain serves several exchanges at once") {
  VirtualExecutor executor;
  Notes notes;
  const Chain chain =
      chain_of({std::make_shared<Noting>(notes, "layer")}, [](Context& ctx) -> Task<Response> {
        const auto delay = ctx.request().target == "/slow" ? 2s : 1s;
        const Result<> slept = co_await sleep_for(delay);
        CHECK(slept);
        co_return Response::text(Status::ok, ctx.request().target);
      });
  TestExchange slow(executor, Request(Method::get, "/slow"));
  TestExchange fast(executor, Request(Method::get, "/fast"));
  std::vector<std::string> order;
  const auto run = [&](Context& ctx) -> Task<void> {
    Response response = co_await Next(chain)(ctx);
    const Result<std::string> content = co_await response.body.collect(100);
    order.push_back(*content);
  };
  slow.context().spawn(run(slow.context()));
  fast.context().spawn(run(fast.context()));
  slow.complete();
  fast.complete();
  CHECK(order == std::vector<std::string>{"/fast", "/slow"});
}
