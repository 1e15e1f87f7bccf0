// SPDX-License-Identifier: Apache-2.0
// Targets that take requests and give no answer in time: what their clients get, and how long it
// may take (rows 104 and 108 of the faults that a gateway must stand).
#include <chrono>
#include <string>
#include <utility>

#include "catch.hpp"
#include "served.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

constexpr auto kFirstByte = 200ms;

/// Takes connections and requests, and never says a word.
void say_nothing(SocketPeer& gateway) { gateway.wait_for_end(); }

UpstreamOptions impatient(std::vector<UpstreamTarget> targets) {
  UpstreamOptions options;
  options.targets = std::move(targets);
  options.timeouts.first_byte = kFirstByte;
  return options;
}

}  // namespace

TEST_CASE("an answer that comes too late is a 504, and the client's connection goes on") {
  Signal is_late;
  SocketUpstream origin([&is_late](SocketPeer& gateway) {
    const WireMessage request = gateway.read_message();
    if (request.target() == "/slow") is_late.wait();
    gateway.write(kSmallAnswer);
  });
  UpstreamOptions options = impatient({UpstreamTarget(origin.url())});
  options.retries.attempts = 0;
  Router router;
  router.any("/*", proxy(UpstreamPool(std::move(options))));
  Served served(std::move(router));
  SocketPeer client = served.dial();
  client.write("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n");
  const WireMessage answer = client.read_message();
  is_late.set();
  CHECK(answer.status() == 504);
  CHECK(answer.field("content-type") == "application/problem+json");
  CHECK_FALSE(answer.field("connection"));
  CHECK(served.endings().next().error == Errc::first_byte_timeout);
  client.write("GET /quick HTTP/1.1\r\nHost: a.test\r\n\r\n");
  CHECK(client.read_message().body == "ok");
}

TEST_CASE("a black hole costs a request its time and a retry, and is soon left out") {
  SocketUpstream hole(&say_nothing);
  SocketUpstream origin{std::string(kSmallAnswer)};
  UpstreamOptions options = impatient({UpstreamTarget(hole.url()), UpstreamTarget(origin.url())});
  options.balance = Balance::round_robin;
  options.ejection.base = options.ejection.longest = 1h;
  const UpstreamPool pool(std::move(options));
  Router router;
  router.any("/*", proxy(pool));
  Served served(std::move(router));
  const auto begun = std::chrono::steady_clock::now();
  while (!pool.stats().targets.front().ejected) {
    const auto asked = std::chrono::steady_clock::now();
    CHECK(served.get("/").status() == 200);
    CHECK(std::chrono::steady_clock::now() - asked < kFirstByte + 1s);
  }
  CHECK(std::chrono::steady_clock::now() - begun < 3 * kFirstByte + 1s);
  // From now on nobody waits for it.
  const std::size_t tried = hole.connections();
  for (int i = 0; i < 5; ++i) CHECK(served.get("/").status() == 200);
  CHECK(hole.connections() == tried);
}
