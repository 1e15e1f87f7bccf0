// SPDX-License-Identifier: Apache-2.0
// Upstream pools over real sockets: what the virtual network cannot show of epoll's edges, resets
// and full kernel buffers. The loop runs on the test's thread, each target on its own.
#include <optional>
#include <string>

#include "catch.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/testing/socket_upstream.hpp"
#include "gatewaykit/upstream/upstream_pool.hpp"
#include "net/loop.hpp"
#include "net/socket_connector.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

constexpr std::uint64_t kLarge = 64 << 20;

/// Yields `size` bytes and their end.
class Zeros final : public BodySource {
 public:
  explicit Zeros(std::uint64_t size) : left_(size), piece_(Chunk::copy_of(std::string(65536, 0))) {}

  bool ready(Chunk& chunk) override {
    chunk = piece_.prefix(static_cast<std::size_t>(std::min<std::uint64_t>(left_, piece_.size())));
    left_ -= chunk.size();
    return true;
  }
  Task<Result<Chunk>> read() override {
    Chunk chunk;
    ready(chunk);
    co_return chunk;
  }

 private:
  std::uint64_t left_;
  Chunk piece_;
};

struct Exchanged {
  int status = 0;
  std::uint64_t bytes = 0;
  std::optional<Error> error;
};

Task<Exchanged> exchange(const UpstreamPool& pool, Context& ctx, Request request) {
  Exchanged outcome;
  Result<Response> response = co_await pool.send(ctx, std::move(request));
  if (!response) {
    outcome.error = std::move(response.error());
    co_return outcome;
  }
  outcome.status = code(response->status);
  for (;;) {
    Chunk chunk;
    if (!response->body.ready(chunk)) {
      Result<Chunk> next = co_await response->body.read();
      if (!next) {
        outcome.error = std::move(next.error());
        co_return outcome;
      }
      chunk = std::move(*next);
    }
    if (chunk.empty()) co_return outcome;
    outcome.bytes += chunk.size();
  }
}

/// A worker's loop, run by the test for one exchange at a time.
class LoopWorker {
 public:
  ~LoopWorker() {
    loop_.locals().clear(loop_);
    loop_.turn([] {});
  }

  Exchanged send(const UpstreamPool& pool, Request request) {
    const Peer peer;
    const Env env{&loop_, nullptr, &connector_};
    Context ctx(env, Request(Method::get, "/"), peer, peer, false, nullptr);
    std::optional<Exchanged> outcome;
    CancelScope scope;
    loop_.turn([&] { scope.spawn(env, run(pool, ctx, std::move(request), outcome)); });
    if (!outcome) loop_.run();
    return outcome.value();
  }
  Exchanged get(const UpstreamPool& pool) { return send(pool, Request(Method::get, "/")); }
  Exchanged post(const UpstreamPool& pool, Body body) {
    Request request(Method::post, "/");
    request.body = std::move(body);
    return send(pool, std::move(request));
  }

 private:
  Task<void> run(const UpstreamPool& pool, Context& ctx, Request request,
                 std::optional<Exchanged>& outcome) {
    Exchanged made = co_await exchange(pool, ctx, std::move(request));
    co_await ctx.scope().join();
    outcome = std::move(made);
    loop_.stop();
  }

  net::Loop loop_;
  net::SocketConnector connector_{loop_};
};

UpstreamOptions to(std::string url) {
  UpstreamOptions options;
  options.targets = {UpstreamTarget(std::move(url))};
  options.retries.attempts = 0;
  return options;
}

const char* const kSmall = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

}  // namespace

TEST_CASE("a connection is used for one exchange after the other") {
  SocketUpstream origin(kSmall);
  const UpstreamPool pool(to(origin.url()));
  LoopWorker worker;
  for (int i = 0; i < 200; ++i) REQUIRE(worker.get(pool).bytes == 2);
  CHECK(origin.connections() == 1);
  CHECK(origin.failures().empty());
}

TEST_CASE("connections that the target closes after every answer fail nothing, POST included") {
  SocketUpstream origin([](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    gateway.write(kSmall);
  });
  const UpstreamPool pool(to(origin.url()));
  LoopWorker worker;
  for (int i = 0; i < 200; ++i) REQUIRE(worker.get(pool).status == 200);
  CHECK(pool.stats().targets.front().failures == 0);
}

TEST_CASE("large content passes in both directions at once") {
  SocketUpstream origin([](SocketPeer& gateway) {
    gateway.reader().keep_bodies(false);
    const WireMessage head = gateway.read_head();
    const std::string piece(1 << 20, 'x');
    gateway.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kLarge) + "\r\n\r\n");
    if (head.field("expect-read")) static_cast<void>(gateway.read_message());
    for (std::uint64_t sent = 0; sent < kLarge; sent += piece.size()) gateway.write(piece);
    gateway.wait_for_end();
  });
  const UpstreamPool pool(to(origin.url()));
  LoopWorker worker;
  SECTION("down") { CHECK(worker.get(pool).bytes == kLarge); }
  SECTION("up, then down") {
    Request request(Method::post, "/");
    request.headers.add("expect-read", "1");
    request.body = Body(*new Zeros(kLarge));
    CHECK(worker.send(pool, std::move(request)).bytes == kLarge);
    CHECK(origin.bytes_in() > kLarge);
  }
}

TEST_CASE("a reset in the middle of content is a failure") {
  SocketUpstream origin([](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    gateway.write("HTTP/1.1 200 OK\r\n\r\n" + std::string(100'000, 'x'));
    gateway.reset();
  });
  const UpstreamPool pool(to(origin.url()));
  LoopWorker worker;
  const Exchanged outcome = worker.get(pool);
  REQUIRE(outcome.error);
  CHECK(outcome.error->code == Errc::reset);
}

TEST_CASE("a target that answers early and closes is heard in spite of the content under way") {
  SocketUpstream origin([](SocketPeer& gateway) {
    static_cast<void>(gateway.read_head());
    gateway.write(
        "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    gateway.shut_down();
    gateway.wait_for_end();
  });
  const UpstreamPool pool(to(origin.url()));
  LoopWorker worker;
  CHECK(worker.post(pool, Body(*new Zeros(kLarge))).status == 413);
}

TEST_CASE("a port that nobody listens on refuses at once") {
  std::string url;
  { url = SocketUpstream(kSmall).url(); }
  const UpstreamPool pool(to(url));
  LoopWorker worker;
  const Exchanged outcome = worker.get(pool);
  REQUIRE(outcome.error);
  CHECK(outcome.error->code == Errc::connect_failed);
}

TEST_CASE("a target that hangs is given up after its time") {
  SocketUpstream origin([](SocketPeer& gateway) { gateway.wait_for_end(); });
  UpstreamOptions options = to(origin.url());
  options.timeouts.first_byte = 50ms;
  const UpstreamPool pool(options);
  LoopWorker worker;
  CHECK(worker.get(pool).error->code == Errc::first_byte_timeout);
}

TEST_CASE("names are resolved off the loop") {
  SocketUpstream origin(kSmall);
  const UpstreamPool pool(to("http://localhost:" + std::to_string(origin.port())));
  LoopWorker worker;
  CHECK(worker.get(pool).status == 200);
}
