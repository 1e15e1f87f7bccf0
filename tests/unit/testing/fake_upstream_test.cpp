// SPDX-License-Identifier: Apache-2.0
// FakeUpstream: a target that a test plays, or that answers by itself.
#include "gatewaykit/testing/fake_upstream.hpp"

#include <stdexcept>
#include <string>
#include <utility>

#include "catch.hpp"
#include "gatewaykit/core/cancel_scope.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using gatewaykit::CancelScope;
using gatewaykit::Task;
using gatewaykit::testing::ConnectionOptions;
using gatewaykit::testing::FakeUpstream;
using gatewaykit::testing::MemoryNetwork;
using gatewaykit::testing::MemoryPeer;
using gatewaykit::testing::MemorySocket;
using gatewaykit::testing::pattern;
using gatewaykit::testing::VirtualExecutor;
using gatewaykit::testing::WireMessage;
using gatewaykit::testing::WireReader;

namespace {

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

MemoryPeer dial(MemoryNetwork& network) {
  MemorySocket socket = network.executor().run(network.connect("memory:users"));
  return MemoryPeer(std::move(socket), WireReader::Kind::responses);
}

/// One exchange, as a gateway would have it.
Task<WireMessage> exchange(MemoryPeer& client, std::string request) {
  const bool is_sent = co_await client.write(std::move(request));
  if (!is_sent) throw std::runtime_error("the request could not be sent");
  co_return co_await client.read_message();
}

}  // namespace

TEST_CASE("a test plays the target, step by step") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  FakeUpstream users(network, "memory:users");
  MemoryPeer client = dial(network);
  MemoryPeer gateway = executor.run(users.accept());
  CHECK(users.connections() == 1);

  CHECK(executor.run(client.write("POST /x HTTP/1.1\r\nContent-Length: 4\r\n\r\nbo")));
  CHECK(executor.run(gateway.read_head()).target() == "/x");
  CHECK(executor.run(client.write("dy")));
  const WireMessage request = executor.run(gateway.read_message());
  CHECK(request.is_complete);
  CHECK(request.body == "body");

  CHECK(executor.run(gateway.write("HTTP/1.1 200 OK\r\nContent-Le")));
  CHECK(executor.run(gateway.write("ngth: 2\r\n\r\nok")));
  CHECK(executor.run(client.read_message()).body == "ok");
  gateway.close();
  CHECK(executor.run(client.read_message()).head.empty());
  CHECK_FALSE(client.was_reset());
}

TEST_CASE("a target may end or reset in the middle of a message") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  FakeUpstream users(network, "memory:users");
  for (const bool resets : {false, true}) {
    CAPTURE(resets);
    MemoryPeer client = dial(network);
    MemoryPeer gateway = executor.run(users.accept());
    CHECK(executor.run(gateway.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")));
    if (resets) {
      gateway.reset();
    } else {
      gateway.close();
    }
    const WireMessage response = executor.run(client.read_message());
    CHECK(response.status() == 200);
    CHECK(response.body == "half");
    CHECK_FALSE(response.is_complete);
    CHECK(client.was_reset() == resets);
  }
}

TEST_CASE("bytes of a tunnel are no messages") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  FakeUpstream users(network, "memory:users");
  MemoryPeer client = dial(network);
  MemoryPeer gateway = executor.run(users.accept());
  CHECK(executor.run(client.write("GET /ws HTTP/1.1\r\nUpgrade: x\r\n\r\n")));
  CHECK(executor.run(gateway.read_message()).field("upgrade") == "x");
  CHECK(executor.run(gateway.write("HTTP/1.1 101 Switching Protocols\r\n\r\nfrom the target")));
  CHECK(executor.run(client.read_message()).status() == 101);
  CHECK(executor.run(client.read_bytes()) == "from the target");
  CHECK(executor.run(client.write("from the client")));
  CHECK(executor.run(gateway.read_bytes()) == "from the client");
  client.shut_down();
  CHECK(executor.run(gateway.read_bytes()).empty());
}

TEST_CASE("a target that answers by itself keeps connections and counts") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  FakeUpstream users(network, "memory:users");
  users.answer_all(kOk);
  MemoryPeer a = dial(network);
  MemoryPeer b = dial(network);
  for (int i = 0; i < 3; ++i) {
    CHECK(executor.run(exchange(a, "GET /a HTTP/1.1\r\n\r\n")).body == "ok");
  }
  CHECK(executor.run(exchange(b, "GET /b HTTP/1.1\r\n\r\n")).body == "ok");
  CHECK(users.connections() == 2);
  CHECK(users.open_connections() == 2);
  REQUIRE(users.requests().size() == 4);
  CHECK(users.requests()[3].target() == "/b");
  a.close();
  executor.settle();
  CHECK(users.open_connections() == 1);
}

TEST_CASE("a target that answers by itself closes where its answer says so") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  FakeUpstream users(network, "memory:users");
  users.answer_all([](const WireMessage& request) {
    const std::string path = request.target();
    return "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: " +
           std::to_string(path.size()) + "\r\n\r\n" + path;
  });
  MemoryPeer client = dial(network);
  CHECK(executor.run(exchange(client, "GET /echo HTTP/1.1\r\n\r\n")).body == "/echo");
  executor.run(client.wait_for_end());
  CHECK(users.open_connections() == 0);
}

TEST_CASE("a target that answers by itself may answer garbage") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  FakeUpstream users(network, "memory:users");
  users.answer_all("SSH-2.0-OpenSSH_9.2\r\n");
  MemoryPeer client = dial(network);
  CHECK(executor.run(client.write("GET / HTTP/1.1\r\n\r\n")));
  CHECK(executor.run(client.read_bytes()) == "SSH-2.0-OpenSSH_9.2\r\n");
}

TEST_CASE("a malformed request to a target that answers by itself fails the test") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  FakeUpstream users(network, "memory:users");
  users.answer_all(kOk);
  MemoryPeer client = dial(network);
  CHECK_THROWS_WITH(executor.run(exchange(client, "GET / HTTP/1.1\r\nbad\r\n\r\n")),
                    Catch::Contains("a field line without a name"));
}

TEST_CASE("the answer may change, and the faults of later connections") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  FakeUpstream users(network, "memory:users");
  users.answer_all(kOk);
  MemoryPeer first = dial(network);
  CHECK(executor.run(exchange(first, "GET / HTTP/1.1\r\n\r\n")).status() == 200);
  users.answer_all("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
  ConnectionOptions options;
  options.to_client.reset_after = 12;
  users.set_options(options);
  CHECK(executor.run(exchange(first, "GET / HTTP/1.1\r\n\r\n")).status() == 503);
  MemoryPeer second = dial(network);
  CHECK(executor.run(exchange(second, "GET / HTTP/1.1\r\n\r\n")).head.empty());
  CHECK(second.was_reset());
}

TEST_CASE("large messages pass in both directions at once") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  ConnectionOptions options;
  options.to_client.fragment = 1000;
  options.to_server.capacity = 5000;
  FakeUpstream users(network, "memory:users", options);
  users.answer_all([](const WireMessage& request) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(request.body.size()) +
           "\r\n\r\n" + request.body;
  });
  MemoryPeer client = dial(network);
  const std::string content = pattern(0, 300'000);
  std::string request = "PUT / HTTP/1.1\r\nContent-Length: 300000\r\n\r\n" + content;
  CHECK(executor.run(exchange(client, std::move(request))).body == content);
}
