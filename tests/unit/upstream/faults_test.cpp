// SPDX-License-Identifier: Apache-2.0
// Targets that refuse, hang, lie, stop in the middle or send garbage; clients that leave.
#include <optional>

#include "catch.hpp"
#include "gatewaykit/routing/context.hpp"
#include "pool_world.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

UpstreamOptions to_users() {
  UpstreamOptions options;
  options.name = "users";
  options.targets = {"memory:users"};
  options.retries.attempts = 0;
  return options;
}

/// Answers each request with `bytes` and hangs, or ends the connection.
Task<void> answer_raw(FakeUpstream& target, std::string bytes, bool ends) {
  for (;;) {
    MemoryPeer peer = co_await target.accept();
    const WireMessage request = co_await peer.read_message();
    static_cast<void>(request);
    const bool sent = co_await peer.write(bytes);
    static_cast<void>(sent);
    if (ends) {
      peer.close();
    } else {
      co_await peer.wait_for_end();
    }
  }
}

}  // namespace

TEST_CASE("a target that refuses the connection: connect_failed, at once") {
  World world;
  const UpstreamPool pool(to_users());
  TestExchange ex(world.executor);
  const Answer answer = world.send(pool, ex, Request(Method::get, "/"));
  REQUIRE(answer.error);
  CHECK(answer.error->code == Errc::connect_failed);
  CHECK(answer.error->origin == Origin::upstream);
  CHECK(answer.error->retryable);
  CHECK(ex.context().get<UpstreamReport>()->target == "memory:users");
}

TEST_CASE("a lack of descriptors takes those of connections that nobody needs, the oldest first") {
  World world;
  FakeUpstream a(world.network, "memory:a");
  FakeUpstream b(world.network, "memory:b");
  FakeUpstream c(world.network, "memory:c");
  for (FakeUpstream* const target : {&a, &b, &c}) target->answer_all(ok("x"));
  UpstreamOptions options;
  options.targets = {"memory:a", "memory:b", "memory:c"};
  options.balance = Balance::round_robin;
  const UpstreamPool pool(options);
  world.network.limit_descriptors(2);
  for (int i = 0; i < 3; ++i) {
    CHECK(world.get(pool).status == 200);
    world.executor.advance(1s);
  }
  std::size_t open = 0;
  for (const auto& target : pool.stats().targets) open += target.connections;
  CHECK(open == 2);

  SECTION("and where all are needed, it is the gateway's fault, not the target's") {
    world.network.limit_descriptors(0);
    for (int i = 0; i < 2; ++i) CHECK(world.get(pool).status == 0);
    const Answer answer = world.get(pool);
    REQUIRE(answer.error);
    CHECK(answer.error->origin == Origin::gateway);
  }
}

TEST_CASE("a target that never takes the connection: connect_timeout") {
  World world;
  world.network.ignore("memory:users");
  UpstreamOptions options = to_users();
  options.timeouts.connect = 700ms;
  const UpstreamPool pool(options);
  const Duration took = world.time([&] {
    const Answer answer = world.get(pool);
    REQUIRE(answer.error);
    CHECK(answer.error->code == Errc::connect_timeout);
  });
  CHECK(took == 700ms);
  CHECK(pool.stats().targets.front().connections == 0);
}

TEST_CASE("a target that takes the request and says nothing: first_byte_timeout, then ejected") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  world.executor.spawn(answer_raw(target, "", false));
  UpstreamOptions options = to_users();
  options.timeouts.first_byte = 2s;
  const UpstreamPool pool(options);
  const Duration took = world.time([&] {
    const Answer answer = world.get(pool);
    REQUIRE(answer.error);
    CHECK(answer.error->code == Errc::first_byte_timeout);
  });
  CHECK(took == 2s);
  for (int i = 0; i < 2; ++i) CHECK(world.get(pool).error);
  CHECK(pool.stats().targets.front().failures == 3);
}

TEST_CASE("a head that never ends is bounded by the same time") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  world.executor.spawn(answer_raw(target, "HTTP/1.1 200 OK\r\nX-Slow: ", false));
  UpstreamOptions options = to_users();
  options.timeouts.first_byte = 2s;
  const UpstreamPool pool(options);
  CHECK(world.get(pool).error->code == Errc::first_byte_timeout);
}

TEST_CASE("a response that breaks the grammar: protocol, and the connection is closed") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  std::string line(70'000, 'a');
  std::string many;
  for (int i = 0; i < 300; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
  const std::string response = GENERATE_COPY(
      std::string("garbage\r\n\r\n"), std::string("HTTP/2.0 200 OK\r\n\r\n"),
      std::string("HTTP/1.1 20 OK\r\n\r\n"), std::string("HTTP/1.1 2000 OK\r\n\r\n"),
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
      std::string("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
      std::string("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"),
      std::string("HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok"),
      std::string("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok"),
      std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok"),
      std::string("HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n"),
      std::string("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n"),
      std::string("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
      "HTTP/1.1 200 OK\r\nX: " + line + "\r\n\r\n", "HTTP/1.1 200 OK\r\n" + many + "\r\n");
  CAPTURE(response.substr(0, 80));
  world.executor.spawn(answer_raw(target, response, false));
  const UpstreamPool pool(to_users());
  const Answer answer = world.get(pool);
  REQUIRE(answer.error);
  CHECK(answer.status == 0);
  CHECK(answer.error->code == Errc::protocol);
  CHECK(answer.error->origin == Origin::upstream);
  CHECK(pool.stats().targets.front().connections == 0);
  CHECK(pool.stats().targets.front().failures == 1);
}

TEST_CASE("content that breaks its framing fails; it never ends") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  const std::string content = GENERATE(
      as<std::string>(), "zz\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n",
      "-3\r\nabc\r\n0\r\n\r\n", "\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\nbad trailer\r\n\r\n");
  CAPTURE(content);
  world.executor.spawn(
      answer_raw(target, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + content, false));
  const UpstreamPool pool(to_users());
  const Answer answer = world.get(pool);
  CHECK(answer.status == 200);
  REQUIRE(answer.failed_in_body);
  CHECK(answer.error->code == Errc::protocol);
  CHECK(pool.stats().targets.front().connections == 0);
  CHECK(pool.stats().targets.front().failures == 1);
}

TEST_CASE("content cut short fails with what had come; it never ends") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  const std::string response =
      GENERATE(as<std::string>(), "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello");
  CAPTURE(response);
  world.executor.spawn(answer_raw(target, response, true));
  const UpstreamPool pool(to_users());
  const Answer answer = world.get(pool);
  CHECK(answer.status == 200);
  CHECK(answer.content == "hello");
  REQUIRE(answer.failed_in_body);
  CHECK(answer.error->code == Errc::reset);
  CHECK(answer.error->origin == Origin::upstream);
}

TEST_CASE("a reset in content that lasts until the close is no end") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  const UpstreamPool pool(to_users());
  Pending request(world, pool, Request(Method::get, "/"));
  MemoryPeer peer = world.executor.run(target.accept());
  REQUIRE(world.executor.run(peer.read_message()).is_complete);
  REQUIRE(world.executor.run(peer.write("HTTP/1.1 200 OK\r\n\r\nhello")));
  world.executor.settle();
  peer.reset();
  world.executor.settle();
  REQUIRE(request.is_over());
  CHECK(request.answer().failed_in_body);
  CHECK(request.answer().error->code == Errc::reset);
}

TEST_CASE("content that stops coming: idle_timeout, counted from the last piece") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  UpstreamOptions options = to_users();
  options.timeouts.idle = 3s;
  const UpstreamPool pool(options);
  Pending request(world, pool, Request(Method::get, "/"));
  MemoryPeer peer = world.executor.run(target.accept());
  REQUIRE(world.executor.run(peer.read_message()).is_complete);
  REQUIRE(world.executor.run(peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\na")));
  for (int i = 0; i < 4; ++i) {
    world.executor.advance(2s);
    REQUIRE(world.executor.run(peer.write("b")));
  }
  CHECK_FALSE(request.is_over());
  world.executor.advance(3s);
  REQUIRE(request.is_over());
  CHECK(request.answer().content == "abbbb");
  CHECK(request.answer().error->code == Errc::idle_timeout);
}

TEST_CASE("the total time includes the content") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  UpstreamOptions options = to_users();
  options.timeout = 5s;
  const UpstreamPool pool(options);
  Pending request(world, pool, Request(Method::get, "/"));
  MemoryPeer peer = world.executor.run(target.accept());
  REQUIRE(world.executor.run(peer.read_message()).is_complete);
  REQUIRE(world.executor.run(peer.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na")));
  for (int i = 0; i < 4; ++i) {
    world.executor.advance(1s);
    REQUIRE(world.executor.run(peer.write("b")));
  }
  CHECK_FALSE(request.is_over());
  world.executor.advance(1s);
  REQUIRE(request.is_over());
  CHECK(request.answer().error->code == Errc::total_timeout);
}

TEST_CASE("what stands behind a response makes the connection unfit for another") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  Request request(Method::get, "/");
  std::string response;
  SECTION("a second response that nobody asked for") { response = ok("one") + ok("two"); }
  SECTION("content behind 204") { response = "HTTP/1.1 204 No Content\r\n\r\nsurprise"; }
  SECTION("content behind 304") {
    response = "HTTP/1.1 304 Not Modified\r\nContent-Length: 8\r\n\r\nsurprise";
  }
  SECTION("content in an answer to HEAD") {
    request.method = Method::head;
    response = ok("surprise");
  }
  SECTION("bytes behind the last chunk") {
    response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\nmore";
  }
  world.executor.spawn(answer_raw(target, response, false));
  const UpstreamPool pool(to_users());
  const Answer answer = world.send(pool, std::move(request));
  CHECK_FALSE(answer.error);
  CHECK(answer.content.find("surprise") == std::string::npos);
  CHECK(pool.stats().targets.front().connections == 0);
}

TEST_CASE("a flood of interim responses is no way to keep an exchange open") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  std::string flood;
  for (int i = 0; i < 17; ++i) flood += "HTTP/1.1 102 Processing\r\n\r\n";
  target.answer_all(flood + ok("x"));
  const UpstreamPool pool(to_users());
  TestExchange ex(world.executor);
  const Answer answer = world.send(pool, ex, Request(Method::get, "/"));
  REQUIRE(answer.error);
  CHECK(answer.error->code == Errc::protocol);
  CHECK(ex.interims().size() == 16);
}

TEST_CASE("150 ms of latency and pieces of 7 bytes are no fault") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  ConnectionOptions options;
  for (LinkOptions* const link : {&options.to_client, &options.to_server}) {
    link->latency = 150ms;
    link->fragment = 7;
  }
  target.set_options(options);
  target.answer_all(ok(pattern(0, 5000)));
  const UpstreamPool pool(to_users());
  for (int i = 0; i < 3; ++i) CHECK(world.get(pool).content == pattern(0, 5000));
  CHECK(target.connections() == 1);
}

TEST_CASE("a flapping target costs few requests beside a healthy one") {
  World world;
  FakeUpstream good(world.network, "memory:good");
  good.answer_all(ok("x"));
  UpstreamOptions options = to_users();
  options.targets = {"memory:users", "memory:good"};
  options.retries.attempts = 1;
  const UpstreamPool pool(options);
  int failed = 0;
  for (int flap = 0; flap < 64; ++flap) {
    std::optional<FakeUpstream> users;
    if (flap % 2 == 0) {
      users.emplace(world.network, "memory:users");
      users->answer_all(ok("x"));
    }
    for (int i = 0; i < 20; ++i) failed += world.get(pool).status == 200 ? 0 : 1;
    world.executor.advance(62'500us);
  }
  CHECK(failed == 0);
}

TEST_CASE("a client that leaves closes the connection at once and blames nobody") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  const UpstreamPool pool(to_users());
  SECTION("while it is dialled") {
    ConnectionOptions slow;
    slow.to_server.latency = 500ms;
    target.set_options(slow);
    Pending request(world, pool, Request(Method::get, "/"));
    world.executor.settle();
    request.disconnect();
    REQUIRE(request.is_over());
    CHECK(request.answer().error->code == Errc::cancelled);
  }
  SECTION("while it waits for the head") {
    Pending request(world, pool, Request(Method::get, "/"));
    MemoryPeer peer = world.executor.run(target.accept());
    REQUIRE(world.executor.run(peer.read_message()).is_complete);
    request.disconnect();
    REQUIRE(request.is_over());
    CHECK(request.answer().error->code == Errc::cancelled);
    const Duration took = world.time([&] { world.executor.run(peer.wait_for_end()); });
    CHECK(took == Duration::zero());
  }
  SECTION("in the middle of the content") {
    Pending request(world, pool, Request(Method::get, "/"));
    MemoryPeer peer = world.executor.run(target.accept());
    REQUIRE(world.executor.run(peer.read_message()).is_complete);
    REQUIRE(world.executor.run(peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")));
    world.executor.settle();
    request.disconnect();
    REQUIRE(request.is_over());
    CHECK(request.answer().error->code == Errc::cancelled);
    world.executor.run(peer.wait_for_end());
  }
  SECTION("by dropping the content unread") {
    TestExchange ex(world.executor);
    world.executor.spawn(
        answer_raw(target, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", false));
    { auto response = ex.run(pool.send(ex.context(), Request(Method::get, "/"))); }
  }
  const PoolStats::Target stats = pool.stats().targets.front();
  CHECK(stats.connections == 0);
  CHECK(stats.in_flight == 0);
  CHECK(stats.failures == 0);
}

TEST_CASE("a deadline of the route ends the wait for the head") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  world.executor.spawn(answer_raw(target, "", false));
  const UpstreamPool pool(to_users());
  TestExchange ex(world.executor);
  ex.context().set_deadline(world.executor.now() + 400ms);
  const Duration took = world.time([&] {
    CHECK(world.send(pool, ex, Request(Method::get, "/")).error->code == Errc::total_timeout);
  });
  CHECK(took == 400ms);
}

TEST_CASE("a deadline of the route says nothing about the target") {
  World world;
  UpstreamOptions options = to_users();
  options.timeouts.total = 30s;
  std::optional<FakeUpstream> target;
  SECTION("that takes longer to answer") {
    target.emplace(world.network, "memory:users");
    world.executor.spawn(answer_raw(*target, "", false));
  }
  SECTION("that takes longer to be connected to") { world.network.ignore("memory:users"); }
  SECTION("whose name takes longer to be found") {
    options.targets = {"http://users.example:8000"};
    world.network.set_host("users.example", {"10.0.0.1"}, 10s);
  }
  const UpstreamPool pool(options);
  for (int i = 0; i < 5; ++i) {
    TestExchange ex(world.executor);
    ex.context().set_deadline(world.executor.now() + 400ms);
    CHECK(world.send(pool, ex, Request(Method::get, "/")).error->code == Errc::total_timeout);
  }
  CHECK(pool.stats().targets.front().failures == 0);
  CHECK_FALSE(pool.stats().targets.front().ejected);
}

TEST_CASE("the total time of the pool is the target's fault, whatever the route's deadline") {
  World world;
  UpstreamOptions options = to_users();
  options.timeout = 400ms;
  std::optional<FakeUpstream> target;
  SECTION("while it answers") {
    target.emplace(world.network, "memory:users");
    world.executor.spawn(answer_raw(*target, "", false));
  }
  SECTION("while it is connected to") { world.network.ignore("memory:users"); }
  const UpstreamPool pool(options);
  const Duration later = GENERATE(Duration::zero(), Duration(1s));
  for (int i = 0; i < 3; ++i) {
    TestExchange ex(world.executor);
    ex.context().set_deadline(world.executor.now() + 400ms + later);
    CHECK(world.send(pool, ex, Request(Method::get, "/")).error->code == Errc::total_timeout);
  }
  CHECK(pool.stats().targets.front().failures == 3);
  CHECK(pool.stats().targets.front().ejected);
}

TEST_CASE("a response that is cut or reset at any byte never ends cleanly") {
  const std::string response =
      GENERATE(as<std::string>(), "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
               "7;x=y\r\nhello, \r\n5\r\nworld\r\n0\r\nX-Sum: 1\r\n\r\n");
  const bool resets = GENERATE(false, true);
  World world;
  for (std::size_t bytes = 0; bytes < response.size(); ++bytes) {
    CAPTURE(response, bytes, resets);
    ConnectionOptions fault;
    fault.to_client.fragment = bytes % 4 + 1;
    (resets ? fault.to_client.reset_after : fault.to_client.cut_after) = bytes;
    FakeUpstream target(world.network, "memory:users", fault);
    target.answer_all(response);
    const UpstreamPool pool(to_users());
    const Answer answer = world.get(pool);
    REQUIRE(answer.error);
    REQUIRE(answer.error->code == Errc::reset);
    REQUIRE(pool.stats().targets.front().connections == 0);
  }
}

TEST_CASE("a response is understood whatever pieces it comes in") {
  const std::size_t piece = GENERATE(1U, 2U, 3U, 5U, 17U);
  World world;
  FakeUpstream target(world.network, "memory:users");
  ConnectionOptions options;
  options.to_client.fragment = piece;
  target.set_options(options);
  target.answer_all(
      "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b\r\n"
      "Transfer-Encoding: chunked\r\n\r\n7;x=y\r\nhello, \r\n5\r\nworld\r\n0\r\nX-Sum: 1\r\n\r\n");
  const UpstreamPool pool(to_users());
  for (int i = 0; i < 3; ++i) {
    const Answer answer = world.get(pool);
    CHECK(answer.content == "hello, world");
    CHECK(answer.trailers == "X-Sum: 1\n");
    CHECK(answer.headers.get("x-a") == "b");
  }
  CHECK(target.connections() == 1);
}
