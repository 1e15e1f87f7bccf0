// SPDX-License-Identifier: Apache-2.0
// An exchange with targets that behave: what is sent, what comes back, which connections are used.
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
  return options;
}

}  // namespace

TEST_CASE("a request is sent as it is and answered with the target's response") {
  World world;
  FakeUpstream users(world.network, "memory:users");
  users.answer_all(ok("hello", "X-Kind: greeting\r\n"));
  const UpstreamPool pool(to({"memory:users"}));

  Request request(Method::get, "/users/7?full=1");
  request.authority = "api.example";
  request.headers.add("accept", "text/plain");
  const Answer answer = world.send(pool, std::move(request));
  CHECK(answer.status == 200);
  CHECK(answer.content == "hello");
  CHECK(answer.headers.get("x-kind") == "greeting");

  REQUIRE(users.requests().size() == 1);
  const WireMessage& sent = users.requests().front();
  CHECK(sent.start_line() == "GET /users/7?full=1 HTTP/1.1");
  CHECK(sent.field("host") == "api.example");
  CHECK(sent.field("accept") == "text/plain");
  CHECK_FALSE(sent.field("content-length"));
  CHECK_FALSE(sent.field("connection"));
}

TEST_CASE("without an authority the target's own is named") {
  World world;
  FakeUpstream users(world.network, "http://10.0.0.1:8000");
  users.answer_all(ok(""));
  const UpstreamPool pool(to({"http://10.0.0.1:8000"}));
  CHECK(world.get(pool).status == 200);
  CHECK(users.requests().front().field("host") == "10.0.0.1:8000");
}

TEST_CASE("content of any framing arrives whole") {
  World world;
  FakeUpstream users(world.network, "memory:users");
  const UpstreamPool pool(to({"memory:users"}));
  const std::string content = pattern(0, 300'000);
  SECTION("by length") { users.answer_all(ok(content)); }
  SECTION("chunked, in one chunk") {
    users.answer_all("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n493e0\r\n" + content +
                     "\r\n0\r\n\r\n");
  }
  SECTION("until the connection closes") {
    users.answer_all("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + content);
  }
  SECTION("by length, in pieces of 7 bytes") {
    ConnectionOptions options;
    options.to_client.fragment = 7;
    users.set_options(options);
    users.answer_all(ok(content));
  }
  const Answer answer = world.get(pool);
  CHECK_FALSE(answer.error);
  CHECK(answer.status == 200);
  CHECK(answer.content == content);
}

TEST_CASE("content that came whole with the head frees the connection before it is read") {
  World world;
  FakeUpstream users(world.network, "memory:users");
  const UpstreamPool pool(to({"memory:users"}));
  SECTION("by length") { users.answer_all(ok("small")); }
  SECTION("chunked") {
    users.answer_all(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsmall\r\n0\r\n\r\n");
  }
  TestExchange first(world.executor);
  Result<Response> held = first.run(pool.send(first.context(), Request(Method::get, "/")));
  REQUIRE(held);
  CHECK(held->body.size() == 5);
  CHECK(pool.stats().targets.front().in_flight == 0);
  CHECK(world.get(pool).content == "small");
  CHECK(users.connections() == 1);
  CHECK(world.executor.run(read_answer(std::move(held))).content == "small");
}

TEST_CASE("trailers come with the end of the content") {
  World world;
  FakeUpstream users(world.network, "memory:users");
  users.answer_all(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\none\r\n3\r\ntwo\r\n0\r\nX-Sum: 42\r\n\r\n");
  const UpstreamPool pool(to({"memory:users"}));
  const Answer answer = world.get(pool);
  CHECK(answer.content == "onetwo");
  CHECK(answer.trailers == "X-Sum: 42\n");
  CHECK(world.get(pool).trailers == "X-Sum: 42\n");
  CHECK(users.connections() == 1);
}

TEST_CASE("answers without content leave the connection usable") {
  World world;
  FakeUpstream users(world.network, "memory:users");
  const UpstreamPool pool(to({"memory:users"}));
  Request request(Method::get, "/");
  int status = 200;
  SECTION("204") {
    users.answer_all("HTTP/1.1 204 No Content\r\n\r\n");
    status = 204;
  }
  SECTION("304, which tells the length of what it does not send") {
    users.answer_all("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n");
    status = 304;
  }
  SECTION("to HEAD") {
    request.method = Method::head;
    users.answer_all("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
  }
  for (int i = 0; i < 2; ++i) {
    Request next(request.method, "/");
    const Answer answer = world.send(pool, std::move(next));
    CHECK(answer.status == status);
    CHECK(answer.content.empty());
  }
  CHECK(users.connections() == 1);
}

TEST_CASE("a connection is used again unless the target says otherwise") {
  World world;
  FakeUpstream users(world.network, "memory:users");
  const UpstreamPool pool(to({"memory:users"}));
  std::size_t connections = 1;
  SECTION("kept alive") { users.answer_all(ok("x")); }
  SECTION("connection: close") {
    users.answer_all(ok("x", "Connection: close\r\n"));
    connections = 3;
  }
  SECTION("HTTP/1.0") {
    users.answer_all([](const WireMessage&) {
      return std::string("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx");
    });
    connections = 3;
  }
  for (int i = 0; i < 3; ++i) CHECK(world.get(pool).content == "x");
  CHECK(users.connections() == connections);
}

TEST_CASE("the connection used last is used first, and idle ones end with their time") {
  World world;
  FakeUpstream users(world.network, "memory:users");
  users.answer_all(ok("x"));
  UpstreamOptions options = to({"memory:users"});
  options.keep_alive = 10s;
  const UpstreamPool pool(options);
  {
    ConnectionOptions slow;
    slow.to_client.latency = 1s;
    users.set_options(slow);
    Pending one(world, pool, Request(Method::get, "/"));
    Pending two(world, pool, Request(Method::get, "/"));
    world.executor.advance(5s);
    REQUIRE(one.is_over());
    REQUIRE(two.is_over());
  }
  CHECK(pool.stats().targets.front().connections == 2);
  for (int i = 0; i < 3; ++i) {
    world.executor.advance(3s);
    CHECK(world.get(pool).status == 200);
  }
  // One has been in use every few seconds, the other for none of them.
  CHECK(pool.stats().targets.front().connections == 1);
  CHECK(users.connections() == 2);
  world.executor.advance(11s);
  CHECK(pool.stats().targets.front().connections == 0);
  CHECK(users.open_connections() == 0);
}

TEST_CASE("no more idle connections are kept than allowed") {
  World world;
  FakeUpstream users(world.network, "memory:users");
  users.answer_all(ok("x"));
  UpstreamOptions options = to({"memory:users"});
  const std::size_t most = GENERATE(0U, 2U);
  options.max_idle_connections = most;
  const UpstreamPool pool(options);
  {
    Pending a(world, pool, Request(Method::get, "/"));
    Pending b(world, pool, Request(Method::get, "/"));
    Pending c(world, pool, Request(Method::get, "/"));
    world.executor.settle();
    CHECK(users.connections() == 3);
  }
  CHECK(pool.stats().targets.front().connections == most);
}

TEST_CASE("interim responses reach the client ahead of the final one") {
  World world;
  FakeUpstream users(world.network, "memory:users");
  users.answer_all(
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + ok("x"));
  const UpstreamPool pool(to({"memory:users"}));
  TestExchange ex(world.executor);
  CHECK(world.send(pool, ex, Request(Method::get, "/")).content == "x");
  REQUIRE(ex.interims().size() == 2);
  CHECK(ex.interims()[0].status == Status::early_hints);
  CHECK(ex.interims()[0].headers.get("link") == "</a>");
}

TEST_CASE("a full lane queues, first come first served, and hands connections on") {
  World world;
  FakeUpstream users(world.network, "memory:users");
  UpstreamOptions options = to({"memory:users"});
  options.max_connections = 1;
  options.queue = 2;
  options.queue_timeout = 5s;
  const UpstreamPool pool(options);

  Pending first(world, pool, Request(Method::get, "/1"));
  MemoryPeer target = world.executor.run(users.accept());
  CHECK(world.executor.run(target.read_message()).target() == "/1");
  Pending second(world, pool, Request(Method::get, "/2"));
  Pending third(world, pool, Request(Method::get, "/3"));

  SECTION("beyond the queue's bound a request is refused at once") {
    const Duration took = world.time([&] {
      const Answer answer = world.get(pool);
      REQUIRE(answer.error);
      CHECK(answer.error->code == Errc::queue_full);
      CHECK(answer.error->origin == Origin::gateway);
    });
    CHECK(took == Duration::zero());
  }
  SECTION("each gets the connection of the one before, and no other is opened") {
    CHECK(world.executor.run(target.write(ok("one"))));
    CHECK(world.executor.run(target.read_message()).target() == "/2");
    CHECK(first.answer().content == "one");
    CHECK(world.executor.run(target.write(ok("two"))));
    CHECK(world.executor.run(target.read_message()).target() == "/3");
    CHECK(world.executor.run(target.write(ok("three"))));
    world.executor.settle();
    CHECK(third.answer().content == "three");
    CHECK(users.connections() == 1);
  }
  SECTION("a connection that ends makes room for a new one") {
    CHECK(world.executor.run(target.write(ok("one", "Connection: close\r\n"))));
    MemoryPeer next = world.executor.run(users.accept());
    CHECK(world.executor.run(next.read_message()).target() == "/2");
  }
  SECTION("who waits too long gives up, and says nothing about the target") {
    world.executor.advance(5s);
    REQUIRE(second.is_over());
    CHECK(second.answer().error->code == Errc::queue_timeout);
    CHECK(third.answer().error->code == Errc::queue_timeout);
    CHECK(pool.stats().targets.front().failures == 0);
    CHECK_FALSE(first.is_over());
  }
  SECTION("who leaves makes room in the queue") {
    second.disconnect();
    REQUIRE(second.is_over());
    CHECK(second.answer().error->code == Errc::cancelled);
    CHECK(world.executor.run(target.write(ok("one"))));
    CHECK(world.executor.run(target.read_message()).target() == "/3");
  }
  SECTION("who leaves in the turn in which it got the connection gives it to the next") {
    world.executor.spawn([](MemoryPeer& peer, Pending& leaver) -> Task<void> {
      const bool sent = co_await peer.write(ok("one"));
      CHECK(sent);
      leaver.ex().disconnect();
    }(target, second));
    CHECK(world.executor.run(target.read_message()).target() == "/3");
    CHECK(second.answer().error->code == Errc::cancelled);
  }
}

TEST_CASE("logs and metrics are told which target answered, and when") {
  World world;
  FakeUpstream users(world.network, "memory:users");
  ConnectionOptions slow;
  slow.to_client.latency = 30ms;
  users.set_options(slow);
  users.answer_all(ok("x"));
  const UpstreamPool pool(to({"memory:users"}));
  TestExchange ex(world.executor);
  REQUIRE(world.send(pool, ex, Request(Method::get, "/")).status == 200);
  const auto* const report = ex.context().get<UpstreamReport>();
  REQUIRE(report != nullptr);
  CHECK(report->pool == "users");
  CHECK(report->target == "memory:users");
  CHECK(report->attempts == 1);
  CHECK(report->head_time >= 30ms);
}

TEST_CASE("exchanges outlive the pool's last handle") {
  World world;
  FakeUpstream users(world.network, "memory:users");
  auto pool = std::make_unique<UpstreamPool>(to({"memory:users"}));
  TestExchange ex(world.executor);
  std::optional<Answer> answer;
  Pending waiting(world, *pool, Request(Method::get, "/1"));
  MemoryPeer target = world.executor.run(users.accept());
  CHECK(world.executor.run(target.read_message()).target() == "/1");
  CHECK(world.executor.run(target.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")));
  world.executor.settle();
  pool.reset();
  world.executor.settle();
  CHECK(world.executor.run(target.write("two")));
  world.executor.settle();
  REQUIRE(waiting.is_over());
  CHECK(waiting.answer().content == "onetwo");
  // Nobody keeps the connection.
  CHECK(world.executor.run(target.read_bytes()).empty());
}
