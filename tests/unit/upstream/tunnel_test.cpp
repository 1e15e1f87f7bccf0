// SPDX-License-Identifier: Apache-2.0
// Upgrades (RFC 9110 section 7.8): the connection to the target becomes a tunnel.
#include "catch.hpp"
#include "gatewaykit/routing/context.hpp"
#include "pool_world.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

constexpr const char* kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\nX-Key: k\r\n\r\n";

/// An upgrade under way, the target's end played by the test.
struct Upgrade {
  explicit Upgrade(const std::function<void(UpstreamOptions&)>& change = {}) {
    UpstreamOptions options;
    options.name = "users";
    options.targets = {"memory:users"};
    options.timeouts.idle = 10s;
    if (change) change(options);
    pool.emplace(options);
  }

  void begin() {
    Request request(Method::get, "/chat");
    request.protocol = "chat";
    request.body = client.body();
    pending.emplace(world, *pool, std::move(request));
    peer.emplace(world.executor.run(target.accept()));
    head = world.executor.run(peer->read_head());
  }
  bool write(std::string bytes) {
    const bool sent = world.executor.run(peer->write(std::move(bytes)));
    world.executor.settle();
    return sent;
  }
  std::string read() { return world.executor.run(peer->read_bytes()); }

  World world;
  FakeUpstream target{world.network, "memory:users"};
  std::optional<UpstreamPool> pool;
  ScriptedBody client;
  std::optional<MemoryPeer> peer;
  std::optional<Pending> pending;
  WireMessage head;
};

}  // namespace

TEST_CASE("a 101 opens a tunnel; nothing of the client is sent before it") {
  Upgrade upgrade;
  upgrade.client.chunk("early").hold();
  upgrade.begin();
  CHECK(upgrade.head.field("upgrade") == "chat");
  CHECK(upgrade.head.field("connection") == "upgrade");
  CHECK(upgrade.client.bytes_read() == 0);
  REQUIRE(upgrade.write(std::string(kSwitching) + "welcome"));
  CHECK(upgrade.read() == "early");
  CHECK_FALSE(upgrade.pending->is_over());
  upgrade.client.go_on();  // The client ends: a half-close.
  CHECK(upgrade.read().empty());
  CHECK_FALSE(upgrade.peer->was_reset());
  REQUIRE(upgrade.write(" and bye"));
  upgrade.peer->close();
  upgrade.world.executor.settle();
  REQUIRE(upgrade.pending->is_over());
  const Answer& answer = upgrade.pending->answer();
  CHECK(answer.status == 101);
  CHECK(answer.headers.get("x-key") == "k");
  CHECK_FALSE(answer.error);
  CHECK(answer.content == "welcome and bye");
  CHECK(upgrade.pool->stats().targets.front().connections == 0);
}

TEST_CASE("the response of an upgrade tells the protocol") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  UpstreamOptions options;
  options.targets = {"memory:users"};
  const UpstreamPool pool(options);
  world.executor.spawn([](FakeUpstream& upstream) -> Task<void> {
    MemoryPeer peer = co_await upstream.accept();
    const WireMessage head = co_await peer.read_head();
    static_cast<void>(head);
    const bool sent = co_await peer.write(kSwitching);
    CHECK(sent);
    co_await peer.wait_for_end();
  }(target));
  ScriptedBody client;
  client.hold();
  TestExchange ex(world.executor);
  Request request(Method::get, "/");
  request.protocol = "chat";
  request.body = client.body();
  Result<Response> response = ex.run(pool.send(ex.context(), std::move(request)));
  REQUIRE(response);
  CHECK(response->is_tunnel());
  CHECK(response->protocol() == "chat");
}

TEST_CASE("the target's half-close leaves the client's direction open") {
  Upgrade upgrade;
  upgrade.client.hold().chunk("late");
  upgrade.begin();
  REQUIRE(upgrade.write(kSwitching));
  upgrade.peer->shut_down();
  upgrade.world.executor.settle();
  REQUIRE(upgrade.pending->is_over());
  CHECK_FALSE(upgrade.pending->answer().error);
  upgrade.client.go_on();
  CHECK(upgrade.read() == "late");
  CHECK(upgrade.read().empty());
  upgrade.world.executor.settle();
  CHECK(upgrade.pool->stats().targets.front().connections == 0);
}

TEST_CASE("a tunnel is idle when nothing passes in either direction") {
  Upgrade upgrade;
  upgrade.client.hold().chunk("a").hold();
  upgrade.begin();
  REQUIRE(upgrade.write(kSwitching));
  upgrade.world.executor.advance(6s);
  upgrade.client.go_on();
  upgrade.world.executor.advance(6s);
  REQUIRE(upgrade.write("b"));
  upgrade.world.executor.advance(9s);
  CHECK_FALSE(upgrade.pending->is_over());
  upgrade.world.executor.advance(1s);
  REQUIRE(upgrade.pending->is_over());
  CHECK(upgrade.pending->answer().error->code == Errc::idle_timeout);
  CHECK(upgrade.pool->stats().targets.front().connections == 0);
  CHECK(upgrade.pool->stats().targets.front().failures == 0);
}

TEST_CASE("the total time does not end a tunnel") {
  Upgrade upgrade([](UpstreamOptions& options) { options.timeout = 3s; });
  upgrade.client.hold();
  upgrade.begin();
  REQUIRE(upgrade.write(kSwitching));
  upgrade.world.executor.advance(8s);
  CHECK_FALSE(upgrade.pending->is_over());
}

TEST_CASE("a tunnel that breaks on one side breaks on the other") {
  Upgrade upgrade;
  upgrade.client.chunk("a").hold().fail(Error(Errc::reset, Origin::client));
  upgrade.begin();
  REQUIRE(upgrade.write(kSwitching));
  SECTION("the target's") {
    upgrade.peer->reset();
    upgrade.world.executor.settle();
    REQUIRE(upgrade.pending->is_over());
    CHECK(upgrade.pending->answer().error->code == Errc::reset);
    CHECK(upgrade.client.was_dropped());
  }
  SECTION("the client's") {
    upgrade.client.go_on();
    CHECK(upgrade.read() == "a");
    CHECK(upgrade.read().empty());
    CHECK(upgrade.peer->was_reset());
    REQUIRE(upgrade.pending->is_over());
    CHECK(upgrade.pending->answer().error->origin == Origin::client);
  }
  SECTION("by the client's leaving") {
    upgrade.pending->disconnect();
    REQUIRE(upgrade.pending->is_over());
    upgrade.world.executor.run(upgrade.peer->wait_for_end());
  }
  upgrade.world.executor.settle();
  CHECK(upgrade.pool->stats().targets.front().connections == 0);
}

TEST_CASE("a refused upgrade is an ordinary answer on a connection that is not used again") {
  Upgrade upgrade;
  upgrade.client.chunk("GET /smuggled HTTP/1.1\r\n\r\n");
  upgrade.begin();
  REQUIRE(upgrade.write(ok("no")));
  REQUIRE(upgrade.pending->is_over());
  CHECK(upgrade.pending->answer().status == 200);
  CHECK(upgrade.pending->answer().content == "no");
  CHECK(upgrade.client.bytes_read() == 0);
  CHECK(upgrade.read().empty());
  CHECK(upgrade.pool->stats().targets.front().connections == 0);
}
