// SPDX-License-Identifier: Apache-2.0
// RequestBody: content comes in as it is read and not before, within the limits of the listener,
// and never a byte of the next message with it. On virtual time.
#include "server/request_body.hpp"

#include <optional>
#include <string>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/async.hpp"
#include "gatewaykit/testing/memory_network.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"
#include "testing/memory_stream.hpp"
#include "unit/codec/splits.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::testing;
using codec::BodyFraming;
using server::ReceiveBuffer;
using server::RequestBody;

namespace {

constexpr std::string_view kNextRequest = "GET /next HTTP/1.1\r\n";
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

/// A connection whose client is the test's.
class World {
 public:
  explicit World(const ListenLimits& its_limits = {}, const ConnectionOptions& options = {})
      : limits(its_limits), pair_(make_memory_pair(executor, options)) {
    executor.settle();
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() { executor.finish(scope_); }

  void begin(BodyFraming framing) { body.begin(framing, false, false); }
  void begin_expecting(BodyFraming framing) { body.begin(framing, true, false); }
  void begin_upgrade() { body.begin(BodyFraming::none(), false, true); }

  /// As if these bytes had been received together with the head.
  void receive_early(std::string_view bytes) {
    send(bytes);
    REQUIRE(input.receive(*stream, 4096).count == bytes.size());
  }
  void send(std::string_view bytes) {
    executor.run(client.write(std::string(bytes)));
    executor.settle();
  }
  /// What the client was sent until it waits for more.
  std::string sent_to_client() {
    std::string received;
    CancelScope scope;
    executor.spawn(take(received), scope);
    executor.settle();
    executor.finish(scope);
    return received;
  }
  /// The client sends a piece after every pause while the test goes on.
  void trickle(std::string piece, Duration pause, int times) {
    executor.spawn(send_pieces(std::move(piece), pause, times), scope_);
  }
  /// Waits for the next piece beside the test; the piece or the name of the failure.
  void read_into(std::string& read) { executor.spawn(keep(read), scope_); }
  void cancel() { executor.finish(scope_); }

  /// The content and, behind a slash, "end" or the name of the failure.
  std::string read_all() { return executor.run(collect()); }
  /// The next piece alone, read without help of ready(); the name of the failure.
  std::string read_one() { return executor.run(one()); }
  bool discard(std::uint64_t limit, Duration time) {
    return executor.run(body.discard(limit, executor.now() + time));
  }
  std::string left() {
    std::string bytes(input.pending());
    char buffer[256];
    const net::IoResult result = stream->receive(buffer, sizeof(buffer));
    return bytes.append(buffer, result.count);
  }

  VirtualExecutor executor;
  const ListenLimits limits;

 private:
  Task<std::string> collect() {
    std::string text;
    for (;;) {
      Chunk chunk;
      if (!body.ready(chunk)) {
        Result<Chunk> read = co_await body.read();
        if (!read) co_return text.append("/").append(to_string(read.error().code));
        chunk = std::move(*read);
      }
      if (chunk.empty()) co_return text + "/end";
      text += chunk.view();
    }
  }
  Task<std::string> one() {
    Result<Chunk> read = co_await body.read();
    if (!read) co_return std::string(to_string(read.error().code));
    co_return std::string(read->view());
  }
  Task<void> keep(std::string& into) { into = co_await one(); }
  Task<void> take(std::string& into) {
    for (;;) {
      const std::string bytes = co_await client.read();
      if (bytes.empty()) co_return;
      into += bytes;
    }
  }
  Task<void> send_pieces(std::string piece, Duration pause, int times) {
    for (int i = 0; i < times; ++i) {
      const Result<> slept = co_await sleep_for(pause);
      if (!slept) co_return;
      const bool is_sent = co_await client.write(piece);
      if (!is_sent) co_return;
    }
  }

  CancelScope scope_;
  MemoryStreamPair pair_;

 public:
  MemorySocket client{std::move(pair_.client)};
  std::unique_ptr<MemoryStream> stream{std::move(pair_.server)};
  ReceiveBuffer input;
  RequestBody body{*stream, input, limits};
};

/// What comes of content that arrives up to each of `ends`, with what was left of the bytes.
std::string outcome(BodyFraming framing, std::string_view message,
                    const std::vector<std::size_t>& ends) {
  World world;
  world.begin(framing);
  std::string text;
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    world.send(message.substr(begin, end - begin));
    begin = end;
    Chunk chunk;
    while (world.body.ready(chunk) && !chunk.empty()) text += chunk.view();
  }
  text += world.read_all();
  if (world.body.trailers() != nullptr) text += "|" + text_of(*world.body.trailers());
  return text + "|" + world.left();
}

}  // namespace

TEST_CASE("content by its length is all of it and nothing of what follows, at every split") {
  const std::string message = "hello, world" + std::string(kNextRequest);
  const auto run = [](std::string_view bytes, const std::vector<std::size_t>& ends) {
    return outcome(BodyFraming::of_length(12), bytes, ends);
  };
  CHECK(at_every_split(message, run) == "hello, world/end|" + std::string(kNextRequest));
}

TEST_CASE("chunked content is freed of its framing, at every split") {
  const std::string message =
      "5;a=b\r\nhello\r\n7\r\n, world\r\n0\r\nX-Sum: 12\r\n\r\n" + std::string(kNextRequest);
  const auto run = [](std::string_view bytes, const std::vector<std::size_t>& ends) {
    return outcome(BodyFraming::chunked(), bytes, ends);
  };
  CHECK(at_every_split(message, run) ==
        "hello, world/end|X-Sum: 12\n|" + std::string(kNextRequest));
}

TEST_CASE("a request without content has ended before it is read") {
  const BodyFraming framing = GENERATE(BodyFraming::none(), BodyFraming::of_length(0));
  World world;
  world.receive_early(kNextRequest);
  world.begin(framing);
  CHECK(world.body.has_ended());
  CHECK(world.body.size() == 0);
  CHECK(world.read_all() == "/end");
  CHECK(world.left() == kNextRequest);
}

TEST_CASE("the size is what is left, where the length is known") {
  World world;
  world.begin(BodyFraming::of_length(10));
  CHECK(world.body.size() == 10);
  world.send("hello");
  CHECK(world.read_one() == "hello");
  CHECK(world.body.size() == 5);
  CHECK(world.body.received() == 5);
  world.send("world");
  CHECK(world.read_all() == "world/end");
  CHECK(world.body.size() == 0);
  CHECK(world.read_all() == "/end");
}

TEST_CASE("the size of chunks is not known, and framing is no content") {
  World world;
  world.begin(BodyFraming::chunked());
  CHECK_FALSE(world.body.size());
  CHECK(world.body.trailers() == nullptr);
  world.send("5\r\nhello\r\n0\r\n\r\n");
  CHECK(world.read_all() == "hello/end");
  CHECK(world.body.received() == 5);
  CHECK(world.body.size() == 0);
}

TEST_CASE("nothing is received that nobody reads") {
  World world({}, {.to_server = {.capacity = 100}});
  world.begin(BodyFraming::of_length(1000));
  world.trickle(std::string(1000, 'x'), 0s, 1);
  world.executor.advance(1s);
  CHECK(world.input.empty());
  CHECK(world.read_one().size() == 100);
  CHECK(world.read_all() == std::string(900, 'x') + "/end");
}

TEST_CASE("chunks stay what they were while more is received") {
  World world({}, {.to_server = {.fragment = 700}});
  world.begin(BodyFraming::of_length(200'000));
  world.trickle(pattern(0, 200'000), 0s, 1);
  const auto read = [](RequestBody& body) -> Task<std::vector<Chunk>> {
    std::vector<Chunk> chunks;
    for (;;) {
      Result<Chunk> chunk = co_await body.read();
      if (!chunk || chunk->empty()) co_return chunks;
      chunks.push_back(std::move(*chunk));
    }
  };
  std::string together;
  for (const Chunk& chunk : world.executor.run(read(world.body))) together += chunk.view();
  CHECK(together == pattern(0, 200'000));
}

// --- Limits.

TEST_CASE("a length above the limit is refused before a byte is read") {
  ListenLimits limits;
  limits.body = 10;
  World world(limits);
  SECTION("above") {
    world.receive_early("hello");
    world.begin(BodyFraming::of_length(11));
    REQUIRE(world.body.failure());
    CHECK(world.body.failure()->code == Errc::body_too_large);
    CHECK(world.body.failure()->origin == Origin::client);
    CHECK(world.read_all() == "/body_too_large");
    CHECK(world.left() == "hello");
  }
  SECTION("at the limit") {
    world.begin(BodyFraming::of_length(10));
    CHECK_FALSE(world.body.failure());
    world.send("0123456789");
    CHECK(world.read_all() == "0123456789/end");
  }
}

TEST_CASE("chunks are counted against the limit") {
  ListenLimits limits;
  limits.body = 10;
  World world(limits);
  world.begin(BodyFraming::chunked());
  world.send("8\r\n01234567\r\n");
  SECTION("at the limit") {
    world.send("2\r\n89\r\n0\r\n\r\n");
    CHECK(world.read_all() == "0123456789/end");
  }
  SECTION("one above: the piece that exceeds it is not handed out") {
    world.send("3\r\n89X\r\n0\r\n\r\n");
    CHECK(world.read_all() == "01234567/body_too_large");
    REQUIRE(world.body.failure());
    CHECK_FALSE(world.body.has_ended());
    CHECK(world.read_one() == "body_too_large");
  }
}

TEST_CASE("content that stops coming fails after the idle limit, counted from the last byte") {
  World world;
  world.begin(BodyFraming::of_length(100));
  world.trickle("some", 6s, 1);
  const TimePoint begun = world.executor.now();
  CHECK(world.read_all() == "some/client_body_timeout");
  CHECK(world.executor.now() - begun == 6s + world.limits.body_idle);
  CHECK(world.body.failure()->origin == Origin::client);
  CHECK(world.read_one() == "client_body_timeout");
}

TEST_CASE("a byte every three seconds for ever is too slow once the grace has passed") {
  const bool is_chunked = GENERATE(false, true);
  World world;
  world.begin(is_chunked ? BodyFraming::chunked() : BodyFraming::of_length(1000));
  world.trickle(is_chunked ? "1\r\nx\r\n" : "x", 3s, 1000);
  const TimePoint begun = world.executor.now();
  CHECK(world.read_all() == "xxxxxx/client_body_timeout");
  CHECK(world.executor.now() - begun == 21s);
}

TEST_CASE("framing does not count as content for the rate") {
  World world;
  world.begin(BodyFraming::chunked());
  world.trickle("1;" + std::string(1000, 'e') + "\r\nx\r\n", 1s, 1000);
  CHECK(world.read_all() == std::string(19, 'x') + "/client_body_timeout");
}

TEST_CASE("slow content above the rate may take as long as it takes") {
  World world;
  world.begin(BodyFraming::of_length(100 * 310));
  world.trickle(std::string(310, 'x'), 3s, 100);
  CHECK(world.read_all() == std::string(100 * 310, 'x') + "/end");
}

TEST_CASE("without a rate any content passes that does not stop") {
  ListenLimits limits;
  limits.body_rate = std::nullopt;
  World world(limits);
  world.begin(BodyFraming::of_length(100));
  world.trickle("x", 9s, 100);
  CHECK(world.read_all() == std::string(100, 'x') + "/end");
}

TEST_CASE("the client does not answer for the time in which nobody reads") {
  World world;
  SECTION("before the first read") {
    world.begin_expecting(BodyFraming::of_length(4));
    world.executor.advance(60s);
    world.trickle("late", 1s, 1);
    CHECK(world.read_all() == "late/end");
  }
  SECTION("between two reads") {
    world.begin(BodyFraming::of_length(8));
    world.send("some");
    CHECK(world.read_one() == "some");
    world.executor.advance(60s);
    world.trickle("more", 1s, 1);
    CHECK(world.read_all() == "more/end");
  }
}

// --- Expect: 100-continue.

TEST_CASE("the first reader answers 100, once") {
  World world;
  world.begin_expecting(BodyFraming::of_length(10));
  CHECK(world.body.is_continue_pending());
  Chunk chunk;
  CHECK_FALSE(world.body.ready(chunk));
  CHECK(world.sent_to_client().empty());
  world.trickle("hello", 1s, 2);
  CHECK(world.read_one() == "hello");
  CHECK(world.sent_to_client() == kContinue);
  CHECK_FALSE(world.body.is_continue_pending());
  CHECK_FALSE(world.body.forward_expectation());
  CHECK(world.read_all() == "hello/end");
  CHECK(world.sent_to_client().empty());
}

TEST_CASE("an expectation that is handed on is not answered here") {
  World world;
  world.begin_expecting(BodyFraming::of_length(5));
  CHECK(world.body.forward_expectation());
  CHECK_FALSE(world.body.forward_expectation());
  CHECK(world.body.is_continue_pending());
  world.trickle("hello", 1s, 1);
  CHECK(world.read_all() == "hello/end");
  CHECK(world.sent_to_client().empty());
}

TEST_CASE("without an expectation there is none to hand on and nothing to answer") {
  World world;
  world.begin(BodyFraming::of_length(5));
  CHECK_FALSE(world.body.forward_expectation());
  CHECK_FALSE(world.body.is_continue_pending());
  world.trickle("hello", 1s, 1);
  CHECK(world.read_all() == "hello/end");
  CHECK(world.sent_to_client().empty());
}

TEST_CASE("a client that sends early needs no 100") {
  World world;
  world.begin_expecting(BodyFraming::of_length(10));
  world.receive_early("hello");
  SECTION("the next read takes what is there") { CHECK(world.read_one() == "hello"); }
  SECTION("so does ready()") {
    Chunk chunk;
    REQUIRE(world.body.ready(chunk));
    CHECK(chunk.view() == "hello");
  }
  CHECK_FALSE(world.body.is_continue_pending());
  CHECK_FALSE(world.body.forward_expectation());
  world.trickle("world", 1s, 1);
  CHECK(world.read_all() == "world/end");
  CHECK(world.sent_to_client().empty());
}

TEST_CASE("content that turns out to be empty leaves no 100 pending") {
  World world;
  world.begin_expecting(BodyFraming::chunked());
  world.trickle("0\r\n\r\n", 1s, 1);
  CHECK(world.read_all() == "/end");
  CHECK_FALSE(world.body.is_continue_pending());
}

// --- Failures.

TEST_CASE("a client that leaves within its content has not ended it") {
  const auto [framing, bytes] = GENERATE(table<BodyFraming, std::string>({
      {BodyFraming::of_length(10), "hello"},
      {BodyFraming::chunked(), "5\r\nhello"},
      {BodyFraming::chunked(), "5\r\nhello\r\n"},
      {BodyFraming::chunked(), "5\r\nhello\r\n0\r\n"},
  }));
  const bool is_reset = GENERATE(false, true);
  World world;
  world.begin(framing);
  world.send(bytes);
  CHECK(world.read_one() == "hello");
  if (is_reset) {
    world.client.reset();
  } else {
    world.client.close();
  }
  CHECK(world.read_all() == "/cancelled");
  CHECK(world.body.failure()->origin == Origin::client);
  CHECK_FALSE(world.body.has_ended());
}

TEST_CASE("malformed chunks are a fault of the client, after what was good") {
  const std::string bad = GENERATE("x\r\n", "-1\r\n", "\r\n", "5\nhello", "0\r\nno colon\r\n\r\n");
  World world;
  world.begin(BodyFraming::chunked());
  world.send("2\r\nok\r\n" + bad);
  CHECK(world.read_all() == "ok/bad_message");
  CHECK(world.body.failure()->origin == Origin::client);
  CHECK(world.body.trailers() == nullptr);
}

TEST_CASE("a reader that is cancelled has not lost the content") {
  std::string read;
  World world;
  world.begin(BodyFraming::of_length(5));
  world.read_into(read);
  world.executor.settle();
  world.cancel();
  CHECK(read == "cancelled");
  world.send("hello");
  CHECK(world.read_all() == "hello/end");
}

// --- What is left unread.

TEST_CASE("what is left is read and forgotten, and the next message is not touched") {
  World world;
  SECTION("all of it is there") {
    world.begin(BodyFraming::of_length(5));
    world.send("hello" + std::string(kNextRequest));
  }
  SECTION("it is still to come") {
    world.begin(BodyFraming::chunked());
    world.trickle("5\r\nhello\r\n0\r\n\r\n" + std::string(kNextRequest), 1s, 1);
  }
  SECTION("a part was read") {
    world.begin(BodyFraming::of_length(10));
    world.send("hello");
    CHECK(world.read_one() == "hello");
    world.trickle("world" + std::string(kNextRequest), 1s, 1);
  }
  CHECK(world.discard(200, 2s));
  CHECK(world.body.has_ended());
  CHECK(world.left() == kNextRequest);
}

TEST_CASE("no more than the limit is forgotten, and framing counts as well") {
  World world;
  world.begin(BodyFraming::chunked());
  const TimePoint begun = world.executor.now();
  SECTION("chunks") {
    world.trickle("5\r\nhello\r\n", 10ms, 1000);
    CHECK_FALSE(world.discard(100, 2s));
    CHECK(world.body.received() == 55);
  }
  SECTION("extensions of chunks") {
    world.trickle("1;e=zz\r\nx\r\n", 10ms, 1000);
    CHECK_FALSE(world.discard(110, 2s));
    CHECK(world.body.received() == 11);
  }
  CHECK(world.executor.now() - begun == 110ms);
}

TEST_CASE("forgetting takes no longer than it may, however the content comes") {
  World world;
  world.begin(BodyFraming::of_length(1000));
  SECTION("not at all") {}
  SECTION("in small pieces") { world.trickle("x", 30ms, 1000); }
  const TimePoint begun = world.executor.now();
  CHECK_FALSE(world.discard(10'000, 2s));
  CHECK(world.executor.now() - begun >= 2s);
  CHECK(world.executor.now() - begun < 2100ms);
}

TEST_CASE("forgetting asks for nothing: no 100 is sent") {
  World world;
  world.begin_expecting(BodyFraming::of_length(5));
  CHECK_FALSE(world.discard(100, 1s));
  CHECK(world.sent_to_client().empty());
}

TEST_CASE("a client that leaves ends the forgetting at once") {
  World world;
  world.begin(BodyFraming::of_length(1000));
  world.send("hello");
  world.client.close();
  const TimePoint begun = world.executor.now();
  CHECK_FALSE(world.discard(10'000, 2s));
  CHECK(world.executor.now() == begun);
}

// --- Tunnels.

TEST_CASE("nothing of a tunnel is handed out before it is open") {
  std::string read;
  World world;
  world.receive_early("early ");
  world.begin_upgrade();
  world.send("bytes");
  Chunk chunk;
  CHECK_FALSE(world.body.ready(chunk));
  CHECK_FALSE(world.body.has_ended());
  world.read_into(read);
  world.executor.advance(60s);
  CHECK(read.empty());
  world.body.open_tunnel();
  world.executor.settle();
  CHECK(read == "early ");
  CHECK(world.read_one() == "bytes");
}

TEST_CASE("a tunnel knows neither idle time nor rate nor limit, and ends with the client") {
  ListenLimits limits;
  limits.body = 10;
  World world(limits);
  world.begin_upgrade();
  world.body.open_tunnel();
  CHECK_FALSE(world.body.size());
  world.trickle("frame;", 60s, 5);
  for (int i = 0; i < 5; ++i) REQUIRE(world.read_one() == "frame;");
  world.client.shut_down();
  CHECK(world.read_all() == "/end");
  CHECK(world.body.has_ended());
  CHECK(world.body.received() == 30);
}

TEST_CASE("a tunnel that is reset has failed") {
  World world;
  world.begin_upgrade();
  world.body.open_tunnel();
  world.client.reset();
  CHECK(world.read_all() == "/cancelled");
}

TEST_CASE("who waits for a tunnel can be cancelled") {
  std::string read;
  World world;
  world.begin_upgrade();
  world.read_into(read);
  world.executor.settle();
  world.cancel();
  CHECK(read == "cancelled");
}

TEST_CASE("a tunnel that is refused has ended, and what was sent is the next message") {
  std::string read = "nothing yet";
  World world;
  world.receive_early(kNextRequest);
  world.begin_upgrade();
  SECTION("before it is read") {}
  SECTION("while a reader waits") {
    world.read_into(read);
    world.executor.settle();
    CHECK(read == "nothing yet");
    world.body.refuse_tunnel();
    world.executor.settle();
    CHECK(read.empty());
  }
  world.body.refuse_tunnel();
  CHECK(world.body.has_ended());
  CHECK(world.read_all() == "/end");
  CHECK(world.discard(100, 1s));
  CHECK(world.left() == kNextRequest);
}

TEST_CASE("refusing a tunnel that was not asked for leaves the content") {
  World world;
  world.begin(BodyFraming::of_length(5));
  world.body.refuse_tunnel();
  world.send("hello");
  CHECK(world.read_all() == "hello/end");
}
