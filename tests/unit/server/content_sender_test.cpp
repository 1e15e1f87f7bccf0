// SPDX-License-Identifier: Apache-2.0
// ContentSender: head and content in as few sends as can be, however little the client takes at a
// time, and never content that passes for complete when it is not. On virtual time.
#include "server/content_sender.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/async.hpp"
#include "gatewaykit/testing/memory_network.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"
#include "testing/memory_stream.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::testing;
using codec::BodyFraming;
using net::IoResult;
using server::ContentSender;

namespace {

constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\n\r\n";
constexpr Duration kPatience = 10s;

/// Takes down every send.
class RecordingStream final : public net::Stream {
 public:
  IoResult receive(char*, std::size_t) noexcept override { return {IoResult::Kind::would_block}; }
  IoResult send(const iovec* vectors, int count) noexcept override {
    if (error != 0) return {IoResult::Kind::failed, 0, error};
    std::string together;
    for (int i = 0; i < count; ++i) {
      together.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
    }
    sends.push_back(together);
    return {IoResult::Kind::bytes, together.size()};
  }
  void shutdown_send() noexcept override {}
  void reset_on_close() noexcept override {}

  std::vector<std::string> sends;
  int error = 0;
};

/// A sender over a recording stream, its head written.
struct Recorded {
  Recorded() { sender.head().append(kHead); }
  RecordingStream stream;
  ContentSender sender{stream, kPatience};
};

/// A sender over a connection whose client takes what `to_client` lets it.
class World {
 public:
  explicit World(const LinkOptions& to_client = {})
      : pair_(make_memory_pair(executor, {.to_client = to_client})) {
    sender.head().append(kHead);
    executor.settle();
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() { executor.finish(scope_); }

  /// The client takes all it gets, so much after each pause.
  void read_along(std::size_t most = 64 * 1024, Duration pause = {}) {
    executor.spawn(take(most, pause), scope_);
  }
  /// The name of the failure; "sent" without one.
  std::string run() { return executor.run(send()); }

  VirtualExecutor executor;

 private:
  Task<std::string> send() {
    const Result<> sent = co_await sender.run();
    co_return sent ? std::string("sent") : std::string(to_string(sent.error().code));
  }
  Task<void> take(std::size_t most, Duration pause) {
    for (;;) {
      const std::string bytes = co_await client.read(most);
      if (bytes.empty()) co_return;
      received += bytes;
      if (pause == Duration{}) continue;
      const Result<> slept = co_await sleep_for(pause);
      if (!slept) co_return;
    }
  }

  CancelScope scope_;
  MemoryStreamPair pair_;

 public:
  MemorySocket client{std::move(pair_.client)};
  std::unique_ptr<MemoryStream> stream{std::move(pair_.server)};
  ContentSender sender{*stream, kPatience};
  std::string received;
};

std::string with_head(std::string_view content) { return std::string(kHead).append(content); }

}  // namespace

TEST_CASE("a head without content is one send") {
  Recorded recorded;
  recorded.sender.begin(nullptr, BodyFraming::of_length(5));  // As for HEAD.
  CHECK(recorded.sender.advance());
  CHECK_FALSE(recorded.sender.failure());
  CHECK(recorded.stream.sends == std::vector{std::string(kHead)});
  CHECK(recorded.sender.bytes() == kHead.size());
}

TEST_CASE("head and content that is there leave in one send, without a task") {
  Recorded recorded;
  const std::string content = pattern(0, GENERATE(1, 5, 2000, 2048, 2049, 100'000));
  Body body(Chunk::copy_of(content));
  recorded.sender.begin(&body, BodyFraming::of_length(content.size()));
  CHECK(recorded.sender.advance());
  CHECK_FALSE(recorded.sender.failure());
  CHECK(recorded.stream.sends == std::vector{with_head(content)});
  CHECK(recorded.sender.bytes() == kHead.size() + content.size());
}

TEST_CASE("chunks that are there leave together, however many") {
  Recorded recorded;
  ScriptedBody script;
  SECTION("their end, too") {
    Body body = script.chunk("a").chunk("b").chunk("c").body();
    recorded.sender.begin(&body, BodyFraming::chunked());
    CHECK(recorded.sender.advance());
    CHECK(recorded.stream.sends ==
          std::vector{with_head("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n")});
  }
  SECTION("more than there is room for are sent one batch after the other") {
    std::string expected(kHead);
    for (int i = 0; i < 100; ++i) {
      script.chunk("piece");
      expected += "5\r\npiece\r\n";
    }
    Body body = script.body();
    recorded.sender.begin(&body, BodyFraming::chunked());
    CHECK(recorded.sender.advance());
    std::string together;
    for (const std::string& sent : recorded.stream.sends) together += sent;
    CHECK(together == expected + "0\r\n\r\n");
    CHECK(recorded.stream.sends.size() < 30);
  }
}

TEST_CASE("the head does not wait for content that is still to come") {
  World world;
  world.read_along();
  ScriptedBody script;
  Body body = script.hold().chunk("late").body();
  world.sender.begin(&body, BodyFraming::chunked());
  CHECK_FALSE(world.sender.advance());
  world.executor.settle();
  CHECK(world.received == kHead);
  script.go_on();
  CHECK(world.run() == "sent");
  world.executor.settle();
  CHECK(world.received == with_head("4\r\nlate\r\n0\r\n\r\n"));
}

TEST_CASE("what was sent is held no longer while more is awaited") {
  World world;
  world.read_along();
  const Buffer bytes = Buffer::allocate(10'000);
  std::fill_n(bytes.data(), bytes.capacity(), 'x');
  struct Source final : BodySource {
    explicit Source(const Buffer& buffer) : chunk(buffer, {buffer.data(), buffer.capacity()}) {}
    bool ready(Chunk& into) override {
      into = std::exchange(chunk, Chunk());
      return !into.empty();
    }
    Task<Result<Chunk>> read() override { co_return Chunk(); }
    Chunk chunk;
  };
  Body body(*new Source(bytes));
  world.sender.begin(&body, BodyFraming::chunked());
  CHECK_FALSE(world.sender.advance());
  CHECK(bytes.unique());
  CHECK(world.run() == "sent");
}

TEST_CASE("the same bytes arrive however few the client takes at a time") {
  struct Case {
    BodyFraming framing;
    bool has_trailer;
    std::string expected;
  };
  const std::string large = pattern(0, 3000);
  const std::vector<Case> cases = {
      {BodyFraming::of_length(3012), false, "hello" + large + ", world"},
      {BodyFraming::until_close(), false, "hello" + large + ", world"},
      {BodyFraming::chunked(), false,
       "5\r\nhello\r\nbb8\r\n" + large + "\r\n7\r\n, world\r\n0\r\n\r\n"},
      {BodyFraming::chunked(), true,
       "5\r\nhello\r\nbb8\r\n" + large + "\r\n7\r\n, world\r\n0\r\nx-sum: 1\r\n\r\n"},
  };
  const bool is_suspending = GENERATE(false, true);
  for (const Case& each : cases) {
    for (std::size_t capacity = 1; capacity < 80; ++capacity) {
      World world({.capacity = capacity});
      world.read_along();
      ScriptedBody script;
      script.chunk("hello").chunk(large).chunk(", world");
      if (each.has_trailer) script.trailer("x-sum", "1");
      if (is_suspending) script.always_suspending();
      Body body = script.body();
      world.sender.begin(&body, each.framing);
      REQUIRE(world.run() == "sent");
      world.executor.settle();
      REQUIRE(world.received == with_head(each.expected));
      REQUIRE(world.sender.bytes() == world.received.size());
    }
  }
}

TEST_CASE("a send that is cut short at any byte goes on there") {
  const std::string expected = with_head("5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n");
  for (std::size_t cut = 1; cut < expected.size(); ++cut) {
    World world({.capacity = cut});
    ScriptedBody script;
    Body body = script.chunk("hello").chunk(", world").body();
    world.sender.begin(&body, BodyFraming::chunked());
    REQUIRE_FALSE(world.sender.advance());
    REQUIRE(world.sender.bytes() == cut);
    world.read_along();
    REQUIRE(world.run() == "sent");
    world.executor.settle();
    REQUIRE(world.received == expected);
  }
}

TEST_CASE("content is pulled no faster than the client takes it") {
  World world({.capacity = 1000});
  ScriptedBody script;
  Body body = script.fill(10 << 20).body();
  world.sender.begin(&body, BodyFraming::of_length(10 << 20));
  CHECK_FALSE(world.sender.advance());
  CHECK(script.bytes_read() <= 256 * 1024);
  world.read_along();
  CHECK(world.run() == "sent");
  CHECK(script.bytes_read() == 10 << 20);
}

TEST_CASE("large content arrives as it is") {
  World world;
  world.read_along();
  ScriptedBody script;
  Body body = script.fill(1'000'000, 10'000).body();
  world.sender.begin(&body, BodyFraming::of_length(1'000'000));
  CHECK(world.run() == "sent");
  world.executor.settle();
  CHECK(world.received == with_head(pattern(0, 1'000'000)));
}

// --- What was announced.

TEST_CASE("the announced length is what is sent, or the response fails") {
  const bool is_suspending = GENERATE(false, true);
  World world;
  world.read_along();
  ScriptedBody script;
  script.chunk("hello").chunk("world");
  if (is_suspending) script.always_suspending();
  Body body = script.body();
  SECTION("more") {
    const std::uint64_t length = GENERATE(1, 4, 5, 6, 9);
    world.sender.begin(&body, BodyFraming::of_length(length));
    CHECK(world.run() == "bad_message");
    world.executor.settle();
    CHECK(world.received.size() < kHead.size() + length + 1);
  }
  SECTION("less") {
    world.sender.begin(&body, BodyFraming::of_length(11));
    CHECK(world.run() == "bad_message");
    world.executor.settle();
    CHECK(world.received.size() < kHead.size() + 11);
  }
  SECTION("exactly") {
    world.sender.begin(&body, BodyFraming::of_length(10));
    CHECK(world.run() == "sent");
    world.executor.settle();
    CHECK(world.received == with_head("helloworld"));
  }
}

TEST_CASE("a length that is not kept is the gateway's failure and needs no task to show") {
  Recorded recorded;
  Body body(Chunk::of_static("hello"));
  recorded.sender.begin(&body, BodyFraming::of_length(GENERATE(4, 6)));
  CHECK(recorded.sender.advance());
  REQUIRE(recorded.sender.failure());
  CHECK(recorded.sender.failure()->code == Errc::bad_message);
  CHECK(recorded.sender.failure()->origin == Origin::gateway);
}

TEST_CASE("content that fails is never ended") {
  const bool is_suspending = GENERATE(false, true);
  const auto [framing, expected] = GENERATE(table<BodyFraming, std::string>({
      {BodyFraming::chunked(), "5\r\nhello\r\n"},
      {BodyFraming::of_length(10), "hello"},
      {BodyFraming::until_close(), "hello"},
  }));
  World world;
  world.read_along();
  ScriptedBody script;
  script.chunk("hello").fail(Error(Errc::reset, Origin::upstream));
  if (is_suspending) script.always_suspending();
  Body body = script.body();
  world.sender.begin(&body, framing);
  CHECK(world.run() == "reset");
  world.executor.settle();
  CHECK(world.received == with_head(expected));
}

// --- Clients that do not take it.

TEST_CASE(
    "a client that takes nothing is given up after the patience, counted from the last byte") {
  World world({.capacity = 1000});
  ScriptedBody script;
  Body body = script.fill(100'000).body();
  world.sender.begin(&body, BodyFraming::of_length(100'000));
  const TimePoint begun = world.executor.now();
  SECTION("from the beginning") {
    CHECK(world.run() == "idle_timeout");
    CHECK(world.executor.now() - begun == kPatience);
  }
  SECTION("after some time") {
    const auto take_once = [](World& w) -> Task<void> {
      const Result<> slept = co_await sleep_for(7s);
      if (!slept) co_return;
      w.received = co_await w.client.read();
    };
    world.executor.spawn(take_once(world));
    CHECK(world.run() == "idle_timeout");
    CHECK(world.received.size() == 1000);
    CHECK(world.executor.now() - begun == 7s + kPatience);
  }
}

TEST_CASE("a client that takes some within the patience, each time, gets all of it") {
  World world({.capacity = 1000});
  world.read_along(1000, 9s);
  ScriptedBody script;
  Body body = script.fill(20'000).body();
  world.sender.begin(&body, BodyFraming::of_length(20'000));
  const TimePoint begun = world.executor.now();
  CHECK(world.run() == "sent");
  CHECK(world.executor.now() - begun > 100s);
}

TEST_CASE("time in which there is nothing to send is not the client's") {
  World world;
  world.read_along();
  ScriptedBody script;
  Body body = script.pause(3 * kPatience).chunk("late").body();
  world.sender.begin(&body, BodyFraming::of_length(4));
  CHECK(world.run() == "sent");
}

TEST_CASE("a client that is gone fails the response") {
  SECTION("at once") {
    Recorded recorded;
    recorded.stream.error = ECONNRESET;
    Body body(Chunk::of_static("hello"));
    recorded.sender.begin(&body, BodyFraming::of_length(5));
    CHECK(recorded.sender.advance());
    REQUIRE(recorded.sender.failure());
    CHECK(recorded.sender.failure()->code == Errc::reset);
    CHECK(recorded.sender.failure()->origin == Origin::client);
    CHECK(recorded.sender.bytes() == 0);
  }
  SECTION("while there is no room") {
    World world({.capacity = 1000});
    ScriptedBody script;
    Body body = script.fill(100'000).body();
    world.sender.begin(&body, BodyFraming::of_length(100'000));
    CHECK_FALSE(world.sender.advance());
    world.client.reset();
    CHECK(world.run() == "reset");
  }
  SECTION("after some bytes") {
    World world({.reset_after = 2000});
    world.read_along();
    ScriptedBody script;
    Body body = script.fill(100'000, 1000).always_suspending().body();
    world.sender.begin(&body, BodyFraming::of_length(100'000));
    CHECK(world.run() == "reset");
    CHECK(script.bytes_read() < 10'000);
  }
}

TEST_CASE("a response whose scope is cancelled stops where it waits") {
  World world({.capacity = 10});
  ScriptedBody script;
  Body body = script.fill(1000).body();
  world.sender.begin(&body, BodyFraming::of_length(1000));
  std::string outcome;
  const auto keep = [](World& w, std::string& into) -> Task<void> {
    const Result<> sent = co_await w.sender.run();
    into = sent ? "sent" : to_string(sent.error().code);
  };
  CancelScope scope;
  world.executor.spawn(keep(world, outcome), scope);
  world.executor.settle();
  CHECK(outcome.empty());
  world.executor.finish(scope);
  CHECK(outcome == "cancelled");
}
