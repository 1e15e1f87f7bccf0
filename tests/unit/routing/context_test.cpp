// SPDX-License-Identifier: Apache-2.0
// Context: typed state, what the route captured, tasks of the exchange, and what happens at its
// end.
#include "gatewaykit/routing/context.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/async.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using gatewaykit::Body;
using gatewaykit::Context;
using gatewaykit::Duration;
using gatewaykit::Errc;
using gatewaykit::Error;
using gatewaykit::Headers;
using gatewaykit::IpAddress;
using gatewaykit::kNever;
using gatewaykit::Method;
using gatewaykit::Origin;
using gatewaykit::Outcome;
using gatewaykit::Peer;
using gatewaykit::Request;
using gatewaykit::Response;
using gatewaykit::Result;
using gatewaykit::RouteParam;
using gatewaykit::sleep_for;
using gatewaykit::Status;
using gatewaykit::Task;
using gatewaykit::testing::ScriptedBody;
using gatewaykit::testing::TestExchange;
using gatewaykit::testing::VirtualExecutor;
using namespace std::chrono_literals;

namespace {

struct Tenant {
  std::string id;
};

/// Notes when it goes.
class Noted {
 public:
  Noted(std::vector<std::string>& notes, std::string name)
      : notes_(&notes), name_(std::move(name)) {}
  Noted(Noted&& other) noexcept
      : notes_(std::exchange(other.notes_, nullptr)), name_(std::move(other.name_)) {}
  Noted& operator=(Noted&& other) noexcept {
    std::swap(notes_, other.notes_);
    std::swap(name_, other.name_);
    return *this;
  }
  ~Noted() {
    if (notes_ != nullptr) notes_->push_back(name_);
  }

 private:
  std::vector<std::string>* notes_;
  std::string name_;
};

template <int kNumber>
struct Layer {
  explicit Layer(Noted its_noted) : noted(std::move(its_noted)) {}
  Noted noted;
};

}  // namespace

TEST_CASE("a context brings its request and who sent it") {
  VirtualExecutor executor;
  Request request(Method::post, "/users/7?x=1");
  request.headers.set("x-tenant", "acme");
  TestExchange::Client client;
  client.peer = Peer(IpAddress::v4({10, 0, 0, 1}), 1000);
  client.client = Peer(IpAddress::v4({203, 0, 113, 9}), 0);
  client.is_trusted = true;
  TestExchange exchange(executor, std::move(request), client);
  const Context& ctx = exchange.context();
  CHECK(ctx.request().target == "/users/7?x=1");
  CHECK(ctx.request().headers.get("x-tenant") == "acme");
  CHECK(ctx.peer().text() == "10.0.0.1");
  CHECK(ctx.client().text() == "203.0.113.9");
  CHECK(ctx.trusted());
  CHECK(ctx.route().empty());
  CHECK(ctx.deadline() == kNever);
  CHECK_FALSE(ctx.cancelled());
}

TEST_CASE("state is kept by type: set, found, replaced") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  Context& ctx = exchange.context();
  CHECK(ctx.get<Tenant>() == nullptr);
  ctx.set(Tenant{"acme"});
  ctx.set(7);
  ctx.set(std::make_unique<int>(8));
  REQUIRE(ctx.get<Tenant>() != nullptr);
  CHECK(ctx.get<Tenant>()->id == "acme");
  CHECK(*ctx.get<int>() == 7);
  CHECK(**ctx.get<std::unique_ptr<int>>() == 8);
  CHECK(ctx.get<long>() == nullptr);

  const Tenant* const place = ctx.get<Tenant>();
  ctx.set(Tenant{"other"});
  CHECK(ctx.get<Tenant>() == place);
  CHECK(ctx.get<Tenant>()->id == "other");
}

TEST_CASE("state stays where it is when more is set") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  Context& ctx = exchange.context();
  ctx.set(Tenant{"a tenant whose name is too long to be stored within the string"});
  const Tenant* const place = ctx.get<Tenant>();
  ctx.set(1);
  ctx.set(2L);
  ctx.set('3');
  ctx.set(4.0);
  ctx.set(std::string("5"));
  CHECK(ctx.get<Tenant>() == place);
  CHECK(place->id.size() > 32);
}

TEST_CASE("state goes with the context, last set first, after what it replaced") {
  std::vector<std::string> notes;
  VirtualExecutor executor;
  {
    TestExchange exchange(executor);
    exchange.context().set(Layer<1>(Noted(notes, "first")));
    exchange.context().set(Layer<2>(Noted(notes, "second")));
    exchange.context().set(Layer<3>(Noted(notes, "third")));
    CHECK(notes.empty());
    exchange.context().set(Layer<2>(Noted(notes, "again")));
    CHECK(notes == std::vector<std::string>{"second"});
  }
  CHECK(notes == std::vector<std::string>{"second", "third", "again", "first"});
}

TEST_CASE("a body that nobody took goes before the state that its source may use") {
  VirtualExecutor executor;
  ScriptedBody upload;
  bool was_dropped_before = false;
  const auto look = [&](int* state) {
    was_dropped_before = upload.was_dropped();
    delete state;
  };
  {
    Request request(Method::put, "/");
    request.body = upload.chunk("unread").body();
    TestExchange exchange(executor, std::move(request));
    exchange.context().set(std::shared_ptr<int>(new int(1), look));
  }
  CHECK(was_dropped_before);
}

TEST_CASE("parameters of the route are decoded, whatever they hold") {
  VirtualExecutor executor;
  TestExchange exchange(executor, Request(Method::get, "/users/a%20b/files/%E2%82%AC/c%2Fd"));
  Context& ctx = exchange.context();
  const std::string_view target = ctx.request().target;
  const RouteParam params[] = {{"id", target.substr(7, 5)},
                               {"*", target.substr(19)},
                               {"plain", target.substr(1, 5)},
                               {"empty", target.substr(0, 0)}};
  ctx.set_route("/users/{id}/files/*", params, std::size(params));
  CHECK(ctx.route() == "/users/{id}/files/*");
  CHECK(ctx.param("id") == "a b");
  CHECK(ctx.param("*") == "\xe2\x82\xac/c/d");
  CHECK(ctx.param("plain") == "users");
  CHECK(ctx.param("empty").empty());
  CHECK(ctx.param("unknown").empty());
}

TEST_CASE("an escape at the very end of a parameter is decoded, in either case of its digits") {
  VirtualExecutor executor;
  TestExchange exchange(executor, Request(Method::get, "/%c3%A9"));
  const RouteParam param{"name", std::string_view(exchange.request().target).substr(1)};
  exchange.context().set_route("/{name}", &param, 1);
  CHECK(exchange.context().param("name") == "\xc3\xa9");
}

TEST_CASE("what waits for the end is called once, last registered first, with the outcome") {
  VirtualExecutor executor;
  std::vector<std::string> notes;
  TestExchange exchange(executor);
  Context& ctx = exchange.context();
  ctx.on_complete([&](const Context& its, const Outcome& outcome) {
    notes.push_back("first " + std::to_string(code(outcome.status)));
    CHECK(&its == &ctx);
    CHECK(outcome.duration == 3s);
  });
  ctx.on_complete([&](const Context&, const Outcome&) { notes.emplace_back("second"); });
  CHECK(notes.empty());
  executor.advance(3s);
  exchange.complete(Status::created);
  CHECK(notes == std::vector<std::string>{"second", "first 201"});
  exchange.complete(Status::created);
  CHECK(notes.size() == 2);
}

TEST_CASE("what is registered during the end is called, too") {
  VirtualExecutor executor;
  std::vector<std::string> notes;
  TestExchange exchange(executor);
  Context& ctx = exchange.context();
  ctx.on_complete([&](const Context&, const Outcome&) {
    notes.emplace_back("outer");
    ctx.on_complete([&](const Context&, const Outcome&) { notes.emplace_back("inner"); });
  });
  exchange.complete();
  CHECK(notes == std::vector<std::string>{"outer", "inner"});
}

TEST_CASE("the failure of an exchange is told to what waits for its end") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  std::optional<Errc> seen;
  exchange.context().on_complete([&](const Context&, const Outcome& outcome) {
    if (outcome.error != nullptr) seen = outcome.error->code;
  });
  const Error error(Errc::reset, Origin::client);
  exchange.complete(Status::client_closed_request, &error);
  CHECK(seen == Errc::reset);
}

TEST_CASE("spawned tasks run beside the handler and are awaited before the end") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  std::vector<std::string> notes;
  const auto work = [&](Duration duration) -> Task<void> {
    const Result<> slept = co_await sleep_for(duration);
    notes.emplace_back(slept ? "done" : "cancelled");
  };
  exchange.context().on_complete(
      [&](const Context&, const Outcome&) { notes.emplace_back("complete"); });
  exchange.context().spawn(work(2s));
  exchange.complete();
  CHECK(notes == std::vector<std::string>{"done", "complete"});
}

TEST_CASE("when the client leaves, spawned tasks are cancelled, and still awaited") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  std::vector<std::string> notes;
  const auto work = [&]() -> Task<void> {
    const Result<> slept = co_await sleep_for(60s);
    notes.emplace_back(slept ? "done" : "cancelled");
    const Result<> cleaned = co_await shield(sleep_for(1s));
    notes.emplace_back(cleaned ? "cleaned up" : "not cleaned up");
  };
  exchange.context().on_complete(
      [&](const Context&, const Outcome&) { notes.emplace_back("complete"); });
  exchange.context().spawn(work());
  exchange.disconnect();
  CHECK(exchange.context().cancelled());
  exchange.complete(Status::client_closed_request);
  CHECK(notes == std::vector<std::string>{"cancelled", "cleaned up", "complete"});
}

TEST_CASE("a context is cancelled with the scope around it") {
  VirtualExecutor executor;
  gatewaykit::CancelScope outer;
  gatewaykit::Env env = executor.env();
  env.scope = &outer;
  const Peer peer;
  Context ctx(env, Request(Method::get, "/"), peer, peer, false, nullptr);
  CHECK_FALSE(ctx.cancelled());
  outer.cancel();
  CHECK(ctx.cancelled());
}

TEST_CASE("interim responses go to the connection, or nowhere without one") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  Headers headers;
  headers.add("link", "</style.css>; rel=preload");
  CHECK(exchange.run(exchange.context().send_interim(Status::early_hints, std::move(headers))));
  REQUIRE(exchange.interims().size() == 1);
  CHECK(exchange.interims()[0].status == Status::early_hints);
  CHECK(exchange.interims()[0].headers.contains("link"));

  const Peer peer;
  Context in_process(executor.env(), Request(Method::get, "/"), peer, peer, false, nullptr);
  CHECK(executor.run(in_process.send_interim(Status::early_hints, Headers())));
}

TEST_CASE("the refusal that stands in for a handler is taken once") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  exchange.context().refuse(Response::problem(Status::not_found, "no such route"));
  const Response refusal = exchange.context().take_refusal();
  CHECK(refusal.status == Status::not_found);
  CHECK(refusal.problem_detail() == "no such route");
}
