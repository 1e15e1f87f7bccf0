// SPDX-License-Identifier: Apache-2.0
// When an exchange is tried again, and when it must not be (RFC 9110 section 9.2.2).
#include "catch.hpp"
#include "gatewaykit/routing/context.hpp"
#include "pool_world.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

UpstreamOptions to(std::vector<UpstreamTarget> targets) {
  UpstreamOptions options;
  options.name = "users";
  options.targets = std::move(targets);
  options.balance = Balance::round_robin;  // Begins with the first.
  return options;
}

/// Reads a request on each connection, then ends it without an answer.
Task<void> hang_up_on_all(FakeUpstream& target, int& requests) {
  for (;;) {
    MemoryPeer peer = co_await target.accept();
    const WireMessage request = co_await peer.read_message();
    if (!request.head.empty()) ++requests;
    peer.close();
  }
}

}  // namespace

TEST_CASE("a target that refuses connections is passed over, whatever the method") {
  World world;
  FakeUpstream good(world.network, "memory:good");
  good.answer_all(ok("x"));
  const UpstreamPool pool(to({"memory:dead", "memory:good"}));
  const Method method = GENERATE(Method(Method::get), Method(Method::post));
  TestExchange ex(world.executor);
  const Answer answer =
      world.send(pool, ex, World::request_with(method, Body(Chunk::of_static("abc"))));
  CHECK(answer.status == 200);
  CHECK(ex.context().get<UpstreamReport>()->attempts == 2);
  CHECK(ex.context().get<UpstreamReport>()->target == "memory:good");
  CHECK(good.requests().front().body == "abc");
  CHECK(pool.stats().retries == 1);
  CHECK(pool.stats().targets.front().failures == 1);
}

TEST_CASE("an answer cut before its first byte: GET is tried again, POST was sent once") {
  World world;
  FakeUpstream bad(world.network, "memory:bad");
  FakeUpstream good(world.network, "memory:good");
  int tries = 0;
  world.executor.spawn(hang_up_on_all(bad, tries));
  good.answer_all(ok("x"));
  const UpstreamPool pool(to({"memory:bad", "memory:good"}));
  SECTION("GET") {
    CHECK(world.get(pool).status == 200);
    CHECK(good.requests().size() == 1);
  }
  SECTION("PUT, whose content is still held") {
    const Answer answer =
        world.send(pool, World::request_with(Method::put, Body(Chunk::of_static("abc"))));
    CHECK(answer.status == 200);
    CHECK(good.requests().front().body == "abc");
  }
  SECTION("PUT, whose source can start again") {
    ScriptedBody upload;
    upload.fill(30'000).with_size().with_rewind().always_suspending();
    CHECK(world.send(pool, World::request_with(Method::put, upload.body())).status == 200);
    CHECK(good.requests().front().body == pattern(0, 30'000));
    CHECK(upload.rewinds() == 1);
  }
  SECTION("PUT, whose first bytes are gone") {
    ScriptedBody upload;
    upload.fill(30'000).with_size();
    const Answer answer = world.send(pool, World::request_with(Method::put, upload.body()));
    REQUIRE(answer.error);
    CHECK(answer.error->code == Errc::reset);
    CHECK(good.requests().empty());
  }
  SECTION("POST") {
    const Answer answer = world.post(pool);
    REQUIRE(answer.error);
    CHECK(answer.error->code == Errc::reset);
    CHECK(answer.error->origin == Origin::upstream);
    CHECK(good.requests().empty());
  }
  CHECK(tries == 1);
}

TEST_CASE("nothing is tried again once a byte of the response came") {
  World world;
  FakeUpstream bad(world.network, "memory:bad");
  FakeUpstream good(world.network, "memory:good");
  bad.answer_all([](const WireMessage&) { return std::string("HTTP/1.1 200 O"); });
  good.answer_all(ok("x"));
  UpstreamOptions options = to({"memory:bad", "memory:good"});
  ConnectionOptions cut;
  cut.to_client.cut_after = 14;
  bad.set_options(cut);
  const UpstreamPool pool(options);
  const Answer answer = world.get(pool);
  REQUIRE(answer.error);
  CHECK(answer.error->code == Errc::reset);
  CHECK(good.requests().empty());
}

TEST_CASE("with one target, it is tried again") {
  World world;
  FakeUpstream only(world.network, "memory:only");
  const UpstreamPool pool(to({"memory:only"}));
  Pending request(world, pool, Request(Method::get, "/"));
  MemoryPeer first = world.executor.run(only.accept());
  REQUIRE(world.executor.run(first.read_message()).is_complete);
  first.reset();
  MemoryPeer second = world.executor.run(only.accept());
  REQUIRE(world.executor.run(second.read_message()).is_complete);
  CHECK(world.executor.run(second.write(ok("x"))));
  world.executor.settle();
  CHECK(request.answer().status == 200);
}

TEST_CASE("no more than the attempts that are allowed") {
  World world;
  const std::uint32_t attempts = GENERATE(0U, 1U, 2U);
  UpstreamOptions options = to({"memory:a", "memory:b", "memory:c", "memory:d"});
  options.retries.attempts = attempts;
  const UpstreamPool pool(options);
  TestExchange ex(world.executor);
  const Answer answer = world.send(pool, ex, Request(Method::get, "/"));
  REQUIRE(answer.error);
  CHECK(answer.error->code == Errc::connect_failed);
  CHECK(ex.context().get<UpstreamReport>()->attempts == attempts + 1);
}

TEST_CASE("the budget ends retries when most requests need one") {
  World world;
  UpstreamOptions options = to({"memory:a", "memory:b"});
  options.retries.budget = 0.2;
  options.ejection.consecutive_failures = 1'000'000;
  const UpstreamPool pool(options);
  for (int i = 0; i < 1000; ++i) CHECK(world.get(pool).error);
  CHECK(pool.stats().retries <= 200 + 10);
  CHECK(pool.stats().retries >= 190);
}

TEST_CASE("the total time ends it, whatever attempts are left") {
  World world;
  for (const char* const address : {"memory:a", "memory:b", "memory:c"}) {
    world.network.ignore(address);
  }
  UpstreamOptions options = to({"memory:a", "memory:b", "memory:c"});
  options.retries.attempts = 5;
  options.timeout = 1500ms;
  const UpstreamPool pool(options);
  const Duration took = world.time([&] {
    const Answer answer = world.get(pool);
    REQUIRE(answer.error);
    CHECK(answer.error->code == Errc::total_timeout);
  });
  CHECK(took == 1500ms);
}

TEST_CASE("idle connections that are cut all the time fail no GET and cost no retry") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  const UpstreamPool pool(to({"memory:users"}));
  // Cuts as soon as the next request is there, so that the gateway cannot know before.
  const auto serve_one = [](FakeUpstream& upstream) -> Task<void> {
    for (;;) {
      MemoryPeer peer = co_await upstream.accept();
      const WireMessage first = co_await peer.read_message();
      if (!first.is_complete) continue;
      const bool sent = co_await peer.write(ok("x"));
      CHECK(sent);
      const WireMessage second = co_await peer.read_message();
      static_cast<void>(second);
      peer.reset();
    }
  };
  world.executor.spawn(serve_one(target));
  for (int i = 0; i < 100; ++i) REQUIRE(world.get(pool).status == 200);
  CHECK(pool.stats().retries == 0);
  CHECK(pool.stats().targets.front().failures == 0);
}

TEST_CASE("a POST on a connection that dies is not sent again") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  const UpstreamPool pool(to({"memory:users"}));
  Pending warm(world, pool, Request(Method::get, "/"));
  MemoryPeer peer = world.executor.run(target.accept());
  REQUIRE(world.executor.run(peer.read_message()).is_complete);
  REQUIRE(world.executor.run(peer.write(ok("x"))));
  world.executor.settle();
  Pending post(world, pool, World::request_with(Method::post, Body(Chunk::of_static("abc"))));
  REQUIRE(world.executor.run(peer.read_message()).body == "abc");
  peer.reset();
  world.executor.settle();
  REQUIRE(post.is_over());
  REQUIRE(post.answer().error);
  CHECK(post.answer().error->code == Errc::reset);
  CHECK(target.connections() == 1);
}

TEST_CASE("an idle connection that the target ends is dropped before it is used") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  const UpstreamPool pool(to({"memory:users"}));
  Pending warm(world, pool, Request(Method::get, "/"));
  MemoryPeer peer = world.executor.run(target.accept());
  REQUIRE(world.executor.run(peer.read_message()).is_complete);
  REQUIRE(world.executor.run(peer.write(ok("x"))));
  world.executor.settle();
  REQUIRE(pool.stats().targets.front().connections == 1);
  SECTION("by closing it") { peer.close(); }
  SECTION("by shutting its sending side") { peer.shut_down(); }
  SECTION("by a reset") { peer.reset(); }
  SECTION("with bytes that nobody asked for: they are no answer to the next request") {
    REQUIRE(world.executor.run(peer.write(ok("poison"))));
  }
  world.executor.settle();
  CHECK(pool.stats().targets.front().connections == 0);
  // Even a POST, which could not be sent again, is safe.
  Pending post(world, pool, World::request_with(Method::post, Body(Chunk::of_static("abc"))));
  MemoryPeer next = world.executor.run(target.accept());
  REQUIRE(world.executor.run(next.read_message()).body == "abc");
  REQUIRE(world.executor.run(next.write(ok("fine"))));
  world.executor.settle();
  CHECK(post.answer().content == "fine");
}

TEST_CASE("a target that keeps failing is left out, then probed") {
  World world;
  FakeUpstream bad(world.network, "memory:bad");
  FakeUpstream good(world.network, "memory:good");
  int tries = 0;
  world.executor.spawn(hang_up_on_all(bad, tries));
  good.answer_all(ok("x"));
  UpstreamOptions options = to({"memory:bad", "memory:good"});
  options.balance = GENERATE(Balance::round_robin, Balance::least_requests, Balance::random);
  const UpstreamPool pool(options);
  for (int i = 0; i < 200; ++i) REQUIRE(world.get(pool).status == 200);
  CHECK(tries == 3);
  CHECK(pool.stats().targets.front().failures == 3);
  world.executor.advance(1s);
  for (int i = 0; i < 200; ++i) REQUIRE(world.get(pool).status == 200);
  CHECK(tries == 4);
}

TEST_CASE("with all targets ejected all are used, and the first success brings one back") {
  World world;
  const UpstreamPool pool(to({"memory:a", "memory:b"}));
  for (int i = 0; i < 50; ++i) REQUIRE(world.get(pool).error);
  const Answer answer = world.get(pool);
  CHECK(answer.error->code == Errc::connect_failed);
  FakeUpstream back(world.network, "memory:b");
  back.answer_all(ok("x"));
  for (int i = 0; i < 50; ++i) CHECK(world.get(pool).status == 200);
}
