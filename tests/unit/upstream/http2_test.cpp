// SPDX-License-Identifier: Apache-2.0
// Exchanges on streams of HTTP/2 in virtual time: what waits for what, for how long, and what is
// left behind. The way of real content is told by tests/integration/peers/http2_targets.test.mjs.
#include <deque>

#include "catch.hpp"
#include "http2_peer.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

struct Http2World : World {
  explicit Http2World(const std::function<void(UpstreamOptions&)>& change = {}) {
    UpstreamOptions options;
    options.name = "users";
    options.targets = {"memory:users"};
    options.http2 = Http2Use::always;
    options.retries.attempts = 0;
    if (change) change(options);
    pool.emplace(options);
  }

  Http2Peer accept() { return Http2Peer(*this, executor.run(target.accept())); }
  /// A connection that has served one exchange, on stream 1.
  Http2Peer accept_used() {
    Pending first(*this, *pool, Request(Method::get, "/"));
    Http2Peer peer = accept();
    peer.next(FrameType::headers);
    peer.write(ok_head(1, kEndStream));
    REQUIRE(first.answer().status == 200);
    return peer;
  }
  std::uint32_t connections() const { return pool->stats().targets.front().connections; }
  std::uint64_t failures() const { return pool->stats().targets.front().failures; }

  FakeUpstream target{network, "memory:users"};
  std::optional<UpstreamPool> pool;
};

Request get() { return Request(Method::get, "/"); }
Request post() { return Request(Method::post, "/"); }

}  // namespace

TEST_CASE("exchanges that begin together share the connection that the first one dials") {
  Http2World world;
  Pending first(world, *world.pool, get());
  Pending second(world, *world.pool, get());
  Http2Peer peer = world.accept();
  CHECK(peer.next(FrameType::headers).stream == 1);
  CHECK(peer.next(FrameType::headers).stream == 3);
  CHECK(world.connections() == 1);
  peer.write(ok_head(3) + content(3, "second", kEndStream) + ok_head(1, kEndStream));
  CHECK(second.answer().content == "second");
  CHECK(first.answer().status == 200);
  CHECK(first.answer().content.empty());
}

TEST_CASE("one that cannot be dialled fails all that wait for it, once its time is over") {
  Http2World world([](UpstreamOptions& options) { options.targets = {"memory:nobody"}; });
  Pending first(world, *world.pool, get());
  Pending second(world, *world.pool, get());
  world.executor.settle();
  CHECK(first.answer().error->code == Errc::connect_failed);
  CHECK(second.answer().error->code == Errc::connect_failed);
  CHECK(world.connections() == 0);
}

TEST_CASE("a target has its time for the first byte, and only that stream ends with it") {
  Http2World world([](UpstreamOptions& options) { options.timeouts.first_byte = 3s; });
  Pending late(world, *world.pool, get());
  Http2Peer peer = world.accept();
  peer.next(FrameType::headers);
  world.executor.advance(2s);
  Pending other(world, *world.pool, get());
  CHECK(peer.next(FrameType::headers).stream == 3);
  world.executor.advance(1s);
  REQUIRE(late.is_over());
  CHECK(late.answer().error->code == Errc::first_byte_timeout);
  const Frame reset = peer.next(FrameType::reset);
  CHECK(reset.stream == 1);
  CHECK(reset.payload == big_endian(8));
  CHECK_FALSE(other.is_over());
  peer.write(ok_head(3, kEndStream));
  CHECK(other.answer().status == 200);
}

TEST_CASE("content that stops coming is a timeout within the content") {
  Http2World world([](UpstreamOptions& options) { options.timeouts.idle = 3s; });
  Pending pending(world, *world.pool, get());
  Http2Peer peer = world.accept();
  peer.next(FrameType::headers);
  peer.write(ok_head(1) + content(1, "some"));
  world.executor.advance(3s);
  REQUIRE(pending.is_over());
  CHECK(pending.answer().failed_in_body);
  CHECK(pending.answer().content == "some");
  CHECK(pending.answer().error->code == Errc::idle_timeout);
}

TEST_CASE("a target that is silent with work before it is asked whether it is there") {
  Http2World world([](UpstreamOptions& options) { options.timeouts.first_byte = 300s; });
  Pending pending(world, *world.pool, get());
  Http2Peer peer = world.accept();
  peer.next(FrameType::headers);
  world.executor.advance(15s);
  const Frame ping = peer.next(FrameType::ping);
  CHECK(ping.flags == 0);
  peer.write(frame(FrameType::ping, kAck, 0, ping.payload));
  world.executor.advance(14s);
  CHECK_FALSE(pending.is_over());
  world.executor.advance(1s);
  peer.next(FrameType::ping);
  world.executor.advance(10s);
  REQUIRE(pending.is_over());
  CHECK(pending.answer().error->code == Errc::reset);
  peer.wait_for_end();
}

TEST_CASE("a connection that was unused for long is asked together with its next request") {
  Http2World world;
  Http2Peer peer = world.accept_used();
  SECTION("not before") {
    world.executor.advance(14s);
    Pending pending(world, *world.pool, get());
    CHECK(peer.next().type == FrameType::headers);
  }
  SECTION("it answers, and all goes on") {
    world.executor.advance(15s);
    Pending pending(world, *world.pool, post());
    const Frame ping = peer.next();
    CHECK(ping.type == FrameType::ping);
    CHECK(peer.next().type == FrameType::headers);
    peer.write(frame(FrameType::ping, kAck, 0, ping.payload));
    world.executor.advance(10s);
    CHECK_FALSE(pending.is_over());
    peer.write(ok_head(3, kEndStream));
    CHECK(pending.answer().status == 200);
  }
  SECTION("it does not, and what may have had its effect fails") {
    world.executor.advance(15s);
    Pending pending(world, *world.pool, post());
    world.executor.advance(9s);
    CHECK_FALSE(pending.is_over());
    world.executor.advance(1s);
    REQUIRE(pending.is_over());
    CHECK(pending.answer().error->code == Errc::reset);
    peer.wait_for_end();
  }
  SECTION("it does not, and what may be sent twice goes elsewhere") {
    world.executor.advance(15s);
    Pending pending(world, *world.pool, get());
    world.executor.advance(10s);
    Http2Peer other = world.accept();
    CHECK(other.next(FrameType::headers).stream == 1);
    other.write(ok_head(1, kEndStream));
    CHECK(pending.answer().status == 200);
    CHECK(world.failures() == 0);
  }
}

TEST_CASE("an unused connection is closed in order once it was kept for its time") {
  Http2World world([](UpstreamOptions& options) { options.keep_alive = 20s; });
  Http2Peer peer = world.accept_used();
  world.executor.advance(19s);
  CHECK(world.connections() == 1);
  world.executor.advance(1s);
  CHECK(world.connections() == 0);
  CHECK(peer.next(FrameType::goaway).payload == big_endian(0) + big_endian(0));
}

TEST_CASE("the pool's last handle goes: what is unused is closed, what is used goes on") {
  Http2World world;
  Pending pending(world, *world.pool, get());
  Http2Peer peer = world.accept();
  peer.next(FrameType::headers);
  world.pool.reset();
  CHECK_FALSE(pending.is_over());
  peer.write(ok_head(1) + content(1, "done", kEndStream));
  CHECK(pending.answer().content == "done");
  peer.next(FrameType::goaway);
}

TEST_CASE("a client that leaves resets its stream, and the connection stays") {
  Http2World world;
  Pending pending(world, *world.pool, get());
  Http2Peer peer = world.accept();
  CHECK(peer.next(FrameType::headers).stream == 1);
  pending.disconnect();
  const Frame reset = peer.next(FrameType::reset);
  CHECK(reset.stream == 1);
  CHECK(reset.payload == big_endian(8));
  CHECK(world.connections() == 1);
}

TEST_CASE("a client that leaves while a connection is dialled leaves it to those who wait for it") {
  Http2World world([](UpstreamOptions& options) { options.targets = {"memory:users"}; });
  Pending first(world, *world.pool, get());
  Pending second(world, *world.pool, get());
  first.disconnect();
  Http2Peer peer = world.accept();
  const Frame head = peer.next(FrameType::headers);
  peer.write(ok_head(head.stream, kEndStream));
  while (!second.is_over()) peer.write(ok_head(peer.next(FrameType::headers).stream, kEndStream));
  CHECK(second.answer().status == 200);
}

TEST_CASE("a target's own limit of streams is kept") {
  Http2World world([](UpstreamOptions& options) { options.max_connections = 1; });
  Pending first(world, *world.pool, get());
  Http2Peer peer = world.accept();
  peer.next(FrameType::headers);
  peer.write(stream_limit(1));
  Pending second(world, *world.pool, get());
  world.executor.settle();
  peer.write(ok_head(1, kEndStream));
  CHECK(first.answer().status == 200);
  CHECK(peer.next(FrameType::headers).stream == 3);
  peer.write(ok_head(3, kEndStream));
  CHECK(second.answer().status == 200);
}

TEST_CASE("a new connection begins with as many streams as the target took on the one before") {
  Http2World world;
  Http2Peer peer = world.accept_used();
  peer.write(stream_limit(2) + goaway(1));
  CHECK(world.connections() == 0);
  std::deque<Pending> five;
  for (int i = 0; i < 5; ++i) five.emplace_back(world, *world.pool, get());
  world.executor.settle();
  CHECK(world.connections() == 3);
}

TEST_CASE("a target that takes no streams for now is not dialled by each exchange for itself") {
  Http2World world;
  Http2Peer peer = world.accept_used();
  peer.write(stream_limit(0));
  std::deque<Pending> many;
  for (int i = 0; i < 60; ++i) many.emplace_back(world, *world.pool, get());
  world.executor.settle();
  CHECK(world.connections() <= 2);
}

TEST_CASE("a stream that the target declines goes out again at once, which counts as nothing") {
  Http2World world;
  Pending pending(world, *world.pool,
                  World::request_with(Method::post, Body(Chunk::copy_of("abc"))));
  Http2Peer peer = world.accept();
  peer.next(FrameType::headers);
  const auto decline = [&peer](std::uint32_t stream) {
    constexpr std::uint32_t kRefusedStream = 7;
    peer.write(frame(FrameType::reset, 0, stream, big_endian(kRefusedStream)));
  };
  decline(1);
  CHECK(peer.next(FrameType::headers).stream == 3);
  CHECK(peer.next(FrameType::data).payload == "abc");
  CHECK(world.failures() == 0);
  SECTION("it is answered then") {
    peer.write(ok_head(3, kEndStream));
    CHECK(pending.answer().status == 200);
    CHECK(world.failures() == 0);
  }
  SECTION("declined again, it fails") {
    decline(3);
    REQUIRE(pending.is_over());
    CHECK(pending.answer().error->code == Errc::reset);
    CHECK(world.failures() == 1);
  }
  CHECK(world.pool->stats().retries == 0);
  CHECK(world.connections() == 1);
}

TEST_CASE("a connection is left before the target tires of the streams that clients take back") {
  Http2World world;
  Pending held(world, *world.pool, get());
  Http2Peer peer = world.accept();
  peer.next(FrameType::headers);
  const auto take_back = [&world](Http2Peer& from, int count) {
    for (int i = 0; i < count; ++i) {
      Pending pending(world, *world.pool, get());
      from.write(ok_head(from.next(FrameType::headers).stream));
      pending.disconnect();
      from.next(FrameType::reset);
    }
  };
  // Some come back with time.
  take_back(peer, 400);
  world.executor.advance(2s);
  take_back(peer, 40);
  CHECK(world.connections() == 1);
  take_back(peer, 1);

  Pending next(world, *world.pool, get());
  Http2Peer other = world.accept();
  other.write(ok_head(other.next(FrameType::headers).stream, kEndStream));
  CHECK(next.answer().status == 200);
  CHECK(world.connections() == 2);
  peer.write(ok_head(1) + content(1, "whole", kEndStream));
  CHECK(held.answer().content == "whole");
  peer.next(FrameType::goaway);
  CHECK(world.connections() == 1);
}

TEST_CASE("streams that the target does not end clog half of a connection at most") {
  Http2World world([](UpstreamOptions& options) { options.http2_streams = 10; });
  // Answered, and for the target not over.
  const auto clog = [&world](Http2Peer& peer, int count) {
    for (int i = 0; i < count; ++i) {
      Pending pending(world, *world.pool, Request(Method::head, "/"));
      peer.write(ok_head(peer.next(FrameType::headers).stream));
      REQUIRE(pending.answer().status == 200);
    }
  };
  SECTION("it is left once used again") {
    Http2Peer peer = world.accept_used();
    clog(peer, 5);
    clog(peer, 1);
    CHECK(world.connections() == 1);
    clog(peer, 1);
    CHECK(world.connections() == 0);
    peer.next(FrameType::goaway);
  }
  SECTION("one that is always in use is left within its time") {
    Pending held(world, *world.pool, get());
    Http2Peer peer = world.accept();
    peer.next(FrameType::headers);
    clog(peer, 6);
    world.executor.advance(15s);
    Pending next(world, *world.pool, get());
    Http2Peer other = world.accept();
    other.write(ok_head(other.next(FrameType::headers).stream, kEndStream));
    CHECK(next.answer().status == 200);
    peer.write(ok_head(1, kEndStream));
    CHECK(held.answer().status == 200);
    peer.next(FrameType::goaway);
    CHECK(world.connections() == 1);
  }
}

TEST_CASE("a connection is not left where no other may take its place") {
  Http2World world([](UpstreamOptions& options) {
    options.max_connections = 1;
    options.http2_streams = 10;
    options.timeouts.first_byte = 300s;
  });
  Pending held(world, *world.pool, get());
  Http2Peer peer = world.accept();
  peer.next(FrameType::headers);
  SECTION("for the streams that clients take back") {
    for (int i = 0; i < 401; ++i) {
      Pending pending(world, *world.pool, get());
      peer.write(ok_head(peer.next(FrameType::headers).stream));
      pending.disconnect();
      peer.next(FrameType::reset);
    }
  }
  SECTION("for those that the target does not end") {
    for (int i = 0; i < 6; ++i) {
      Pending pending(world, *world.pool, Request(Method::head, "/"));
      peer.write(ok_head(peer.next(FrameType::headers).stream));
    }
    world.executor.advance(15s);
    peer.write(frame(FrameType::ping, kAck, 0, peer.next(FrameType::ping).payload));
  }
  Pending next(world, *world.pool, get());
  world.executor.advance(2s);  // Longer than it may queue.
  CHECK_FALSE(next.is_over());
}

TEST_CASE("a place that a client gives up before its request was sent goes to the next") {
  Http2World world([](UpstreamOptions& options) {
    options.max_connections = 1;
    options.http2_streams = 1;
    options.queue_timeout = 100s;
  });
  Pending first(world, *world.pool, get());
  Http2Peer peer = world.accept();
  peer.next(FrameType::headers);
  Pending second(world, *world.pool, get());
  Pending third(world, *world.pool, get());
  world.executor.settle();
  // The place of the first is given to the second in the turn in which that one leaves.
  second.scope().cancel();
  peer.write(ok_head(1, kEndStream));
  CHECK(first.answer().status == 200);
  peer.write(ok_head(peer.next(FrameType::headers).stream, kEndStream));
  CHECK(third.answer().status == 200);
}

TEST_CASE("GOAWAY before the request was heard of: another connection, and no retry that counts") {
  Http2World world;
  Http2Peer peer = world.accept_used();
  Pending pending(world, *world.pool,
                  World::request_with(Method::post, Body(Chunk::copy_of("abc"))));
  CHECK(peer.next(FrameType::headers).stream == 3);
  peer.write(goaway(1));
  Http2Peer other = world.accept();
  CHECK(other.next(FrameType::headers).stream == 1);
  CHECK(other.next(FrameType::data).payload == "abc");
  other.write(ok_head(1, kEndStream));
  CHECK(pending.answer().status == 200);
  CHECK(world.pool->stats().retries == 0);
  peer.wait_for_end();
}

TEST_CASE("GOAWAY while a request waits for room in the socket: elsewhere, and nobody's fault") {
  Http2World world;
  ConnectionOptions narrow;
  narrow.to_server.capacity = 10'000;
  world.target.set_options(narrow);
  Pending upload(world, *world.pool,
                 World::request_with(Method::post, Body(Chunk::copy_of(std::string(60'000, 'x')))));
  Http2Peer peer = world.accept();
  world.executor.settle();
  Pending waiting(world, *world.pool, post());
  peer.write(goaway(1));
  for (Frame sent = peer.next();; sent = peer.next()) {
    CHECK(sent.stream == 1);
    if (sent.type == FrameType::data && (sent.flags & kEndStream) != 0) break;
  }
  Http2Peer other = world.accept();
  CHECK(other.next(FrameType::headers).stream == 1);
  other.write(ok_head(1, kEndStream));
  CHECK(waiting.answer().status == 200);
  peer.write(ok_head(1, kEndStream));
  CHECK(upload.answer().status == 200);
  CHECK(world.failures() == 0);
  CHECK(world.pool->stats().retries == 0);
}

TEST_CASE("content waits for the target's window, and goes on as it opens") {
  Http2World world;
  const std::string large(100'000, 'x');
  Pending pending(world, *world.pool,
                  World::request_with(Method::post, Body(Chunk::copy_of(large))));
  Http2Peer peer = world.accept();
  peer.next(FrameType::headers);
  std::size_t received = 0;
  while (received < 65'535) received += peer.next(FrameType::data).payload.size();
  CHECK(received == 65'535);
  const auto window = static_cast<FrameType>(8);
  peer.write(frame(window, 0, 0, big_endian(100'000)) + frame(window, 0, 1, big_endian(100'000)));
  Frame last = peer.next(FrameType::data);
  for (received += last.payload.size(); (last.flags & kEndStream) == 0;
       received += last.payload.size()) {
    last = peer.next(FrameType::data);
  }
  CHECK(received == large.size());
  peer.write(ok_head(1, kEndStream));
  CHECK(pending.answer().status == 200);
}

TEST_CASE("a target that never opens its window has the idle time") {
  Http2World world([](UpstreamOptions& options) { options.timeouts.idle = 5s; });
  Pending pending(
      world, *world.pool,
      World::request_with(Method::post, Body(Chunk::copy_of(std::string(70'000, 'x')))));
  Http2Peer peer = world.accept();
  peer.next(FrameType::headers);
  world.executor.advance(5s);
  REQUIRE(pending.is_over());
  CHECK(pending.answer().error->code == Errc::idle_timeout);
  CHECK(world.connections() == 1);
}

TEST_CASE("a target that sends little but PINGs is left, however well it waits for the answers") {
  Http2World world;
  Pending pending(world, *world.pool, get());
  Http2Peer peer = world.accept();
  peer.next(FrameType::headers);
  std::string pings;
  for (int i = 0; i < 100; ++i) pings += frame(FrameType::ping, 0, 0, "12345678");
  for (int i = 0; i < 200 && !pending.is_over(); ++i) {
    peer.write(pings);
    for (int k = 0; k < 100 && !pending.is_over(); ++k) peer.next(FrameType::ping);
  }
  REQUIRE(pending.is_over());
  CHECK(pending.answer().error->code == Errc::protocol);
}

TEST_CASE("a response that breaks the rules of messages is refused, and its stream reset") {
  const auto head = [](std::string_view fields, std::uint8_t flags = 0) {
    return frame(FrameType::headers, kEndHeaders | flags, 1, fields);
  };
  constexpr std::string_view kLengthOf2 = "\x88\x0f\x0d\x01\x32";  // content-length: 2
  constexpr std::string_view kEarlyHints = "\x48\x03\x31\x30\x33";
  struct Case {
    std::string sent;
    std::string reason;
  };
  const Case given = GENERATE_COPY(values<Case>({
      {head(kEarlyHints) + content(1, "early"), "content before the head of the response"},
      {head(kEarlyHints) + content(1, "", kEndStream), "the stream ends without a response"},
      {head(kEarlyHints, kEndStream), "the stream ends without a response"},
      {head(std::string(kEarlyHints) + "\x0f\x0d\x01\x32"), "an interim response has no content"},
      {head(kLengthOf2) + content(1, "abc", kEndStream), "more content than announced"},
      {head(kLengthOf2) + content(1, "a", kEndStream), "less content than announced"},
      {head(kLengthOf2, kEndStream), "less content than announced"},
      {head("\x88") + head("\x40\x01t\x01v"), "trailers that are not the end"},
      {head("\x88") + head("\x88", kEndStream), "a pseudo-field stands among the trailers"},
      {head("\x88") + head("\x40\x02te\x08trailers", kEndStream),
       "a field belongs to connections of HTTP/1"},
      {head(std::string("\x88\x40\x01") + "X\x01v"), "a field name is malformed"},
      {head(std::string("\x88\x40\x00\x01v", 5)), "a field name is malformed"},
      {head("\x88\x40\x01n\x03v\r\n"), "a field value is malformed"},
      {head("\x88\x40\x01n\x02 v"), "a field value is malformed"},
  }));
  CAPTURE(given.reason);
  Http2World world;
  Pending pending(world, *world.pool, get());
  Http2Peer peer = world.accept();
  peer.next(FrameType::headers);
  peer.write(given.sent);
  REQUIRE(pending.is_over());
  REQUIRE(pending.answer().error);
  CHECK(pending.answer().error->code == Errc::protocol);
  CHECK(pending.answer().error->detail == "memory:users: " + given.reason);
  // The connection serves the next one.
  Pending next(world, *world.pool, get());
  while (peer.next(FrameType::headers).stream != 3) continue;
  peer.write(ok_head(3) + content(3, "next", kEndStream));
  CHECK(next.answer().content == "next");
}

TEST_CASE("content behind a response that has none is dropped, and not taken for another's") {
  const auto [method, head] = GENERATE(table<Method, std::string>({
      {Method::head, "\x88\x0f\x0d\x01\x32"},  // content-length: 2
      {Method::get, "\x89"},                   // 204
      {Method::get, "\x8b"},                   // 304
  }));
  Http2World world;
  Pending pending(world, *world.pool, Request(method, "/"));
  Http2Peer peer = world.accept();
  peer.next(FrameType::headers);
  peer.write(frame(FrameType::headers, kEndHeaders, 1, head) + content(1, "ab", kEndStream));
  REQUIRE(pending.is_over());
  CHECK_FALSE(pending.answer().error);
  CHECK(pending.answer().content.empty());
  Pending next(world, *world.pool, get());
  CHECK(peer.next(FrameType::headers).stream == 3);
  peer.write(ok_head(3) + content(3, "next", kEndStream));
  CHECK(next.answer().content == "next");
}
