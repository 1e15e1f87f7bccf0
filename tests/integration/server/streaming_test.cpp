// SPDX-License-Identifier: Apache-2.0
// Content of any size with bounded memory, in both directions; what is cut never ends cleanly; a
// client that leaves takes its exchange with it.
#include <atomic>
#include <string>

#include "catch.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "served.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

constexpr std::uint64_t kLarge = std::uint64_t{64} << 20;
constexpr std::size_t kPiece = std::size_t{64} << 10;
/// Both sockets' kernel buffers and the gateway's own: far below kLarge.
constexpr std::uint64_t kHeldBack = std::uint64_t{24} << 20;

const std::string kGet = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const std::string kLength = std::to_string(kLarge);

/// Writes kLarge bytes of `pattern`; false where the peer is gone before the end.
bool write_large(SocketPeer& peer) {
  for (std::uint64_t sent = 0; sent < kLarge; sent += kPiece) {
    if (!peer.write(pattern(sent, kPiece))) return false;
  }
  return true;
}

/// Writes until the other side takes nothing in for a second; how much it took by then, about.
std::uint64_t write_until_held_back(SocketPeer& peer) {
  peer.set_patience(1s);
  std::uint64_t sent = 0;
  try {
    while (sent < kLarge && peer.write(pattern(sent, 4096))) sent += 4096;
  } catch (const std::runtime_error&) {
  }
  return sent;
}

}  // namespace

TEST_CASE("a large download arrives byte for byte") {
  SocketUpstream origin([](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    gateway.write("HTTP/1.1 200 OK\r\nContent-Length: " + kLength + "\r\n\r\n");
    write_large(gateway);
  });
  Served served(forwarding_to(origin));
  const bool is_equal = served.get("/").body == pattern(0, kLarge);
  CHECK(is_equal);
}

TEST_CASE("a large upload arrives byte for byte, by length and in chunks") {
  std::atomic<bool> is_equal{false};
  SocketUpstream origin([&is_equal](SocketPeer& gateway) {
    is_equal = gateway.read_message().body == pattern(0, kLarge);
    gateway.write(kSmallAnswer);
  });
  Served served(forwarding_to(origin));
  SocketPeer client = served.dial();
  SECTION("by length") {
    client.write("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: " + kLength + "\r\n\r\n");
    REQUIRE(write_large(client));
  }
  SECTION("in chunks") {
    client.write("PUT / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (std::uint64_t sent = 0; sent < kLarge; sent += kPiece) {
      REQUIRE(client.write("10000\r\n" + pattern(sent, kPiece) + "\r\n"));
    }
    client.write("0\r\n\r\n");
  }
  CHECK(client.read_message().status() == 200);
  CHECK(is_equal);
}

TEST_CASE("a client that does not read holds the target back") {
  std::atomic<std::uint64_t> taken{0};
  Signal held_back;
  SocketUpstream origin([&](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    gateway.write("HTTP/1.1 200 OK\r\nContent-Length: " + kLength + "\r\n\r\n");
    taken = write_until_held_back(gateway);
    held_back.set();
  });
  Served served(forwarding_to(origin));
  SocketPeer client = served.dial();
  client.write(kGet);
  held_back.wait();
  CHECK(taken > 0);
  CHECK(taken < kHeldBack);
  // The target gave up in the middle: whatever has arrived by now is no complete answer.
  client.reader().keep_bodies(false);
  CHECK_FALSE(client.read_message().is_complete);
}

TEST_CASE("a target that does not read holds the client back") {
  Signal may_read;
  SocketUpstream origin([&may_read](SocketPeer& gateway) {
    static_cast<void>(gateway.read_head());
    may_read.wait();
    gateway.reader().keep_bodies(false);
    static_cast<void>(gateway.read_message());
  });
  ListenOptions listen;
  listen.limits.half_close = 10ms;  // All that shows of a client that leaves with bytes unread.
  Served served(forwarding_to(origin), listen);
  SocketPeer client = served.dial();
  client.write("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: " + kLength + "\r\n\r\n");
  const std::uint64_t taken = write_until_held_back(client);
  CHECK(taken > 0);
  CHECK(taken < kHeldBack);
  client.close();
  may_read.set();
  CHECK(served.endings().next().status == 499);
}

TEST_CASE("content that the target cuts never looks complete to the client") {
  std::string answer;
  bool resets = false;
  SECTION("by length") { answer = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"; }
  SECTION("chunked") { answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n"; }
  SECTION("by length, with a reset") {
    answer = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    resets = true;
  }
  SECTION("until the end, with a reset") {
    answer = "HTTP/1.1 200 OK\r\n\r\n";
    resets = true;
  }
  SECTION("malformed chunk") {
    answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nxyz\r\n";
  }
  SocketUpstream origin([&](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    gateway.write(answer + std::string(5000, 'x'));
    if (resets) gateway.reset();
  });
  Served served(forwarding_to(origin));
  for (const char* version : {"1.1", "1.0"}) {
    INFO(version);
    SocketPeer client = served.dial();
    client.write("GET / HTTP/" + std::string(version) + "\r\nHost: a.test\r\n\r\n");
    bool is_clean = false;
    try {
      is_clean = client.read_message().is_complete && !client.was_reset();
    } catch (const std::runtime_error&) {
    }
    CHECK_FALSE(is_clean);
    CHECK(served.endings().next().error);
  }
}

TEST_CASE("an answer to content that has not all arrived is passed on at once") {
  SocketUpstream origin([](SocketPeer& gateway) {
    static_cast<void>(gateway.read_head());
    gateway.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nmany");
    gateway.wait_for_end();
  });
  Served served(forwarding_to(origin));
  SocketPeer client = served.dial();
  client.write("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: " + kLength + "\r\n\r\n" +
               std::string(1000, 'x'));
  const WireMessage answer = client.read_message();
  CHECK(answer.status() == 413);
  CHECK(answer.body == "many");
}

TEST_CASE("a handler that answers without reading is heard, and small content is read for it") {
  Router router;
  router.put("/", [](Context&) -> Task<Response> { co_return Response::text(Status::ok, "no"); });
  Served served(std::move(router));
  SocketPeer client = served.dial();
  SECTION("small content: the connection goes on") {
    for (int i = 0; i < 3; ++i) {
      client.write("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\n" +
                   std::string(1000, 'x'));
      CHECK(client.read_message().body == "no");
    }
  }
  SECTION("large content: the answer arrives in spite of it") {
    client.write("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: " + kLength + "\r\n\r\n");
    // Written beside the reading, as a client that does not look at answers early would.
    client.write(std::string(200'000, 'x'));
    CHECK(client.read_message().body == "no");
  }
}

TEST_CASE("a client that leaves takes its exchange with it, once") {
  Signal reached;
  Signal left;
  SECTION("while the target thinks") {
    SocketUpstream origin([&](SocketPeer& gateway) {
      static_cast<void>(gateway.read_message());
      reached.set();
      gateway.wait_for_end();
      left.set();
    });
    Served served(forwarding_to(origin));
    SocketPeer client = served.dial();
    client.write(kGet);
    reached.wait();
    client.reset();
    left.wait();
    CHECK(served.endings().next().status == 499);
    CHECK(served.endings().waiting() == 0);
  }
  SECTION("in the middle of its content") {
    SocketUpstream origin([&](SocketPeer& gateway) {
      static_cast<void>(gateway.read_head());
      reached.set();
      CHECK_FALSE(gateway.read_message().is_complete);
      left.set();
    });
    Served served(forwarding_to(origin));
    SocketPeer client = served.dial();
    client.write("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\nsome");
    reached.wait();
    client.close();
    left.wait();
    CHECK(served.endings().next().status == 499);
    CHECK(served.endings().waiting() == 0);
  }
  SECTION("in the middle of the answer") {
    SocketUpstream origin([&](SocketPeer& gateway) {
      static_cast<void>(gateway.read_message());
      gateway.write("HTTP/1.1 200 OK\r\nContent-Length: " + kLength + "\r\n\r\n");
      CHECK_FALSE(write_large(gateway));
      left.set();
    });
    Served served(forwarding_to(origin));
    SocketPeer client = served.dial();
    client.write(kGet);
    static_cast<void>(client.read_head());
    client.reset();
    left.wait();
    CHECK(served.endings().next().status == 499);
    CHECK(served.endings().waiting() == 0);
  }
  SECTION("in a tunnel") {
    SocketUpstream origin([&](SocketPeer& gateway) {
      static_cast<void>(gateway.read_message());
      gateway.write(
          "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
      gateway.wait_for_end();
      left.set();
    });
    Served served(forwarding_to(origin));
    SocketPeer client = served.dial();
    client.write("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    CHECK(client.read_message().status() == 101);
    client.reset();
    left.wait();
    static_cast<void>(served.endings().next());
    CHECK(served.endings().waiting() == 0);
  }
}

TEST_CASE("a client that leaves within its head has begun no exchange") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  Served served(forwarding_to(origin));
  {
    SocketPeer client = served.dial();
    client.write("GET / HTTP/1.1\r\nHost");
  }
  CHECK(served.get("/").status() == 200);
  CHECK(served.endings().next().target == "/");
  CHECK(served.endings().waiting() == 0);
  CHECK(origin.requests() == 1);
}

TEST_CASE("a handler streams content that it makes") {
  Router router;
  router.get("/{size}", [](Context& ctx) -> Task<Response> {
    Response response;
    ScriptedBody body;
    body.fill(std::stoull(std::string(ctx.param("size"))));
    response.body = body.body();
    co_return response;
  });
  Served served(std::move(router));
  CHECK(served.get("/0").body.empty());
  CHECK(served.get("/100000").body == pattern(0, 100'000));
  CHECK(served.get("/5000000").body_size == 5'000'000);
}
