// SPDX-License-Identifier: Apache-2.0
// What a client may ask of a listener, and what becomes of one that asks for more: the status, how
// the connection ends, and that nothing of it reached the target.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "served.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

constexpr auto kShort = 100ms;

std::string get(std::string_view target, std::string_view fields = {}) {
  return std::string("GET ")
      .append(target)
      .append(" HTTP/1.1\r\nHost: a.test\r\n")
      .append(fields)
      .append("\r\n");
}

std::string post(std::string_view fields, std::string_view content) {
  return std::string("POST /upload HTTP/1.1\r\nHost: a.test\r\n")
      .append(fields)
      .append("\r\n")
      .append(content);
}

ListenOptions limited(void (*limit)(ListenLimits&)) {
  ListenOptions options;
  limit(options.limits);
  return options;
}

/// The answer to what was written, after which the gateway must close.
WireMessage last_answer(SocketPeer& client) {
  WireMessage answer = client.read_message();
  CHECK(answer.is_complete);
  CHECK(answer.field("connection") == "close");
  const WireMessage more = client.read_message();
  CHECK(more.head.empty());
  CHECK_FALSE(client.was_reset());
  return answer;
}

/// A target that never saw a thing.
void check_untouched(const SocketUpstream& origin) {
  CHECK(origin.connections() == 0);
  CHECK(origin.bytes_in() == 0);
}

/// Answers once it has all of a request; tells whether a connection ended before.
class AttentiveOrigin {
 public:
  bool saw_all() const { return saw_all_; }
  /// Waits until a connection has ended.
  void wait_for_end() { ended_.wait(); }

 private:
  void play(SocketPeer& gateway) {
    while (gateway.read_message().is_complete) {
      saw_all_ = true;
      gateway.write(kSmallAnswer);
    }
    ended_.set();
  }

  std::atomic<bool> saw_all_{false};
  Signal ended_;

 public:
  SocketUpstream upstream{SocketUpstream::Script([this](SocketPeer& gateway) { play(gateway); })};
};

/// Takes a request and lets it wait for ever; tells when the gateway has given it up.
class SilentOrigin {
 public:
  void wait_for_request() { taken_.wait(); }
  void wait_for_end() { ended_.wait(); }

 private:
  void play(SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    taken_.set();
    gateway.wait_for_end();
    ended_.set();
  }

  Signal taken_;
  Signal ended_;

 public:
  SocketUpstream upstream{SocketUpstream::Script([this](SocketPeer& gateway) { play(gateway); })};
};

}  // namespace

// --- Heads.

TEST_CASE("a target that is too long is 414 and goes no further") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  Served served(forwarding_to(origin), limited([](ListenLimits& limits) { limits.target = 100; }));
  SocketPeer client = served.dial();
  SECTION("whole") { client.write(get("/" + std::string(100, 'a'))); }
  SECTION("without an end") { client.write("GET /" + std::string(100, 'a')); }
  SECTION("behind another request") {
    client.write(get("/" + std::string(99, 'a')));
    CHECK(client.read_message().status() == 200);
    CHECK(served.endings().next().status == 200);
    client.write(get("/" + std::string(100, 'a')) + get("/next"));
    CHECK(last_answer(client).status() == 414);
    CHECK(served.endings().next().status == 414);
    CHECK(origin.requests() == 1);
    return;
  }
  CHECK(last_answer(client).status() == 414);
  CHECK(served.endings().next().status == 414);
  check_untouched(origin);
}

TEST_CASE("a header section that is too large is 431 and goes no further") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  Served served(forwarding_to(origin), limited([](ListenLimits& limits) {
                  limits.header_bytes = 300;
                  limits.header_fields = 5;
                }));
  SocketPeer client = served.dial();
  SECTION("a long value") { client.write(get("/", "X-A: " + std::string(300, 'a') + "\r\n")); }
  SECTION("a long name") { client.write(get("/", std::string(300, 'a') + ": 1\r\n")); }
  SECTION("many fields") { client.write(get("/", "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n")); }
  SECTION("without an end") {
    client.write("GET / HTTP/1.1\r\nHost: a.test\r\nX-A: " + std::string(300, 'a'));
  }
  CHECK(last_answer(client).status() == 431);
  CHECK(served.endings().next().status == 431);
  check_untouched(origin);
}

TEST_CASE("a header section within the limits is served") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  Served served(forwarding_to(origin), limited([](ListenLimits& limits) {
                  limits.header_bytes = 300;
                  limits.header_fields = 5;
                }));
  CHECK(served.ask(get("/", "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n")).status() == 200);
  CHECK(served.ask(get("/", "X-A: " + std::string(270, 'a') + "\r\n")).status() == 200);
}

TEST_CASE("a request that begins and does not go on is answered 408") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  Served served(forwarding_to(origin),
                limited([](ListenLimits& limits) { limits.header_timeout = kShort; }));
  SocketPeer client = served.dial();
  std::string target;  // As far as it is known.
  SECTION("at its first byte") { client.write("G"); }
  SECTION("at its last") {
    client.write("GET /last HTTP/1.1\r\nHost: a.test\r\n\r");
    target = "/last";
  }
  SECTION("in a head that has outgrown its first buffer") {
    client.write("GET /grown HTTP/1.1\r\nHost: a.test\r\nX-A: " + std::string(20'000, 'a'));
    target = "/grown";
  }
  SECTION("byte by byte: the time is for the whole head") {
    const std::string slow = get("/slow", "X-A: " + std::string(1000, 'a'));
    const std::size_t line = slow.find('\n') + 1;  // Known, however busy the machine is.
    client.write(slow.substr(0, line));
    for (std::size_t i = line; i < slow.size() && served.gateway().stats().requests == 0; ++i) {
      client.write(slow.substr(i, 1));
      std::this_thread::sleep_for(5ms);
    }
    CHECK(served.gateway().stats().requests == 1);
    target = "/slow";
  }
  CHECK(last_answer(client).status() == 408);
  const Ended ended = served.endings().next();
  CHECK(ended.status == 408);
  CHECK(ended.error == Errc::client_header_timeout);
  CHECK(ended.target == target);
  check_untouched(origin);
}

TEST_CASE("a connection on which nothing begins is closed without a word") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  Served served(forwarding_to(origin),
                limited([](ListenLimits& limits) { limits.header_timeout = kShort; }));
  SocketPeer client = served.dial();
  CHECK(client.read_message().head.empty());
  CHECK_FALSE(client.was_reset());
  CHECK(served.gateway().stats().requests == 0);
  CHECK(served.endings().waiting() == 0);
  check_untouched(origin);
}

TEST_CASE("between requests a connection may be idle so long, and is closed without a word") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  Served served(forwarding_to(origin), limited([](ListenLimits& limits) {
                  limits.idle = 300ms;
                  limits.header_timeout = kShort;
                }));
  SocketPeer client = served.dial();
  client.write(get("/first"));
  CHECK(client.read_message().status() == 200);
  const auto begun = std::chrono::steady_clock::now();
  SECTION("silence") {
    CHECK(client.read_message().head.empty());
    CHECK_FALSE(client.was_reset());
    CHECK(std::chrono::steady_clock::now() - begun > 250ms);
    CHECK(served.gateway().stats().requests == 1);
  }
  SECTION("a request that begins has the time for heads, from its first byte") {
    std::this_thread::sleep_for(200ms);  // Within the one time, beyond the other.
    client.write(get("/second"));
    CHECK(client.read_message().status() == 200);
    client.write("GET /third");
    CHECK(last_answer(client).status() == 408);
  }
}

// --- Content.

TEST_CASE("content that is announced too large is 413 before anything reaches the target") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  Served served(forwarding_to(origin), limited([](ListenLimits& limits) { limits.body = 10; }));
  SocketPeer client = served.dial();
  SECTION("not sent") { client.write(post("Content-Length: 11\r\n", "")); }
  SECTION("sent") { client.write(post("Content-Length: 11\r\n", "hello world")); }
  SECTION("a client that asks first is not told to go on") {
    client.write(post("Content-Length: 11\r\nExpect: 100-continue\r\n", ""));
  }
  SECTION("far too large, and on its way") {
    client.write(post("Content-Length: 20000000\r\n", std::string(100'000, 'x')));
  }
  CHECK(last_answer(client).status() == 413);
  const Ended ended = served.endings().next();
  CHECK(ended.status == 413);
  CHECK(ended.error == Errc::body_too_large);
  check_untouched(origin);
}

TEST_CASE("content at the limit is served, and the connection goes on") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  Served served(forwarding_to(origin), limited([](ListenLimits& limits) { limits.body = 10; }));
  SocketPeer client = served.dial();
  client.write(post("Content-Length: 10\r\n", "0123456789"));
  CHECK(client.read_message().status() == 200);
  client.write(post("Transfer-Encoding: chunked\r\n", "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"));
  CHECK(client.read_message().status() == 200);
  CHECK(origin.connections() == 1);
}

TEST_CASE("chunks that become too many are 413, and the target never sees them whole") {
  AttentiveOrigin origin;
  Served served(forwarding_to(origin.upstream),
                limited([](ListenLimits& limits) { limits.body = 10; }));
  SocketPeer client = served.dial();
  SECTION("in the middle") {
    client.write(post("Transfer-Encoding: chunked\r\n", "8\r\n01234567\r\n8\r\n89abcdef\r\n"));
  }
  SECTION("with their end, all at once") {
    client.write(post("Transfer-Encoding: chunked\r\n", "b\r\nhello world\r\n0\r\n\r\n"));
  }
  CHECK(last_answer(client).status() == 413);
  const Ended ended = served.endings().next();
  CHECK(ended.status == 413);
  CHECK(ended.error == Errc::body_too_large);
  origin.wait_for_end();
  CHECK_FALSE(origin.saw_all());
}

TEST_CASE("content that stops coming is 408, and the target never sees it whole") {
  AttentiveOrigin origin;
  Served served(forwarding_to(origin.upstream),
                limited([](ListenLimits& limits) { limits.body_idle = kShort; }));
  SocketPeer client = served.dial();
  SECTION("by length") { client.write(post("Content-Length: 10\r\n", "hello")); }
  SECTION("before it began") { client.write(post("Content-Length: 10\r\n", "")); }
  SECTION("in a chunk") { client.write(post("Transfer-Encoding: chunked\r\n", "a\r\nhello")); }
  SECTION("between chunks") {
    client.write(post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n"));
  }
  CHECK(last_answer(client).status() == 408);
  const Ended ended = served.endings().next();
  CHECK(ended.status == 408);
  CHECK(ended.error == Errc::client_body_timeout);
  origin.wait_for_end();
  CHECK_FALSE(origin.saw_all());
}

TEST_CASE("malformed chunks are 400, and the target never sees them whole") {
  AttentiveOrigin origin;
  Served served(forwarding_to(origin.upstream));
  SocketPeer client = served.dial();
  client.write(post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\nx\r\n") + get("/next"));
  CHECK(last_answer(client).status() == 400);
  CHECK(served.endings().next().error == Errc::bad_message);
  CHECK(served.endings().waiting() == 0);
  origin.wait_for_end();
  CHECK_FALSE(origin.saw_all());
}

TEST_CASE("a handler that reads too much content learns it, and its answer is sent") {
  Router router;
  router.post("/upload", [](Context& ctx) -> Task<Response> {
    Result<std::string> content = co_await ctx.request().body.collect(1000);
    if (!content) co_return Response::failure(content.error());
    co_return Response::text(Status::ok, *content);
  });
  Served served(std::move(router), limited([](ListenLimits& limits) { limits.body = 10; }));
  SocketPeer client = served.dial();
  client.write(post("Transfer-Encoding: chunked\r\n", "b\r\nhello world\r\n0\r\n\r\n"));
  CHECK(last_answer(client).status() == 413);
  CHECK(served.endings().next().error == Errc::body_too_large);
}

// --- Readers.

TEST_CASE("a client that never reads is given up, and its target with it") {
  Signal freed;
  SocketUpstream origin(SocketUpstream::Script([&freed](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    gateway.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    const std::string piece(1 << 16, 'x');
    while (gateway.write(piece)) {
    }
    freed.set();
  }));
  Served served(forwarding_to(origin),
                limited([](ListenLimits& limits) { limits.send_idle = kShort; }));
  SocketPeer client = served.dial();
  client.set_buffers(4096, 4096);
  client.write(get("/large"));
  const Ended ended = served.endings().next();
  CHECK(ended.error == Errc::idle_timeout);
  CHECK(ended.bytes_out < 100'000'000);
  freed.wait();
  client.reader().keep_bodies(false);
  CHECK_FALSE(client.read_message().is_complete);
}

// --- Half-close.

TEST_CASE("a client that has shut its sending side gets its answer") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  Served served(forwarding_to(origin));
  SocketPeer client = served.dial();
  client.write(get("/first") + get("/second"));
  client.shut_down();
  CHECK(client.read_message().body == "ok");
  CHECK(client.read_message().body == "ok");
  CHECK(client.read_message().head.empty());
  CHECK_FALSE(client.was_reset());
}

TEST_CASE("an answer that comes within the time for half-closed clients is sent") {
  Signal is_shut;
  SocketUpstream origin(SocketUpstream::Script([&is_shut](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    is_shut.wait();
    gateway.write(kSmallAnswer);
  }));
  Served served(forwarding_to(origin));
  SocketPeer client = served.dial();
  client.write(get("/"));
  client.shut_down();
  is_shut.set();
  CHECK(client.read_message().body == "ok");
  CHECK(served.endings().next().status == 200);
}

TEST_CASE("a client that has shut its sending side is not waited for beyond its time") {
  SilentOrigin origin;
  Served served(forwarding_to(origin.upstream),
                limited([](ListenLimits& limits) { limits.half_close = kShort; }));
  SocketPeer client = served.dial();
  client.write(get("/"));
  origin.wait_for_request();
  client.shut_down();
  const Ended ended = served.endings().next();
  CHECK(ended.status == 499);
  CHECK(ended.error == Errc::cancelled);
  origin.wait_for_end();
  CHECK(client.read_message().head.empty());
}

TEST_CASE("so is one whose end came together with its request") {
  SilentOrigin origin;
  Signal is_blocked;
  Signal goes_on;
  Router router;
  router.get("/block", [&](Context&) -> Task<Response> {
    is_blocked.set();
    goes_on.wait();  // Holds up the worker: what comes meanwhile is seen at once.
    co_return Response::text(Status::ok, "ok");
  });
  router.any("/*", proxy(UpstreamPool(upstream_of(origin.upstream))));
  Served served(std::move(router),
                limited([](ListenLimits& limits) { limits.half_close = kShort; }));
  SECTION("on a new connection") {
    SocketPeer other = served.dial();
    other.write(get("/block"));
    is_blocked.wait();
    SocketPeer client = served.dial();
    client.write(get("/"));
    client.shut_down();
    goes_on.set();
    CHECK(other.read_message().status() == 200);
    CHECK(served.endings().next().status == 200);
    CHECK(served.endings().next().status == 499);
  }
  SECTION("behind another request") {
    SocketPeer client = served.dial();
    client.write(get("/block"));
    is_blocked.wait();
    client.write(get("/"));
    client.shut_down();
    goes_on.set();
    CHECK(client.read_message().status() == 200);
    CHECK(served.endings().next().status == 200);
    CHECK(served.endings().next().status == 499);
  }
  origin.wait_for_end();
}

TEST_CASE("a half-closed client that is sent an answer gets all of it, however long that takes") {
  constexpr int kPieces = 20;
  SocketUpstream origin(SocketUpstream::Script([](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    gateway.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kPieces) + "\r\n\r\n");
    for (int i = 0; i < kPieces; ++i) {
      std::this_thread::sleep_for(kShort / 2);
      gateway.write("x");
    }
  }));
  Served served(forwarding_to(origin),
                limited([](ListenLimits& limits) { limits.half_close = 4 * kShort; }));
  SocketPeer client = served.dial();
  client.write(get("/"));
  client.shut_down();
  CHECK(client.read_message().is_complete);
  CHECK(served.endings().next().status == 200);
}

TEST_CASE("a client that resets is gone at once, whatever the time for half-closed ones") {
  SilentOrigin origin;
  Served served(forwarding_to(origin.upstream));
  SocketPeer client = served.dial();
  client.write(get("/"));
  origin.wait_for_request();
  client.reset();
  CHECK(served.endings().next().status == 499);
  origin.wait_for_end();
}

TEST_CASE("a client that leaves an answer under way frees the target, which need not send more") {
  Signal ended;
  SocketUpstream origin(SocketUpstream::Script([&ended](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    gateway.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
    gateway.wait_for_end();
    ended.set();
  }));
  Served served(forwarding_to(origin),
                limited([](ListenLimits& limits) { limits.half_close = kShort; }));
  SocketPeer client = served.dial();
  client.write(get("/"));
  CHECK(client.read_head().status() == 200);
  SECTION("with a reset") { client.reset(); }
  SECTION("with an end, which may be a half-close") { client.shut_down(); }
  ended.wait();
  const Ended exchange = served.endings().next();
  CHECK(exchange.status == 499);
  CHECK(exchange.error == Errc::cancelled);
}

// --- Connections.

TEST_CASE("beyond the limit of connections the next one is served once one has left") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  GatewayOptions options;
  options.max_connections = 1;
  Served served(forwarding_to(origin), {}, std::move(options));
  SocketPeer first = served.dial();
  first.write(get("/1"));
  CHECK(first.read_message().status() == 200);

  SocketPeer second = served.dial();
  second.write(get("/2"));
  // Those who are there are served on, and the worker has seen the second one before this.
  first.write(get("/3"));
  CHECK(first.read_message().status() == 200);
  CHECK(served.gateway().stats().connections_accepted == 1);
  CHECK(served.gateway().stats().connections_open == 1);
  CHECK(served.gateway().stats().listener_pauses >= 1);
  CHECK(served.gateway().stats().requests == 2);

  first.close();
  CHECK(second.read_message().status() == 200);
  CHECK(served.gateway().stats().connections_accepted == 2);
  CHECK(served.gateway().stats().connections_open == 1);
}

TEST_CASE("at the limit of connections the one that has been idle for longest gives way") {
  GatewayOptions options;
  options.max_connections = 3;
  options.idle_when_full = kShort;
  Signal entered;
  Signal may_answer;
  SocketUpstream origin([&](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    entered.set();
    may_answer.wait();
    gateway.write(kSmallAnswer);
  });
  Router router;
  router.get("/quick",
             [](Context&) -> Task<Response> { co_return Response::text(Status::ok, "ok"); });
  router.get("/slow", proxy(UpstreamPool(upstream_of(origin))));
  Served served(std::move(router), {}, std::move(options));
  SocketPeer busy = served.dial();
  busy.write(get("/slow"));
  entered.wait();
  SocketPeer older = served.dial();
  older.write(get("/quick"));
  CHECK(older.read_message().status() == 200);
  SocketPeer newer = served.dial();
  newer.write(get("/quick"));
  CHECK(newer.read_message().status() == 200);

  CHECK(served.get("/quick").status() == 200);
  CHECK(older.read_bytes().empty());
  CHECK_FALSE(older.was_reset());
  may_answer.set();
  CHECK(busy.read_message().status() == 200);
  newer.write(get("/quick"));
  CHECK(newer.read_message().status() == 200);
}

TEST_CASE("connections without a word give way as well") {
  GatewayOptions options;
  options.max_connections = 2;
  options.idle_when_full = kShort;
  SocketUpstream origin{std::string(kSmallAnswer)};
  Served served(forwarding_to(origin), {}, std::move(options));
  SocketPeer silent = served.dial();
  SocketPeer another = served.dial();
  CHECK(served.get("/").status() == 200);
  CHECK(silent.read_bytes().empty());
}

TEST_CASE("a crowd is served in turn, never more of it at a time than the limit allows") {
  constexpr std::size_t kLimit = 3;
  constexpr int kCrowd = 20;
  std::atomic<std::uint64_t> most{0};
  std::atomic<const Gateway*> gateway{nullptr};
  Router router;
  router.get("/", [&](Context&) -> Task<Response> {
    most = std::max(most.load(), gateway.load()->stats().connections_open);
    co_return Response::text(Status::ok, "ok");
  });
  GatewayOptions options;
  options.max_connections = kLimit;
  Served served(std::move(router), {}, std::move(options));
  gateway = &served.gateway();
  std::vector<SocketPeer> crowd;
  for (int i = 0; i < kCrowd; ++i) {
    crowd.push_back(served.dial());
    crowd.back().write(get("/"));
  }
  for (SocketPeer& client : crowd) {
    CHECK(client.read_message().status() == 200);
    client.close();
  }
  CHECK(most == kLimit);
  CHECK(served.gateway().stats().connections_accepted == kCrowd);
}

TEST_CASE("a pause is one pause, however long it takes") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  GatewayOptions options;
  options.max_connections = 1;
  Served served(forwarding_to(origin),
                limited([](ListenLimits& limits) { limits.idle = 5 * kShort; }),
                std::move(options));
  SocketPeer first = served.dial();
  first.write(get("/1"));
  CHECK(first.read_message().status() == 200);
  CHECK(served.get("/2").status() == 200);  // Once the first one was idle for too long.
  CHECK(served.gateway().stats().listener_pauses == 1);
}

TEST_CASE("connections that come to nothing leave room again") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  GatewayOptions options;
  options.max_connections = 2;
  Served served(forwarding_to(origin),
                limited([](ListenLimits& limits) { limits.header_timeout = kShort; }),
                std::move(options));
  SocketPeer silent = served.dial();
  SocketPeer slow = served.dial();
  slow.write("GET");
  CHECK(served.get("/").status() == 200);
}
