// SPDX-License-Identifier: Apache-2.0
// Requests to switch protocols that come to nothing: the connection stays an HTTP connection, and
// what stands behind the request is the next request.
#include <stdexcept>
#include <string>

#include "catch.hpp"
#include "served.hpp"

using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

constexpr std::string_view kUpgrade =
    "GET /socket HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
constexpr std::string_view kNext = "GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// What a gateway makes of an upgrade that is answered 403, and of the request behind it.
void check_refusal(const Served& served) {
  SocketPeer client = served.dial();
  SECTION("sent together") { client.write(std::string(kUpgrade).append(kNext)); }
  SECTION("sent after the answer") {
    client.write(kUpgrade);
    CHECK(client.read_head().status() == 403);
    client.write(kNext);
  }
  const WireMessage refusal = client.read_message();
  CHECK(refusal.status() == 403);
  CHECK_FALSE(refusal.field("connection"));
  const WireMessage next = client.read_message();
  CHECK(next.status() == 200);
  CHECK(next.body == "ok");
}

Task<void> read_once(Context& ctx) {
  Result<Chunk> chunk = co_await ctx.request().body.read();
  if (chunk && !chunk->empty()) throw std::runtime_error("content of a tunnel that is not");
}

}  // namespace

TEST_CASE("a target that does not switch protocols leaves an HTTP connection") {
  SocketUpstream origin([](SocketPeer& gateway) {
    for (;;) {
      const WireMessage request = gateway.read_message();
      if (!request.is_complete) return;
      gateway.write(request.target() == "/next"
                        ? std::string(kSmallAnswer)
                        : "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnono");
    }
  });
  check_refusal(Served(forwarding_to(origin)));
  CHECK(origin.failures().empty());
}

TEST_CASE("so does a handler that answers itself") {
  Router router;
  router.get("/next",
             [](Context&) -> Task<Response> { co_return Response::text(Status::ok, "ok"); });
  SECTION("without a look at the content") {
    router.get("/socket", [](Context&) -> Task<Response> {
      co_return Response::text(Status::forbidden, "nono");
    });
    check_refusal(Served(std::move(router)));
  }
  SECTION("while something waits for the tunnel") {
    router.get("/socket", [](Context& ctx) -> Task<Response> {
      ctx.spawn(read_once(ctx));
      co_return Response::text(Status::forbidden, "nono");
    });
    check_refusal(Served(std::move(router)));
  }
}
