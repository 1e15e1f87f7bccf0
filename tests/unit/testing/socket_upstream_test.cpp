// SPDX-License-Identifier: Apache-2.0
// SocketUpstream and SocketPeer: a target and a client on real sockets, beside each other.
#include "gatewaykit/testing/socket_upstream.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/testing/scripted.hpp"

using gatewaykit::testing::pattern;
using gatewaykit::testing::SocketPeer;
using gatewaykit::testing::SocketUpstream;
using gatewaykit::testing::WireMessage;
using namespace std::chrono_literals;

namespace {

constexpr const char* kRequest = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

}  // namespace

TEST_CASE("a socket target answers by itself, on connections that it keeps") {
  SocketUpstream origin(kOk);
  CHECK(origin.url() == "http://127.0.0.1:" + std::to_string(origin.port()));
  SocketPeer a = SocketPeer::dial(origin.port());
  SocketPeer b = SocketPeer::dial(origin.port());
  for (int i = 0; i < 3; ++i) {
    CHECK(a.write(kRequest));
    CHECK(a.read_message().body == "ok");
  }
  CHECK(b.write(kRequest));
  CHECK(b.read_message().status() == 200);
  CHECK(origin.connections() == 2);
  CHECK(origin.requests() == 4);
  CHECK(origin.bytes_in() == 4 * std::string(kRequest).size());
  CHECK(origin.bytes_out() == 4 * std::string(kOk).size());
  origin.stop();
  CHECK(origin.open_connections() == 0);
  CHECK(origin.failures().empty());
}

TEST_CASE("a script plays each connection on a thread of its own") {
  SocketUpstream origin([](SocketPeer& gateway) {
    const WireMessage head = gateway.read_head();
    gateway.write("HTTP/1.1 103 Early Hints\r\n\r\n");
    const WireMessage request = gateway.read_message();
    gateway.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(request.body.size()) +
                  "\r\n\r\n" + request.body);
    gateway.wait_for_end();
  });
  std::vector<SocketPeer> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(SocketPeer::dial(origin.port()));
  for (SocketPeer& client : clients) {
    CHECK(client.write("POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n"));
    CHECK(client.read_message().status() == 103);
  }
  for (SocketPeer& client : clients) {
    CHECK(client.write("body"));
    CHECK(client.read_message().body == "body");
  }
  CHECK(origin.open_connections() == 5);
  clients.clear();
  origin.stop();
  CHECK(origin.failures().empty());
}

TEST_CASE("a script may close, reset, shut down, or stay silent") {
  SECTION("close") {
    SocketUpstream origin([](SocketPeer& gateway) {
      gateway.read_message();
      gateway.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    });
    SocketPeer client = SocketPeer::dial(origin.port());
    CHECK(client.write(kRequest));
    const WireMessage response = client.read_message();
    CHECK(response.body == "half");
    CHECK_FALSE(response.is_complete);
    CHECK_FALSE(client.was_reset());
  }
  SECTION("reset") {
    SocketUpstream origin([](SocketPeer& gateway) {
      gateway.read_message();
      gateway.reset();
    });
    SocketPeer client = SocketPeer::dial(origin.port());
    CHECK(client.write(kRequest));
    CHECK(client.read_message().head.empty());
    CHECK(client.was_reset());
  }
  SECTION("shut down") {
    SocketUpstream origin([](SocketPeer& gateway) {
      gateway.shut_down();
      if (gateway.read_bytes() != "still here") throw std::runtime_error("not heard");
    });
    SocketPeer client = SocketPeer::dial(origin.port());
    CHECK(client.read_bytes().empty());
    CHECK(client.write("still here"));
    client.shut_down();
    origin.stop();
    CHECK(origin.failures().empty());
  }
  SECTION("silence") {
    SocketUpstream origin([](SocketPeer& gateway) { gateway.wait_for_end(); });
    SocketPeer client = SocketPeer::dial(origin.port());
    CHECK(client.write(kRequest));
    client.set_patience(20ms);
    CHECK_THROWS_WITH(client.read_message(), "the peer sent nothing for too long");
  }
}

TEST_CASE("what a script throws is kept for the test") {
  SocketUpstream origin([](SocketPeer& gateway) { gateway.read_message(); });
  SocketPeer client = SocketPeer::dial(origin.port());
  CHECK(client.write("GET / HTTP/1.1\r\nbad\r\n\r\n"));
  client.wait_for_end();
  const std::vector<std::string> failures = origin.failures();
  REQUIRE(failures.size() == 1);
  CHECK_THAT(failures[0], Catch::Contains("a field line without a name"));
}

TEST_CASE("a target that has stopped refuses, and has ended its connections") {
  SocketUpstream origin([](SocketPeer& gateway) { gateway.wait_for_end(); });
  SocketPeer client = SocketPeer::dial(origin.port());
  origin.stop();
  client.wait_for_end();
  CHECK_THROWS_AS(SocketPeer::dial(origin.port()), std::system_error);
  CHECK(origin.failures().empty());
}

TEST_CASE("large bodies pass without being kept") {
  constexpr std::size_t kSize = 20'000'000;
  SocketUpstream origin([](SocketPeer& gateway) {
    gateway.reader().keep_bodies(false);
    const WireMessage request = gateway.read_message();
    if (request.body_size != kSize) throw std::runtime_error("bytes were lost");
    gateway.write(kOk);
  });
  SocketPeer client = SocketPeer::dial(origin.port());
  CHECK(client.write("PUT / HTTP/1.1\r\nContent-Length: 20000000\r\n\r\n"));
  const std::string block = pattern(0, 1'000'000);
  for (std::size_t sent = 0; sent < kSize; sent += block.size()) REQUIRE(client.write(block));
  CHECK(client.read_message().body == "ok");
  origin.stop();
  CHECK(origin.failures().empty());
}

TEST_CASE("many short connections do not pile up") {
  SocketUpstream origin([](SocketPeer& gateway) {
    gateway.read_message();
    gateway.write("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  });
  for (int i = 0; i < 200; ++i) {
    SocketPeer client = SocketPeer::dial(origin.port());
    REQUIRE(client.write(kRequest));
    REQUIRE(client.read_message().status() == 204);
    client.wait_for_end();
  }
  origin.stop();
  CHECK(origin.connections() == 200);
  CHECK(origin.requests() == 200);
  CHECK(origin.open_connections() == 0);
}
