// SPDX-License-Identifier: Apache-2.0
// Targets with names: lookups beside the exchanges, last good addresses, several addresses.
#include "catch.hpp"
#include "gatewaykit/routing/context.hpp"
#include "pool_world.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

constexpr const char* kHost = "users.example";

UpstreamOptions to_name() {
  UpstreamOptions options;
  options.name = "users";
  options.targets = {"http://users.example:8000"};
  options.retries.attempts = 0;
  options.dns_interval = 30s;
  return options;
}

struct NamedWorld : World {
  FakeUpstream first{network, "http://10.0.0.1:8000"};
  FakeUpstream second{network, "http://10.0.0.2:8000"};

  NamedWorld() {
    first.answer_all(ok("first", "Connection: close\r\n"));
    second.answer_all(ok("second", "Connection: close\r\n"));
  }
};

}  // namespace

TEST_CASE("a name is looked up once for all that wait, and named as Host") {
  NamedWorld world;
  world.network.set_host(kHost, {"10.0.0.1"}, 200ms);
  const UpstreamPool pool(to_name());
  Pending one(world, pool, Request(Method::get, "/"));
  Pending two(world, pool, Request(Method::get, "/"));
  world.executor.advance(200ms);
  CHECK(one.answer().content == "first");
  CHECK(two.answer().content == "first");
  CHECK(world.network.lookups(kHost) == 1);
  CHECK(world.first.requests().front().field("host") == "users.example:8000");
}

TEST_CASE("a name is looked up again by interval, without making anybody wait") {
  NamedWorld world;
  world.network.set_host(kHost, {"10.0.0.1"});
  const UpstreamPool pool(to_name());
  CHECK(world.get(pool).content == "first");
  world.network.set_host(kHost, {"10.0.0.2"}, 1s);
  world.executor.advance(29s);
  CHECK(world.get(pool).content == "first");
  CHECK(world.network.lookups(kHost) == 1);
  world.executor.advance(1s);
  const Duration took = world.time([&] { CHECK(world.get(pool).content == "first"); });
  CHECK(took == Duration::zero());
  CHECK(world.network.lookups(kHost) == 2);
  world.executor.advance(1s);
  CHECK(world.get(pool).content == "second");
}

TEST_CASE("idle connections to an address that is gone are not used again") {
  NamedWorld world;
  world.first.answer_all(ok("first"));
  world.network.set_host(kHost, {"10.0.0.1"});
  UpstreamOptions options = to_name();
  options.keep_alive = 600s;
  const UpstreamPool pool(options);
  CHECK(world.get(pool).content == "first");
  world.network.set_host(kHost, {"10.0.0.2"});
  world.executor.advance(30s);
  static_cast<void>(world.get(pool));  // Begins the lookup.
  CHECK(world.get(pool).content == "second");
}

TEST_CASE("the last good addresses stay in use while lookups fail") {
  NamedWorld world;
  world.network.set_host(kHost, {"10.0.0.1"});
  const UpstreamPool pool(to_name());
  CHECK(world.get(pool).content == "first");
  SECTION("the name does not exist any more") { world.network.remove_host(kHost); }
  SECTION("the server does not answer") { world.network.ignore_host(kHost); }
  for (int i = 0; i < 5; ++i) {
    world.executor.advance(31s);
    const Duration took = world.time([&] { CHECK(world.get(pool).content == "first"); });
    CHECK(took == Duration::zero());
  }
  CHECK(world.network.lookups(kHost) >= 5);
}

TEST_CASE("without any address an exchange fails, and the next one looks again") {
  NamedWorld world;
  const UpstreamPool pool(to_name());
  SECTION("the name does not exist: at once") {
    const Duration took = world.time([&] {
      const Answer answer = world.get(pool);
      REQUIRE(answer.error);
      CHECK(answer.error->code == Errc::connect_failed);
    });
    CHECK(took == Duration::zero());
  }
  SECTION("the server does not answer: within the time for a connection") {
    world.network.ignore_host(kHost);
    const Duration took = world.time([&] {
      const Answer answer = world.get(pool);
      REQUIRE(answer.error);
      CHECK(answer.error->code == Errc::connect_timeout);
    });
    CHECK(took == 1s);
  }
  world.executor.advance(5s);
  world.network.set_host(kHost, {"10.0.0.1"});
  CHECK(world.get(pool).content == "first");
}

TEST_CASE("several addresses share the connections, and stand in for each other") {
  NamedWorld world;
  const UpstreamPool pool(to_name());
  SECTION("all take part") {
    world.network.set_host(kHost, {"10.0.0.1", "10.0.0.2"});
    for (int i = 0; i < 10; ++i) CHECK(world.get(pool).status == 200);
    CHECK(world.first.requests().size() == 5);
    CHECK(world.second.requests().size() == 5);
  }
  SECTION("one that refuses costs nothing") {
    world.network.set_host(kHost, {"10.0.0.9", "10.0.0.1"});
    for (int i = 0; i < 10; ++i) CHECK(world.get(pool).content == "first");
    CHECK(pool.stats().targets.front().failures == 0);
  }
  SECTION("one that swallows connections leaves time for the next") {
    world.network.set_host(kHost, {"10.0.0.8", "10.0.0.1"});
    world.network.ignore("http://10.0.0.8:8000");
    const Duration took = world.time([&] { CHECK(world.get(pool).content == "first"); });
    CHECK(took == 500ms);
  }
}

TEST_CASE("a client that leaves while a name is looked up leaves the lookup to others") {
  NamedWorld world;
  world.network.set_host(kHost, {"10.0.0.1"}, 500ms);
  const UpstreamPool pool(to_name());
  Pending leaver(world, pool, Request(Method::get, "/"));
  Pending other(world, pool, Request(Method::get, "/"));
  world.executor.advance(100ms);
  leaver.disconnect();
  CHECK(leaver.answer().error->code == Errc::cancelled);
  world.executor.advance(400ms);
  CHECK(other.answer().content == "first");
  CHECK(world.network.lookups(kHost) == 1);
}

TEST_CASE("a pool may go while a lookup is under way") {
  NamedWorld world;
  world.network.ignore_host(kHost);
  {
    const UpstreamPool pool(to_name());
    CHECK(world.get(pool).error);
  }
  world.executor.settle();
}
