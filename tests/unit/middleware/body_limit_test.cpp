// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/body_limit.hpp"

#include <chrono>
#include <string>
#include <utility>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/middleware/proxy.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/testing/fake_upstream.hpp"
#include "gatewaykit/testing/memory_network.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using namespace gatewaykit;
using testing::ScriptedBody;
using testing::ScriptedNext;
using testing::TestExchange;
using testing::VirtualExecutor;

namespace {

Request post(Body body) {
  Request request(Method::post, "/");
  request.body = std::move(body);
  return request;
}

/// A request behind a limit of 10 bytes, as the rest of the chain has it.
class Limited {
 public:
  explicit Limited(Request request) : exchange_(executor_, std::move(request)) {
    next_.respond(Response());
    response_ = exchange_.run(*body_limit(10), next_);
  }

  Body& body() { return exchange_.request().body; }
  Result<std::string> collect() { return exchange_.run(body().collect(1000)); }
  Result<Chunk> read() { return exchange_.run(body().read()); }

  const Response& response() const { return response_; }
  bool passed() const { return next_.calls() == 1; }

 private:
  VirtualExecutor executor_;
  TestExchange exchange_;
  ScriptedNext next_;
  Response response_;
};

void check_refusal(const Error& error) {
  CHECK(error.code == Errc::body_too_large);
  CHECK(error.origin == Origin::client);
  CHECK_FALSE(error.retryable);
}

/// A source that a client waits at for a 100.
class ExpectingSource final : public BodySource {
 public:
  Task<Result<Chunk>> read() override { co_return Chunk(); }
  bool forward_expectation() override { return std::exchange(is_expecting_, false); }

 private:
  bool is_expecting_ = true;
};

}  // namespace

TEST_CASE("Content that is announced as too long is refused before it is asked for") {
  ScriptedBody upload;
  upload.fill(11).with_size();
  Limited limited(post(upload.body()));
  CHECK_FALSE(limited.passed());
  CHECK(limited.response().status == Status::content_too_large);
  REQUIRE(limited.response().error() != nullptr);
  check_refusal(*limited.response().error());
  CHECK(upload.bytes_read() == 0);
}

TEST_CASE("Content in memory that is too long is refused") {
  Limited limited(post(Chunk::copy_of("12345678901")));
  CHECK_FALSE(limited.passed());
  CHECK(limited.response().status == Status::content_too_large);
}

TEST_CASE("Content that is known to fit is left as it is") {
  ScriptedBody upload;
  upload.fill(10).with_size();
  Request request = post(upload.body());
  const BodySource* const source = request.body.source();
  Limited limited(std::move(request));
  CHECK(limited.passed());
  CHECK(limited.body().source() == source);

  Limited none(Request(Method::get, "/"));
  CHECK(none.passed());
  CHECK(none.body().source() == nullptr);
}

TEST_CASE("Content of unknown length passes up to the limit, with its trailers") {
  ScriptedBody upload;
  upload.chunk("12345").chunk("67890").trailer("x-sum", "55");
  if (GENERATE(false, true)) upload.always_suspending();
  Limited limited(post(upload.body()));
  CHECK(limited.passed());
  CHECK_FALSE(limited.body().size());
  const Result<std::string> content = limited.collect();
  REQUIRE(content);
  CHECK(*content == "1234567890");
  REQUIRE(limited.body().trailers() != nullptr);
  CHECK(limited.body().trailers()->get("x-sum") == "55");
}

TEST_CASE("Content that turns out to be too long fails, and goes on failing") {
  ScriptedBody upload;
  upload.chunk("1234567890").chunk("1").chunk("2");
  if (GENERATE(false, true)) upload.always_suspending();
  Limited limited(post(upload.body()));
  CHECK(limited.passed());
  const Result<Chunk> first = limited.read();
  REQUIRE(first);
  CHECK(first->view() == "1234567890");
  for (int i = 0; i < 2; ++i) {
    const Result<Chunk> beyond = limited.read();
    REQUIRE_FALSE(beyond);
    check_refusal(beyond.error());
    Chunk chunk;
    CHECK_FALSE(limited.body().ready(chunk));
    CHECK(chunk.empty());
  }
  CHECK(upload.bytes_read() == 11);
}

TEST_CASE("Chunks that are there pass without a wait") {
  ScriptedBody upload;
  upload.chunk("12345").pause(std::chrono::seconds(1)).chunk("6");
  Limited limited(post(upload.body()));
  Chunk chunk;
  REQUIRE(limited.body().ready(chunk));
  CHECK(chunk.view() == "12345");
  CHECK_FALSE(limited.body().ready(chunk));
}

TEST_CASE("A failure of the content is its own") {
  ScriptedBody upload;
  upload.chunk("12345").fail(Error(Errc::reset, Origin::client));
  Limited limited(post(upload.body()));
  const Result<std::string> content = limited.collect();
  REQUIRE_FALSE(content);
  CHECK(content.error().code == Errc::reset);
}

TEST_CASE("Content that can be read again is counted again") {
  ScriptedBody upload;
  upload.chunk("123456").with_rewind();
  Limited limited(post(upload.body()));
  REQUIRE(limited.collect());
  REQUIRE(limited.body().rewind());
  const Result<std::string> again = limited.collect();
  REQUIRE(again);
  CHECK(*again == "123456");

  ScriptedBody gone;
  gone.chunk("123456");
  Limited once(post(gone.body()));
  CHECK_FALSE(once.body().rewind());
}

TEST_CASE("A forwarder may still take over the expectation of a 100") {
  Limited limited(post(Body(*new ExpectingSource)));
  REQUIRE(limited.body().source() != nullptr);
  CHECK(limited.body().source()->forward_expectation());
  CHECK_FALSE(limited.body().source()->forward_expectation());
}

TEST_CASE("The bytes of a tunnel are no content") {
  ScriptedBody tunnel;
  tunnel.fill(100);
  Request request = post(tunnel.body());
  request.protocol = "websocket";
  Limited limited(std::move(request));
  REQUIRE(limited.passed());
  CHECK(limited.collect());
}

TEST_CASE("A forwarder that meets the limit answers 413, and blames no target") {
  VirtualExecutor executor;
  testing::MemoryNetwork network(executor);
  testing::FakeUpstream target(network, "memory:users");
  const UpstreamPool pool(UpstreamOptions{.name = "users", .targets = {"memory:users"}});
  const Handler forward = proxy(pool);
  ScriptedBody upload;
  upload.chunk("1234567890").pause(std::chrono::seconds(1)).chunk("1");
  TestExchange exchange(executor, post(upload.body()));
  const ScriptedNext next(Handler([&forward](Context& ctx) { return forward(ctx); }));
  const Response response = exchange.run(*body_limit(10), next);
  CHECK(response.status == Status::content_too_large);
  REQUIRE(response.error() != nullptr);
  check_refusal(*response.error());
  CHECK(pool.stats().targets.front().failures == 0);
  CHECK(pool.stats().targets.front().connections == 0);
}

TEST_CASE("A limit of no bytes lets no content pass") {
  VirtualExecutor executor;
  const MiddlewarePtr layer = body_limit({.bytes = 0});
  ScriptedNext next;
  next.respond(Response());
  TestExchange with(executor, post(Chunk::copy_of("1")));
  CHECK(with.run(*layer, next).status == Status::content_too_large);
  TestExchange without(executor, Request(Method::get, "/"));
  CHECK(without.run(*layer, next).status == Status::ok);
}
