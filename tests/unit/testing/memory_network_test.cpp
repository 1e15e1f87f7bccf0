// SPDX-License-Identifier: Apache-2.0
// MemoryNetwork: dialling, names, and the faults of connections, as tests ask for them.
#include "gatewaykit/testing/memory_network.hpp"

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/async.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"
#include "net/connector.hpp"

using gatewaykit::CancelScope;
using gatewaykit::Connector;
using gatewaykit::Duration;
using gatewaykit::Errc;
using gatewaykit::IpAddress;
using gatewaykit::Origin;
using gatewaykit::Result;
using gatewaykit::sleep_for;
using gatewaykit::Task;
using gatewaykit::TimePoint;
using gatewaykit::net::StreamPtr;
using gatewaykit::testing::ConnectionOptions;
using gatewaykit::testing::MemoryListener;
using gatewaykit::testing::MemoryNetwork;
using gatewaykit::testing::MemorySocket;
using gatewaykit::testing::pattern;
using gatewaykit::testing::VirtualExecutor;
using namespace std::chrono_literals;

namespace {

struct Ends {
  MemorySocket client;
  MemorySocket server;
};

Ends connect(MemoryNetwork& network, MemoryListener& listener) {
  VirtualExecutor& executor = network.executor();
  MemorySocket client = executor.run(network.connect("memory:peer"));
  MemorySocket server = executor.run(listener.accept());
  return Ends{std::move(client), std::move(server)};
}

Task<std::string> read_to_end(MemorySocket& socket) {
  std::string all;
  for (;;) {
    const std::string bytes = co_await socket.read();
    if (bytes.empty()) co_return std::move(all);
    all += bytes;
  }
}

Connector::Endpoint endpoint(std::string_view address, std::uint16_t port) {
  Connector::Endpoint result;
  result.address = *IpAddress::parse(address);
  result.port = port;
  return result;
}

Result<StreamPtr> dial(VirtualExecutor& executor, Connector::Endpoint where, Duration timeout) {
  return executor.run(executor.connector()->connect(std::move(where), timeout));
}

}  // namespace

TEST_CASE("a network is the executor's connector for as long as it lives") {
  VirtualExecutor executor;
  {
    const MemoryNetwork network(executor);
    CHECK(executor.connector() != nullptr);
  }
  CHECK(executor.connector() == nullptr);
}

TEST_CASE("both ends of a connection talk to each other") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  MemoryListener listener = network.listen("memory:peer");
  Ends ends = connect(network, listener);
  CHECK(executor.run(ends.client.write("ping")));
  CHECK(executor.run(ends.server.read()) == "ping");
  CHECK(executor.run(ends.server.write("pong")));
  ends.server.close();
  CHECK(executor.run(read_to_end(ends.client)) == "pong");
  CHECK_FALSE(ends.client.was_reset());
  CHECK(network.dials("memory:peer") == 1);
}

TEST_CASE("an address may be written as targets are, and is the same however it is written") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  const MemoryListener a = network.listen("http://10.0.0.1:8000");
  const MemoryListener b = network.listen("[2001:DB8::1]:80");
  const MemoryListener c = network.listen("http://192.0.2.1/");
  const MemoryListener d = network.listen("unix:/run/users.sock");
  CHECK(dial(executor, endpoint("10.0.0.1", 8000), 1s));
  CHECK(dial(executor, endpoint("2001:db8::1", 80), 1s));
  CHECK(dial(executor, endpoint("192.0.2.1", 80), 1s));
  Connector::Endpoint path;
  path.path = "/run/users.sock";
  CHECK(dial(executor, std::move(path), 1s));
  CHECK(network.dials("10.0.0.1:8000") == 1);
  CHECK(network.dials("http://[2001:db8::1]") == 1);
  CHECK(a.backlog() + b.backlog() + c.backlog() + d.backlog() == 4);
  CHECK_THROWS_AS(network.listen("10.0.0.1:8000"), std::invalid_argument);
  CHECK_THROWS_AS(network.listen("users.example:80"), std::invalid_argument);
  CHECK_THROWS_AS(network.listen("10.0.0.1"), std::invalid_argument);
}

TEST_CASE("an address that nobody listens on refuses, before and after somebody did") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  for (int i = 0; i < 2; ++i) {
    const Result<StreamPtr> refused = dial(executor, endpoint("10.0.0.1", 80), 1s);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::connect_failed);
    CHECK(refused.error().origin == Origin::upstream);
    CHECK(refused.error().retryable);
    const MemoryListener listener = network.listen("10.0.0.1:80");
    CHECK(dial(executor, endpoint("10.0.0.1", 80), 1s));
  }
}

TEST_CASE("an address that is ignored lets attempts time out, until it answers again") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  const MemoryListener listener = network.listen("10.0.0.1:80");
  network.ignore("10.0.0.1:80");
  const TimePoint start = executor.now();
  const Result<StreamPtr> late = dial(executor, endpoint("10.0.0.1", 80), 750ms);
  REQUIRE_FALSE(late);
  CHECK(late.error().code == Errc::connect_timeout);
  CHECK(late.error().retryable);
  CHECK(executor.now() - start == 750ms);
  network.answer("10.0.0.1:80");
  CHECK(dial(executor, endpoint("10.0.0.1", 80), 750ms));
  CHECK(network.dials("10.0.0.1:80") == 2);
}

TEST_CASE("an attempt can be cancelled") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  network.ignore("10.0.0.1:80");
  CancelScope scope;
  const auto canceller = [&]() -> Task<void> {
    const Result<> slept = co_await sleep_for(10ms);
    CHECK(slept);
    scope.cancel();
  };
  executor.spawn(canceller());
  const Result<StreamPtr> cancelled =
      executor.run(executor.connector()->connect(endpoint("10.0.0.1", 80), 1s), scope);
  REQUIRE_FALSE(cancelled);
  CHECK(cancelled.error().code == Errc::cancelled);
}

TEST_CASE("latency delays connections and bytes, each by its direction") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  ConnectionOptions options;
  options.to_server.latency = 30ms;
  options.to_client.latency = 50ms;
  MemoryListener listener = network.listen("memory:peer", options);
  const TimePoint start = executor.now();
  Ends ends = connect(network, listener);
  CHECK(executor.now() - start == 30ms);
  CHECK(executor.run(ends.client.write("ping")));
  CHECK(executor.now() - start == 30ms);
  CHECK(executor.run(ends.server.read()) == "ping");
  CHECK(executor.now() - start == 60ms);
  CHECK(executor.run(ends.server.write("pong")));
  ends.server.close();
  CHECK(executor.run(ends.client.read()) == "pong");
  CHECK(executor.now() - start == 110ms);
}

TEST_CASE("a connection takes as many bytes as its capacity; then the sender waits") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  ConnectionOptions options;
  options.to_client.capacity = 1000;
  MemoryListener listener = network.listen("memory:peer", options);
  Ends ends = connect(network, listener);
  bool is_sent = false;
  CancelScope scope;
  const auto sender = [&]() -> Task<void> {
    const bool arrived = co_await ends.server.write(pattern(0, 2500));
    is_sent = arrived;
  };
  executor.spawn(sender(), scope);
  executor.advance(1h);
  CHECK_FALSE(is_sent);
  std::string received = executor.run(ends.client.read());
  CHECK(received.size() == 1000);
  executor.settle();
  CHECK_FALSE(is_sent);
  received += executor.run(ends.client.read(400));
  executor.settle();
  CHECK_FALSE(is_sent);
  received += executor.run(ends.client.read());
  executor.settle();
  CHECK(is_sent);
  while (received.size() < 2500) received += executor.run(ends.client.read());
  CHECK(received == pattern(0, 2500));
}

TEST_CASE("a fragmented connection gives a few bytes at a time, and loses none") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  ConnectionOptions options;
  options.to_client.fragment = 7;
  MemoryListener listener = network.listen("memory:peer", options);
  Ends ends = connect(network, listener);
  CHECK(executor.run(ends.server.write(pattern(0, 1000))));
  CHECK(executor.run(ends.client.read()).size() == 7);
  ends.server.shut_down();
  CHECK(executor.run(read_to_end(ends.client)) == pattern(7, 993));
}

TEST_CASE("a connection that is cut ends after so many bytes, as if the peer had ended it") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  ConnectionOptions options;
  for (const std::size_t cut : {0UL, 1UL, 100UL, 999UL, 1000UL}) {
    CAPTURE(cut);
    options.to_client.cut_after = cut;
    MemoryListener listener = network.listen("memory:peer", options);
    Ends ends = connect(network, listener);
    CHECK(executor.run(ends.server.write(pattern(0, 600))));
    CHECK(executor.run(ends.server.write(pattern(600, 400))));
    CHECK(executor.run(read_to_end(ends.client)) == pattern(0, cut));
    CHECK_FALSE(ends.client.was_reset());
    CHECK(executor.run(ends.client.write("the other direction goes on")));
    CHECK(executor.run(ends.server.read()).size() == 27);
  }
}

TEST_CASE("a connection that is reset after so many bytes fails for both ends") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  ConnectionOptions options;
  for (const std::size_t cut : {0UL, 1UL, 600UL, 1000UL}) {
    CAPTURE(cut);
    options.to_client.reset_after = cut;
    MemoryListener listener = network.listen("memory:peer", options);
    Ends ends = connect(network, listener);
    const bool first = executor.run(ends.server.write(pattern(0, 600)));
    CHECK(first == (cut > 0));
    const bool second = executor.run(ends.server.write(pattern(600, 400)));
    CHECK(second == (cut > 600));
    CHECK(executor.run(read_to_end(ends.client)) == pattern(0, cut));
    CHECK(ends.client.was_reset());
    CHECK_FALSE(executor.run(ends.client.write("x")));
  }
}

TEST_CASE("a test's end may be reset, shut down or dropped") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  MemoryListener listener = network.listen("memory:peer");
  SECTION("reset") {
    Ends ends = connect(network, listener);
    CHECK(executor.run(ends.server.write("last")));
    ends.server.reset();
    CHECK(executor.run(read_to_end(ends.client)) == "last");
    CHECK(ends.client.was_reset());
    CHECK_FALSE(ends.server.is_open());
  }
  SECTION("shut down") {
    Ends ends = connect(network, listener);
    ends.server.shut_down();
    CHECK(executor.run(read_to_end(ends.client)).empty());
    CHECK(executor.run(ends.client.write("answer")));
    CHECK(executor.run(ends.server.read()) == "answer");
  }
  SECTION("dropped") {
    std::optional<Ends> ends = connect(network, listener);
    MemorySocket client = std::move(ends->client);
    ends.reset();
    executor.run(client.wait_for_end());
    CHECK_FALSE(client.was_reset());
  }
  SECTION("never accepted, and the listener goes") {
    std::optional<MemoryListener> other = network.listen("memory:other");
    MemorySocket client = executor.run(network.connect("memory:other"));
    other.reset();
    executor.run(client.wait_for_end());
    CHECK_THROWS_WITH(executor.run(network.connect("memory:other")),
                      "memory:other: Connection refused");
  }
}

TEST_CASE("connections wait to be accepted, in their order") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  MemoryListener listener = network.listen("memory:peer");
  std::vector<MemorySocket> clients;
  for (const char* const name : {"first", "second"}) {
    clients.push_back(executor.run(network.connect("memory:peer")));
    CHECK(executor.run(clients.back().write(name)));
  }
  CHECK(listener.backlog() == 2);
  MemorySocket first = executor.run(listener.accept());
  MemorySocket second = executor.run(listener.accept());
  CHECK(executor.run(first.read()) == "first");
  CHECK(executor.run(second.read()) == "second");
}

TEST_CASE("names resolve to what the test has told, when it has told") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  Connector& connector = *executor.connector();
  network.set_host("users.example", {"10.0.0.1", "2001:db8::1"}, 20ms);
  const TimePoint start = executor.now();
  const auto found = executor.run(connector.resolve("users.example", 1s));
  REQUIRE(found);
  CHECK(*found == std::vector{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("2001:db8::1")});
  CHECK(executor.now() - start == 20ms);

  const auto slow = executor.run(connector.resolve("users.example", 10ms));
  REQUIRE_FALSE(slow);
  CHECK(slow.error().code == Errc::connect_timeout);

  network.set_host("users.example", {"10.0.0.2"});
  CHECK(executor.run(connector.resolve("users.example", 1s))->front().to_string() == "10.0.0.2");

  network.remove_host("users.example");
  const auto removed = executor.run(connector.resolve("users.example", 1s));
  REQUIRE_FALSE(removed);
  CHECK(removed.error().code == Errc::connect_failed);

  network.ignore_host("users.example");
  CHECK(executor.run(connector.resolve("users.example", 1s)).error().code == Errc::connect_timeout);
  CHECK(network.lookups("users.example") == 5);
  CHECK(network.lookups("other.example") == 0);
  CHECK_FALSE(executor.run(connector.resolve("other.example", 1s)));
  CHECK(executor.run(connector.resolve("10.9.9.9", 1s))->front().to_string() == "10.9.9.9");
}
