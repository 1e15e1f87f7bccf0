// SPDX-License-Identifier: Apache-2.0
// A listener that is told by a proxy whose connections it passes on (PROXY protocol): who the peer
// is then, what lies behind the header, and who is closed. Real proxies send it in
// peers/proxy_protocol.test.mjs.
#include <chrono>
#include <string>
#include <thread>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"
#include "served.hpp"

using namespace gatewaykit;
using namespace gatewaykit::testing;
using namespace std::chrono_literals;
using namespace std::string_view_literals;

namespace {

constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// Answers who the peer and the client are, and whether the peer is trusted.
Router telling_peers() {
  Router router;
  router.get("/", [](Context& ctx) -> Task<Response> {
    std::string text(ctx.peer().text());
    text += ":" + std::to_string(ctx.peer().port()) + " " + std::string(ctx.client().text());
    if (ctx.trusted()) text += " trusted";
    co_return Response::text(Status::ok, text);
  });
  return router;
}

ListenOptions announced(std::vector<std::string> trusted = {"127.0.0.1", "10.0.0.0/8"}) {
  ListenOptions options;
  options.proxy_protocol = true;
  options.trusted_proxies = std::move(trusted);
  return options;
}

/// The address 192.0.2.1 and the port 12345 in version 2.
std::string block() {
  return std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c"sv)
      .append("\xc0\x00\x02\x01\x7f\x00\x00\x01\x30\x39\x00\x50"sv);
}

}  // namespace

TEST_CASE("the peer is the one that the proxy tells, and the request follows in the same segment") {
  const Served served(telling_peers(), announced());
  const std::string line = "PROXY TCP4 192.0.2.1 127.0.0.1 12345 80\r\n";
  CHECK(served.ask(line + std::string(kRequest)).body == "192.0.2.1:12345 192.0.2.1");
  CHECK(served.ask(block() + std::string(kRequest)).body == "192.0.2.1:12345 192.0.2.1");
  const std::string line6 = "PROXY TCP6 2001:db8::7 ::1 1 80\r\n";
  CHECK(served.ask(line6 + std::string(kRequest)).body == "2001:db8::7:1 2001:db8::7");
}

TEST_CASE("a header comes in as many pieces as it likes, and the connection is kept") {
  const Served served(telling_peers(), announced());
  for (const std::string& header :
       {std::string("PROXY TCP4 192.0.2.1 127.0.0.1 12345 80\r\n"), block()}) {
    SocketPeer client = served.dial();
    for (const char byte : header) client.write({&byte, 1});
    for (int i = 0; i < 2; ++i) {
      for (const char byte : kRequest) client.write({&byte, 1});
      CHECK(client.read_message().body == "192.0.2.1:12345 192.0.2.1");
    }
  }
}

TEST_CASE("what the proxy does for itself is its own") {
  const Served served(telling_peers(), announced());
  for (const std::string_view header :
       {"PROXY UNKNOWN\r\n"sv, "\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"sv}) {
    const std::string body = served.ask(std::string(header) + std::string(kRequest)).body;
    CHECK(body.starts_with("127.0.0.1:"));
    CHECK(body.ends_with(" 127.0.0.1 trusted"));
  }
}

TEST_CASE("whether forwarding fields are believed goes by the peer that is told") {
  const Served served(telling_peers(), announced());
  const std::string request =
      "GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n";
  CHECK(served.ask("PROXY TCP4 192.0.2.1 127.0.0.1 1 80\r\n" + request).body ==
        "192.0.2.1:1 192.0.2.1");
  CHECK(served.ask("PROXY TCP4 10.0.0.1 127.0.0.1 1 80\r\n" + request).body ==
        "10.0.0.1:1 203.0.113.7 trusted");
}

TEST_CASE("a peer that is told to have no address is not believed, though Unix-domain peers are") {
  const Served served(telling_peers(), announced({"127.0.0.1", "unix"}));
  std::string header("\r\n\r\n\0\r\nQUIT\n\x21\x31\x00\xd8"sv);
  header.append(216, '\0');  // Two paths.
  const std::string request =
      "GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n";
  CHECK(served.ask(header + request).body == "unix:0 unix");
}

TEST_CASE("what does not begin with a header is closed without a word, and counted") {
  Served served(telling_peers(), announced());
  const std::string first = GENERATE(
      as<std::string>(), kRequest, "\x16\x03\x01\x02\x00\x01"sv, "\r\n\r\n\0\r\nQUIT\n\x31"sv,
      "PROXY TCP4 192.0.2.1 127.0.0.1 1 x\r\n"sv, "PROXY TCP9 a b 1 2\r\n"sv, ""sv);
  SocketPeer client = served.dial();
  client.write(first);
  if (first.empty()) client.shut_down();
  CHECK(client.read_bytes().empty());
  while (served.gateway().stats().connections_open > 0) std::this_thread::yield();
  CHECK(served.gateway().stats().proxy_header_failures == 1);
  CHECK(served.gateway().stats().requests == 0);
}

TEST_CASE("whoever is not trusted to send a header is closed, header or not") {
  Served served(telling_peers(), announced({"10.0.0.0/8"}));
  SocketPeer client = served.dial();
  client.write("PROXY TCP4 10.0.0.1 127.0.0.1 1 80\r\n" + std::string(kRequest));
  CHECK(client.read_bytes().empty());
  CHECK(served.gateway().stats().proxy_header_failures == 1);
}

TEST_CASE("a header that does not come within the time for one is not waited for") {
  ListenOptions options = announced();
  options.limits.header_timeout = 100ms;
  Served served(telling_peers(), std::move(options));
  SocketPeer silent = served.dial();
  SocketPeer begun = served.dial();
  begun.write("PROXY TCP4 192.0.2.1 ");
  silent.wait_for_end();
  begun.wait_for_end();
  CHECK(served.gateway().stats().proxy_header_failures == 2);
}

TEST_CASE("at the limit of connections those without a header give way") {
  GatewayOptions options;
  options.max_connections = 2;
  options.idle_when_full = 50ms;
  Served served(telling_peers(), announced(), std::move(options));
  SocketPeer silent = served.dial();
  SocketPeer begun = served.dial();
  begun.write("PROXY TCP4 192.0.2.1 ");
  const std::string line = "PROXY TCP4 192.0.2.1 127.0.0.1 12345 80\r\n";
  CHECK(served.ask(line + std::string(kRequest)).body == "192.0.2.1:12345 192.0.2.1");
  silent.wait_for_end();
}

TEST_CASE("a listener that takes headers must say from whom") {
  Gateway gateway(telling_peers());
  CHECK_THROWS_AS(gateway.listen("127.0.0.1:0", announced({})), ConfigError);
}
