// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 between client and target, as RFC 9110 and RFC 9112 want it of an intermediary:
// persistence, pipelining, expectations, interim responses, hop-by-hop fields, tunnels.
#include <atomic>
#include <string>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/middleware/request_id.hpp"
#include "served.hpp"

using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

const std::string kGet = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

}  // namespace

TEST_CASE("pipelined requests are answered in their order on one connection") {
  SocketUpstream origin(&echo_targets);
  Served served(forwarding_to(origin));
  SocketPeer client = served.dial();
  std::string requests;
  for (int i = 0; i < 10; ++i) {
    requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a.test\r\n\r\n";
  }
  client.write(requests);
  for (int i = 0; i < 10; ++i) CHECK(client.read_message().body == "/" + std::to_string(i));
  CHECK(origin.connections() == 1);
}

TEST_CASE("content of a GET ends where it says, and the next request begins there") {
  Recorder recorder;
  Served served(forwarding_to(recorder.origin()));
  SocketPeer client = served.dial();
  client.write(
      "GET /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nGET /GET /b HTTP/1.1\r\n"
      "Host: a.test\r\n\r\n");
  CHECK(client.read_message().status() == 200);
  CHECK(client.read_message().status() == 200);
  const std::vector<WireMessage> requests = recorder.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].body == "GET /");
  CHECK(requests[1].target() == "/b");
}

TEST_CASE("HTTP/1.0 clients get an answer that they understand") {
  SECTION("content of unknown length ends with the connection") {
    SocketUpstream origin([](SocketPeer& gateway) {
      static_cast<void>(gateway.read_message());
      gateway.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
    });
    Served served(forwarding_to(origin));
    const WireMessage answer = served.ask("GET / HTTP/1.0\r\n\r\n");
    CHECK(answer.body == "ok");
    CHECK(answer.is_complete);
    CHECK_FALSE(answer.is_chunked);
    CHECK(answer.field("connection") == "close");
  }
  SECTION("a connection is kept where it is asked for") {
    SocketUpstream origin{std::string(kSmallAnswer)};
    Served served(forwarding_to(origin));
    SocketPeer client = served.dial();
    for (int i = 0; i < 2; ++i) {
      client.write("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
      const WireMessage answer = client.read_message();
      CHECK(answer.body == "ok");
      CHECK(answer.field("connection") == "keep-alive");
    }
  }
}

TEST_CASE("HEAD gets the fields that GET would, and no content") {
  SocketUpstream origin([](SocketPeer& gateway) {
    for (;;) {
      const WireMessage request = gateway.read_message();
      if (!request.is_complete) return;
      gateway.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    }
  });
  Served served(forwarding_to(origin));
  SocketPeer client = served.dial();
  for (int i = 0; i < 2; ++i) {
    client.write("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    client.reader().expect_no_content();
    const WireMessage answer = client.read_message();
    CHECK(answer.field("content-length") == "1000");
    CHECK(answer.is_complete);
  }
  CHECK(origin.connections() == 1);
}

TEST_CASE("OPTIONS * passes as it is") {
  Recorder recorder;
  Served served(forwarding_to(recorder.origin()));
  CHECK(served.ask("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n").status() == 200);
  CHECK(recorder.last().target() == "*");
}

TEST_CASE("CONNECT and TRACE are not served, and say what is") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  Served served(forwarding_to(origin));
  for (const char* line : {"CONNECT a.test:22 HTTP/1.1", "TRACE / HTTP/1.1"}) {
    const WireMessage answer =
        served.ask(std::string(line) + "\r\nHost: a.test:22\r\nCookie: secret\r\n\r\n");
    CHECK(answer.status() == 405);
    CHECK(answer.field("allow"));
    CHECK(answer.body.find("secret") == std::string::npos);
  }
  CHECK(origin.connections() == 0);
}

TEST_CASE("an expectation is the target's to meet where the proxy reads the content") {
  SocketUpstream origin([](SocketPeer& gateway) {
    const WireMessage head = gateway.read_head();
    gateway.write(head.target() == "/wanted"
                      ? "HTTP/1.1 100 Continue\r\n\r\n"
                      : "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
    if (head.target() != "/wanted") return;
    static_cast<void>(gateway.read_message());
    gateway.write(kSmallAnswer);
  });
  Served served(forwarding_to(origin));
  SocketPeer client = served.dial();
  SECTION("wanted: the content is sent once 100 has come") {
    client.write(
        "PUT /wanted HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\n"
        "Content-Length: 3\r\n\r\n");
    CHECK(client.read_message().status() == 100);
    client.write("abc");
    CHECK(client.read_message().status() == 200);
  }
  SECTION("not wanted: the answer comes in its place") {
    client.write(
        "PUT /not HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\n"
        "Content-Length: 3\r\n\r\n");
    CHECK(client.read_message().status() == 417);
  }
}

TEST_CASE("content sent in spite of an expectation is forwarded without a 100 of the gateway") {
  Recorder recorder;
  Served served(forwarding_to(recorder.origin()));
  SocketPeer client = served.dial();
  client.write(
      "PUT / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
      "abc");
  WireMessage answer = client.read_message();
  while (answer.status() == 100) answer = client.read_message();
  CHECK(answer.status() == 200);
  CHECK(recorder.last().body == "abc");
}

TEST_CASE("a handler that reads the content makes the gateway answer 100") {
  Router router;
  router.put("/", [](Context& ctx) -> Task<Response> {
    Result<std::string> content = co_await ctx.request().body.collect(1000);
    co_return Response::text(Status::ok, content ? *content : "failed");
  });
  Served served(std::move(router));
  SocketPeer client = served.dial();
  client.write(
      "PUT / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  CHECK(client.read_message().status() == 100);
  client.write("abc");
  CHECK(client.read_message().body == "abc");
}

TEST_CASE("a handler that does not read the content spares the client from sending it") {
  Router router;
  router.put("/",
             [](Context&) -> Task<Response> { co_return Response::text(Status::forbidden, "no"); });
  Served served(std::move(router));
  SocketPeer client = served.dial();
  client.write(
      "PUT / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  const WireMessage answer = client.read_message();
  CHECK(answer.status() == 403);
  // Whether the content follows cannot be known (RFC 9110 section 10.1.1): the connection ends.
  CHECK(answer.field("connection") == "close");
  CHECK(client.read_bytes().empty());
}

TEST_CASE("interim responses are passed on in front of the final one") {
  SocketUpstream origin([](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    gateway.write("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
    gateway.write(kSmallAnswer);
  });
  Served served(forwarding_to(origin));
  SECTION("to HTTP/1.1") {
    SocketPeer client = served.dial();
    client.write(kGet);
    const WireMessage hints = client.read_message();
    CHECK(hints.status() == 103);
    CHECK(hints.field("link") == "</a.css>; rel=preload");
    CHECK(client.read_message().status() == 200);
  }
  SECTION("not to HTTP/1.0") { CHECK(served.ask("GET / HTTP/1.0\r\n\r\n").status() == 200); }
}

TEST_CASE("chunked content and its trailers pass in both directions") {
  Recorder recorder(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n");
  Served served(forwarding_to(recorder.origin()));
  SocketPeer client = served.dial();
  client.write(
      "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nde\r\n1;x=y\r\nf\r\n0\r\nX-Up: 1\r\n\r\n");
  const WireMessage answer = client.read_message();
  CHECK(answer.is_chunked);
  CHECK(answer.body == "abc");
  CHECK(answer.trailers == "X-Sum: 6\r\n");
  CHECK(recorder.last().body == "def");
  CHECK(recorder.last().trailers == "X-Up: 1\r\n");
}

TEST_CASE("content that ends with the target's connection is chunked for the client") {
  SocketUpstream origin([](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    gateway.write("HTTP/1.1 200 OK\r\n\r\nuntil the end");
  });
  Served served(forwarding_to(origin));
  SocketPeer client = served.dial();
  for (int i = 0; i < 2; ++i) {
    client.write(kGet);
    const WireMessage answer = client.read_message();
    CHECK(answer.body == "until the end");
    CHECK(answer.is_chunked);
  }
}

TEST_CASE("answers carry Date and Via, requests Via and who asked") {
  Recorder recorder;
  Served served(forwarding_to(recorder.origin()));
  const WireMessage answer = served.get("/");
  CHECK(answer.field("date"));
  CHECK(answer.field("via") == "1.1 gatewaykit");
  const WireMessage request = recorder.last();
  CHECK(request.field("via") == "1.1 gatewaykit");
  CHECK(request.field("x-forwarded-for") == "127.0.0.1");
  CHECK(request.field("x-forwarded-proto") == "http");
  CHECK(request.field("x-forwarded-host") == "a.test");
}

TEST_CASE("a target's own Date is kept") {
  const std::string date = "Tue, 15 Nov 1994 08:12:31 GMT";
  Recorder recorder("HTTP/1.1 200 OK\r\nDate: " + date + "\r\nContent-Length: 0\r\n\r\n");
  Served served(forwarding_to(recorder.origin()));
  CHECK(served.get("/").fields("date") == std::vector{date});
}

TEST_CASE("hop-by-hop and nominated fields end at the gateway, its own cannot be stripped") {
  Recorder recorder(
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X-Hop\r\nX-Hop: 1\r\n"
      "Keep-Alive: timeout=5\r\nX-End: 1\r\n\r\n");
  Served served(forwarding_to(recorder.origin()));
  const WireMessage answer = served.ask(
      "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: X-Mine, X-Forwarded-For, Via\r\n"
      "X-Mine: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\n"
      "X-End: 1\r\n\r\n");
  for (const char* name : {"x-hop", "keep-alive"}) CHECK_FALSE(answer.field(name));
  CHECK(answer.field("x-end"));
  const WireMessage request = recorder.last();
  for (const char* name : {"x-mine", "keep-alive", "proxy-connection"}) {
    INFO(name);
    CHECK_FALSE(request.field(name));
  }
  CHECK(request.field("x-end"));
  CHECK(request.field("x-forwarded-for") == "127.0.0.1");
  CHECK(request.field("via"));
}

TEST_CASE("forwarding fields are believed from trusted proxies alone") {
  const std::string request =
      "GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 203.0.113.9, 127.0.0.1\r\n"
      "X-Forwarded-Proto: https\r\nX-Real-IP: 203.0.113.9\r\nX_Forwarded_For: 1.2.3.4\r\n"
      "X-Original-URL: /admin\r\nX-Gk-Internal: 1\r\n\r\n";
  Router router;
  Recorder recorder;
  router.get("/", proxy(UpstreamPool(upstream_of(recorder.origin()))));
  std::mutex mutex;
  std::string client;
  router.use([&](Context& ctx, Next next) -> Task<Response> {
    {
      const std::lock_guard lock(mutex);
      client = ctx.client().text();
    }
    co_return co_await next(ctx);
  });
  ListenOptions listen;
  SECTION("from anybody: dropped, and the peer is the client") {
    Served served(std::move(router), listen);
    CHECK(served.ask(request).status() == 200);
    const WireMessage seen = recorder.last();
    CHECK(seen.field("x-forwarded-for") == "127.0.0.1");
    CHECK(seen.field("x-forwarded-proto") == "http");
    for (const char* name : {"x-real-ip", "x_forwarded_for", "x-original-url", "x-gk-internal"}) {
      INFO(name);
      CHECK_FALSE(seen.field(name));
    }
    CHECK(client == "127.0.0.1");
  }
  SECTION("from a trusted proxy: kept and continued") {
    listen.trusted_proxies = {"127.0.0.0/8"};
    Served served(std::move(router), listen);
    CHECK(served.ask(request).status() == 200);
    CHECK(recorder.last().field("x-forwarded-for") == "203.0.113.9, 127.0.0.1, 127.0.0.1");
    CHECK(recorder.last().field("x-forwarded-proto") == "https");
    CHECK(client == "203.0.113.9");
  }
  SECTION("in the field that they write, and what a client wrote into the other is dropped") {
    listen.trusted_proxies = {"127.0.0.0/8"};
    listen.client_field = ClientField::forwarded;
    Served served(std::move(router), listen);
    CHECK(served
              .ask("GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 198.51.100.1\r\n"
                   "Forwarded: for=203.0.113.9;proto=https\r\n\r\n")
              .status() == 200);
    CHECK(client == "203.0.113.9");
    CHECK(recorder.last().fields("forwarded") ==
          std::vector<std::string>{"for=203.0.113.9;proto=https", "for=127.0.0.1"});
    CHECK(recorder.last().field("x-forwarded-for") == "203.0.113.9, 127.0.0.1");
  }
}

TEST_CASE("an encoded slash is refused unless the listener keeps it") {
  Recorder recorder;
  ListenOptions listen;
  SECTION("refused") {
    Served served(forwarding_to(recorder.origin()), listen);
    CHECK(served.get("/a%2Fb").status() == 400);
    CHECK(recorder.requests().empty());
  }
  SECTION("kept as it is") {
    listen.encoded_slash = EncodedSlash::keep;
    Served served(forwarding_to(recorder.origin()), listen);
    CHECK(served.get("/a%2fb").status() == 200);
    CHECK(recorder.last().target() == "/a%2Fb");
    CHECK(served.get("/a%2F..%2Fb").status() == 400);
  }
}

TEST_CASE("bytes of a tunnel pass both ways, and each side may end first") {
  SocketUpstream origin([](SocketPeer& gateway) {
    const WireMessage request = gateway.read_message();
    if (request.field("upgrade") != "echo") throw std::runtime_error("no upgrade");
    gateway.write(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    std::string all;
    for (std::string bytes = gateway.read_bytes(); !bytes.empty(); bytes = gateway.read_bytes()) {
      gateway.write(bytes);
      if (bytes.find("bye") != std::string::npos) return;
    }
    gateway.write("after your end");
  });
  Served served(forwarding_to(origin));
  SocketPeer client = served.dial();
  client.write("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
  const WireMessage answer = client.read_message();
  CHECK(answer.status() == 101);
  CHECK(answer.field("upgrade") == "echo");
  client.write("hello");
  CHECK(client.read_bytes() == "hello");
  SECTION("the target ends") {
    client.write("bye");
    CHECK(client.read_bytes() == "bye");
    CHECK(client.read_bytes().empty());
    client.close();
  }
  SECTION("the client ends, and still hears the target") {
    client.shut_down();
    CHECK(client.read_bytes() == "after your end");
    CHECK(client.read_bytes().empty());
  }
  CHECK(served.endings().next().status == 101);
  CHECK(origin.failures().empty());
}

TEST_CASE("what a handler throws is a 500 that tells nothing, and the connection goes on") {
  Router router;
  router.get("/throws", [](Context&) -> Task<Response> {
    throw std::runtime_error("secret");
    co_return Response();
  });
  router.get("/", [](Context&) -> Task<Response> { co_return Response::text(Status::ok, "ok"); });
  GatewayOptions options;
  std::mutex mutex;
  std::string log;
  options.log = [&](LogLevel, std::string_view line) {
    const std::lock_guard lock(mutex);
    log += line;
  };
  Served served(std::move(router), {}, std::move(options));
  SocketPeer client = served.dial();
  client.write("GET /throws HTTP/1.1\r\nHost: a.test\r\n\r\n");
  const WireMessage answer = client.read_message();
  CHECK(answer.status() == 500);
  CHECK(answer.field("content-type") == "application/problem+json");
  CHECK(answer.body.find("secret") == std::string::npos);
  client.write(kGet);
  CHECK(client.read_message().body == "ok");
  const std::lock_guard lock(mutex);
  CHECK(log.find("secret") != std::string::npos);
}

namespace {

Task<void> wait_until_cancelled() {
  Event never;
  [[maybe_unused]] const Wake wake = co_await never.wait();
}

}  // namespace

TEST_CASE("content that throws cuts the answer; what runs beside it is awaited") {
  /// Says something, then throws.
  class Throwing final : public BodySource {
   public:
    Task<Result<Chunk>> read() override {
      if (std::exchange(has_spoken_, true)) throw std::runtime_error("secret");
      co_return Chunk::of_static("some");
    }

   private:
    bool has_spoken_ = false;
  };
  Router router;
  router.get("/", [](Context& ctx) -> Task<Response> {
    ctx.spawn(wait_until_cancelled());
    Response response;
    response.body = Body(*new Throwing());
    co_return response;
  });
  GatewayOptions options;
  options.log = [](LogLevel, std::string_view) {};
  Served served(std::move(router), {}, std::move(options));
  SocketPeer client = served.dial();
  client.write(kGet);
  CHECK_FALSE(client.read_message().is_complete);
  const Ended ended = served.endings().next();
  CHECK(ended.status == 200);
  CHECK(ended.error == Errc::cancelled);
}

TEST_CASE("an unknown path is a 404 and a wrong method a 405 that names the right ones") {
  Router router;
  router.get("/a", [](Context&) -> Task<Response> { co_return Response(Status::no_content); });
  Served served(std::move(router));
  CHECK(served.get("/b").status() == 404);
  const WireMessage answer = served.ask("DELETE /a HTTP/1.1\r\nHost: a.test\r\n\r\n");
  CHECK(answer.status() == 405);
  CHECK(answer.field("allow").value_or("none") == "GET, HEAD");
  CHECK(served.ask("HEAD /a HTTP/1.1\r\nHost: a.test\r\n\r\n").status() == 204);
}

TEST_CASE("a request id is made, sent to the target and echoed") {
  Recorder recorder;
  Router router;
  router.use(request_id());
  router.any("/*", proxy(UpstreamPool(upstream_of(recorder.origin()))));
  Served served(std::move(router));
  const WireMessage answer =
      served.ask("GET / HTTP/1.1\r\nHost: a.test\r\nX-Request-Id: mine\r\n\r\n");
  const auto id = answer.field("x-request-id");
  REQUIRE(id);
  CHECK(id->size() == 36);
  CHECK(recorder.last().fields("x-request-id") == std::vector{*id});
}

TEST_CASE("many clients share a few connections to the target") {
  SocketUpstream origin(&echo_targets);
  GatewayOptions options;
  options.workers = 2;
  Served served(forwarding_to(origin), {}, std::move(options));
  std::vector<SocketPeer> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(served.dial());
  for (int round = 0; round < 4; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      clients[i].write("GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a.test\r\n\r\n");
      CHECK(clients[i].read_message().body == "/" + std::to_string(i));
    }
  }
  // One at a time: each worker needs a single one.
  CHECK(origin.connections() <= 2);
}
