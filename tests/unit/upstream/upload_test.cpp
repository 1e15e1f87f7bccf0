// SPDX-License-Identifier: Apache-2.0
// Requests with content: framing, backpressure, expectations, early answers, failures on either
// side of the gateway.
#include <cerrno>
#include <string>

#include "catch.hpp"
#include "gatewaykit/routing/context.hpp"
#include "net/connector.hpp"
#include "pool_world.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

UpstreamOptions to_users() {
  UpstreamOptions options;
  options.name = "users";
  options.targets = {"memory:users"};
  options.retries.attempts = 0;
  return options;
}

Request post(Body body) { return World::request_with(Method::post, std::move(body)); }

/// A body of a client that waits for 100 (Continue) before it sends anything.
class ExpectingBody final : public BodySource {
 public:
  explicit ExpectingBody(std::string_view content) : content_(Chunk::of_static(content)) {}

  Task<Result<Chunk>> read() override {
    const Wake wake = co_await released_.wait();
    if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::client);
    released_.set();
    co_return std::exchange(content_, Chunk());
  }
  bool forward_expectation() override { return waits_; }
  std::optional<std::uint64_t> size() const override { return content_.size(); }

  void release_client() {
    waits_ = false;
    released_.set();
  }

 private:
  Chunk content_;
  Event released_;
  bool waits_ = true;
};

/// Takes a little, then fails to send; what the target says can still be received.
class BrokenPipe final : public net::Stream {
 public:
  net::IoResult receive(char* into, std::size_t size) noexcept override {
    const std::size_t count = response_.copy(into, size);
    response_.erase(0, count);
    if (count == 0) return {net::IoResult::Kind::failed, 0, ECONNRESET};
    return {net::IoResult::Kind::bytes, count};
  }
  net::IoResult send(const iovec* vectors, int) noexcept override {
    if (std::exchange(is_broken_, true)) return {net::IoResult::Kind::failed, 0, EPIPE};
    return {net::IoResult::Kind::bytes, vectors->iov_len};
  }
  void shutdown_send() noexcept override {}
  void reset_on_close() noexcept override {}
  void answer() { wake_reader(); }

 private:
  std::string response_ = ok("too much", "Connection: close\r\n");
  bool is_broken_ = false;
};

class BrokenConnector final : public Connector {
 public:
  Task<Result<net::StreamPtr>> connect(Endpoint, Duration) override {
    auto made = std::make_unique<BrokenPipe>();
    pipe = made.get();
    co_return net::StreamPtr(std::move(made));
  }
  Task<Result<std::vector<IpAddress>>> resolve(std::string, Duration) override {
    co_return Error(Errc::connect_failed, Origin::upstream);
  }

  BrokenPipe* pipe = nullptr;
};

}  // namespace

TEST_CASE("content is framed by its length where that is known, as chunks where not") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  target.answer_all(ok("thanks"));
  const UpstreamPool pool(to_users());
  ScriptedBody upload;
  SECTION("in memory") {
    REQUIRE(world.post(pool, "hello").content == "thanks");
    CHECK(target.requests().front().field("content-length") == "5");
    CHECK(target.requests().front().body == "hello");
  }
  SECTION("none: a POST says so") {
    REQUIRE(world.post(pool, "").content == "thanks");
    CHECK(target.requests().front().field("content-length") == "0");
  }
  SECTION("a source with a length") {
    upload.fill(200'000).with_size();
    REQUIRE(world.send(pool, post(upload.body())).content == "thanks");
    CHECK(target.requests().front().field("content-length") == "200000");
    CHECK(target.requests().front().body == pattern(0, 200'000));
  }
  SECTION("a source without") {
    upload.fill(200'000);
    REQUIRE(world.send(pool, post(upload.body())).content == "thanks");
    CHECK(target.requests().front().is_chunked);
    CHECK(target.requests().front().body == pattern(0, 200'000));
  }
  SECTION("a source that always lets wait, with trailers") {
    upload.chunk("a").pause(1s).chunk("b").trailer("x-sum", "2").always_suspending();
    REQUIRE(world.send(pool, post(upload.body())).content == "thanks");
    CHECK(target.requests().front().body == "ab");
    CHECK(target.requests().front().trailers == "x-sum: 2\r\n");
  }
  SECTION("a source of unknown length that is empty") {
    REQUIRE(world.send(pool, post(upload.body())).content == "thanks");
    CHECK(target.requests().front().is_chunked);
    CHECK(target.requests().front().body.empty());
  }
  // The connection serves the next request whatever the framing was.
  CHECK(world.get(pool).status == 200);
  CHECK(target.connections() == 1);
}

TEST_CASE("content is pulled no faster than the target takes it") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  ConnectionOptions narrow;
  narrow.to_server.capacity = 10'000;
  target.set_options(narrow);
  const UpstreamPool pool(to_users());
  ScriptedBody upload;
  upload.fill(10'000'000, 1000).with_size();
  Pending request(world, pool, post(upload.body()));
  MemoryPeer peer = world.executor.run(target.accept());
  world.executor.settle();
  CHECK(upload.bytes_read() <= 12'000);
  peer.reader().keep_bodies(false);
  CHECK(world.executor.run(peer.read_message()).body_size == 10'000'000);
  CHECK(upload.bytes_read() == 10'000'000);
  REQUIRE(world.executor.run(peer.write(ok("x"))));
  world.executor.settle();
  CHECK(request.answer().status == 200);
}

TEST_CASE("a slow upload that makes progress does not use up the time for the first byte") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  UpstreamOptions options = to_users();
  options.timeouts.first_byte = 2s;
  const UpstreamPool pool(options);
  ScriptedBody upload;
  for (int i = 0; i < 10; ++i) upload.chunk("piece").pause(1s);
  Pending request(world, pool, post(upload.body()));
  MemoryPeer peer = world.executor.run(target.accept());
  REQUIRE(world.executor.run(peer.read_message()).body_size == 50);
  world.executor.advance(1999ms);
  CHECK_FALSE(request.is_over());
  world.executor.advance(1ms);
  REQUIRE(request.is_over());
  CHECK(request.answer().error->code == Errc::first_byte_timeout);
}

TEST_CASE("a target that stops taking content: idle_timeout") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  UpstreamOptions options = to_users();
  options.timeouts.idle = 3s;
  const UpstreamPool pool(options);
  ScriptedBody upload;
  upload.fill(1'000'000).with_size();
  Pending request(world, pool, post(upload.body()));
  MemoryPeer peer = world.executor.run(target.accept());
  world.executor.settle();
  world.executor.advance(3s);
  REQUIRE(request.is_over());
  CHECK(request.answer().error->code == Errc::idle_timeout);
  CHECK(request.answer().error->origin == Origin::upstream);
  CHECK(pool.stats().targets.front().failures == 1);
  CHECK(pool.stats().targets.front().connections == 0);
}

TEST_CASE("a client that fails in its content resets the target, and gets its own error") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  const UpstreamPool pool(to_users());
  ScriptedBody upload;
  upload.chunk("begin");
  Errc expected = Errc::client_body_timeout;
  SECTION("chunked") { upload.pause(1s).fail(Error(Errc::client_body_timeout, Origin::client)); }
  SECTION("by length") {
    upload.pause(1s).fail(Error(Errc::client_body_timeout, Origin::client)).with_size(10);
  }
  SECTION("less than its length") {
    upload.pause(1s).with_size(10);
    expected = Errc::bad_message;
  }
  SECTION("more than its length") {
    upload.pause(1s).chunk("much more than that").with_size(10);
    expected = Errc::bad_message;
  }
  Pending request(world, pool, post(upload.body()));
  MemoryPeer peer = world.executor.run(target.accept());
  const WireMessage message = world.executor.run(peer.read_message());
  CHECK_FALSE(message.is_complete);
  CHECK(peer.was_reset());
  REQUIRE(request.is_over());
  CHECK(request.answer().error->code == expected);
  CHECK(request.answer().error->origin == Origin::client);
  CHECK(pool.stats().targets.front().failures == 0);
  CHECK(pool.stats().targets.front().connections == 0);
  CHECK(upload.was_dropped());
}

TEST_CASE("an early answer is passed on while the content still comes") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  const UpstreamPool pool(to_users());
  ScriptedBody upload;
  upload.chunk("first").hold().chunk("second");
  Pending request(world, pool, post(upload.body()));
  MemoryPeer peer = world.executor.run(target.accept());
  REQUIRE_FALSE(world.executor.run(peer.read_head()).head.empty());
  SECTION("a response that is complete ends the upload, and the connection with it") {
    REQUIRE(
        world.executor.run(peer.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n"
                                      "\r\nno")));
    world.executor.settle();
    REQUIRE(request.is_over());
    CHECK(request.answer().status == 413);
    CHECK(request.answer().content == "no");
    CHECK(upload.was_dropped());
    CHECK_FALSE(world.executor.run(peer.read_message()).is_complete);
    CHECK(pool.stats().targets.front().connections == 0);
    CHECK(pool.stats().targets.front().failures == 0);
  }
  SECTION("a response whose content goes on lets the upload go on, too") {
    REQUIRE(world.executor.run(
        peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")));
    world.executor.settle();
    upload.go_on();
    CHECK(world.executor.run(peer.read_message()).body == "firstsecond");
    CHECK_FALSE(request.is_over());
    REQUIRE(world.executor.run(peer.write("3\r\ntwo\r\n0\r\n\r\n")));
    world.executor.settle();
    REQUIRE(request.is_over());
    CHECK(request.answer().content == "onetwo");
    // Both were complete: the connection is fit for another exchange.
    CHECK(pool.stats().targets.front().connections == 1);
  }
}

TEST_CASE("a target that answers and closes without reading all is heard") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  const UpstreamPool pool(to_users());
  ScriptedBody upload;
  upload.fill(1'000'000).with_size();
  Pending request(world, pool, post(upload.body()));
  MemoryPeer peer = world.executor.run(target.accept());
  REQUIRE_FALSE(world.executor.run(peer.read_head()).head.empty());
  REQUIRE(world.executor.run(peer.write(ok("enough", "Connection: close\r\n"))));
  peer.shut_down();
  world.executor.settle();
  REQUIRE(request.is_over());
  CHECK(request.answer().status == 200);
  CHECK(request.answer().content == "enough");
}

TEST_CASE("a send that fails leaves the target time to say why") {
  World world;
  BrokenConnector connector;
  world.executor.set_connector(&connector);
  const UpstreamPool pool(to_users());
  ScriptedBody upload;
  upload.fill(1'000'000);
  SECTION("at once") {}
  SECTION("in a later send") { upload.always_suspending(); }
  Pending request(world, pool, post(upload.body()));
  world.executor.advance(1s);
  REQUIRE_FALSE(request.is_over());
  connector.pipe->answer();
  world.executor.settle();
  REQUIRE(request.is_over());
  CHECK(request.answer().status == 200);
  CHECK(request.answer().content == "too much");
  CHECK(upload.was_dropped());
}

TEST_CASE("a client that leaves in its upload closes the connection to the target") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  const UpstreamPool pool(to_users());
  ScriptedBody upload;
  upload.chunk("first").hold().chunk("second").with_size();
  Pending request(world, pool, post(upload.body()));
  MemoryPeer peer = world.executor.run(target.accept());
  REQUIRE_FALSE(world.executor.run(peer.read_head()).head.empty());
  request.disconnect();
  REQUIRE(request.is_over());
  CHECK(request.answer().error->code == Errc::cancelled);
  CHECK_FALSE(world.executor.run(peer.read_message()).is_complete);
  CHECK(peer.was_reset());
  CHECK(pool.stats().targets.front().failures == 0);
}

TEST_CASE("an expectation is forwarded where a client waits, and the content follows the 100") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  UpstreamOptions options = to_users();
  options.timeouts.first_byte = 2s;
  const UpstreamPool pool(options);
  auto* const source = new ExpectingBody("hello");
  Request request = post(Body(*source));
  request.headers.add("expect", "100-continue");
  Pending pending(world, pool, std::move(request));
  MemoryPeer peer = world.executor.run(target.accept());
  const WireMessage head = world.executor.run(peer.read_head());
  CHECK(head.field("expect") == "100-continue");
  CHECK(head.field("content-length") == "5");
  CHECK(head.body.empty());
  SECTION("asked for") {
    REQUIRE(world.executor.run(peer.write("HTTP/1.1 100 Continue\r\n\r\n")));
    world.executor.settle();
    REQUIRE(pending.ex().interims().size() == 1);
    CHECK(pending.ex().interims().front().status == Status::continue_);
    source->release_client();
    CHECK(world.executor.run(peer.read_message()).body == "hello");
    REQUIRE(world.executor.run(peer.write(ok("x"))));
    world.executor.settle();
    CHECK(pending.answer().status == 200);
  }
  SECTION("sent early by the client itself") {
    source->release_client();
    CHECK(world.executor.run(peer.read_message()).body == "hello");
    REQUIRE(world.executor.run(peer.write(ok("x"))));
    world.executor.settle();
    CHECK(pending.answer().status == 200);
  }
  SECTION("refused: the content is never sent") {
    REQUIRE(world.executor.run(
        peer.write("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")));
    world.executor.settle();
    REQUIRE(pending.is_over());
    CHECK(pending.answer().status == 417);
    CHECK_FALSE(world.executor.run(peer.read_message()).is_complete);
    CHECK(pool.stats().targets.front().connections == 0);
  }
  SECTION("never answered: the time for the first byte runs") {
    world.executor.advance(2s);
    REQUIRE(pending.is_over());
    CHECK(pending.answer().error->code == Errc::first_byte_timeout);
  }
}

TEST_CASE("an expectation is dropped where no client waits for the 100") {
  World world;
  FakeUpstream target(world.network, "memory:users");
  target.answer_all(ok("x"));
  const UpstreamPool pool(to_users());
  Request request = post(Body(Chunk::of_static("hello")));
  request.headers.add("expect", "100-continue");
  CHECK(world.send(pool, std::move(request)).status == 200);
  CHECK_FALSE(target.requests().front().field("expect"));
}
