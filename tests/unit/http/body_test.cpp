// SPDX-License-Identifier: Apache-2.0
// Chunk, Body, BodyFilter: bytes that stay valid for as long as somebody holds them, content that
// is pulled, read again, or dropped.
#include "gatewaykit/http/body.hpp"

#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/buffer.hpp"
#include "gatewaykit/http/headers.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using gatewaykit::Body;
using gatewaykit::BodyFilter;
using gatewaykit::BodySource;
using gatewaykit::Buffer;
using gatewaykit::Chunk;
using gatewaykit::Errc;
using gatewaykit::Error;
using gatewaykit::Headers;
using gatewaykit::Origin;
using gatewaykit::Result;
using gatewaykit::Task;
using gatewaykit::testing::pattern;
using gatewaykit::testing::ScriptedBody;
using gatewaykit::testing::VirtualExecutor;
using namespace std::chrono_literals;

namespace {

/// Hands its content on in upper case.
class Shouting final : public BodyFilter {
 public:
  using BodyFilter::BodyFilter;
  Task<Result<Chunk>> read() override {
    Result<Chunk> chunk = co_await inner().read();
    if (!chunk || chunk->empty()) co_return chunk;
    std::string loud(chunk->view());
    for (char& c : loud) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    co_return Chunk::copy_of(loud);
  }
};

/// Lives inside another object, which learns when its body is dropped.
class Embedded final : public BodySource {
 public:
  ~Embedded() override = default;
  Task<Result<Chunk>> read() override { co_return Chunk(); }
  void release() noexcept override { is_released = true; }
  bool is_released = false;
};

Result<std::string> collect(VirtualExecutor& executor, Body& body, std::size_t limit = 1 << 20) {
  return executor.run(body.collect(limit));
}

}  // namespace

TEST_CASE("a chunk without bytes is empty and owns nothing") {
  CHECK(Chunk().empty());
  CHECK(Chunk().size() == 0);
  CHECK(Chunk::copy_of("").empty());
  CHECK(Chunk::of_static("").empty());
}

TEST_CASE("a copied chunk is independent of the bytes that it was made of") {
  std::string text = "secret";
  const Chunk chunk = Chunk::copy_of(text);
  text.assign("XXXXXX");
  CHECK(chunk.view() == "secret");
}

TEST_CASE("the bytes live for as long as any copy of the chunk") {
  std::optional<Chunk> original = Chunk::copy_of("shared bytes");
  const Chunk copy = *original;
  const Chunk part = original->prefix(6);
  CHECK(copy.data() == original->data());
  CHECK(part.data() == original->data());
  original.reset();
  CHECK(copy.view() == "shared bytes");
  CHECK(part.view() == "shared");
}

TEST_CASE("a chunk of a buffer pins the buffer") {
  Buffer buffer = Buffer::allocate(16);
  std::memcpy(buffer.data(), "0123456789", 10);
  Chunk chunk(buffer, std::string_view(buffer.data() + 2, 3));
  CHECK_FALSE(buffer.unique());
  buffer = Buffer();
  CHECK(chunk.view() == "234");
}

TEST_CASE("a chunk that was moved from is empty: it shows no bytes that are gone") {
  Chunk first = Chunk::copy_of("first");
  Chunk second = std::move(first);
  CHECK(first.empty());
  CHECK(second.view() == "first");
  Chunk third = Chunk::copy_of("third");
  third = std::move(second);
  CHECK(second.empty());
  CHECK(third.view() == "first");
}

TEST_CASE("assigning a chunk to itself changes nothing") {
  Chunk chunk = Chunk::copy_of("same");
  const Chunk& same = chunk;
  chunk = same;
  CHECK(chunk.view() == "same");
}

TEST_CASE("a chunk can be used up from the front") {
  Chunk chunk = Chunk::copy_of("header:value");
  chunk.remove_prefix(7);
  CHECK(chunk.view() == "value");
  CHECK(chunk.prefix(100).view() == "value");
  chunk.remove_prefix(5);
  CHECK(chunk.empty());
}

TEST_CASE("a body without content is known to be empty and ends at once") {
  VirtualExecutor executor;
  Body body;
  CHECK(body.empty());
  CHECK(body.size() == 0);
  CHECK(body.source() == nullptr);
  CHECK(body.trailers() == nullptr);
  Chunk chunk = Chunk::copy_of("left over");
  REQUIRE(body.ready(chunk));
  CHECK(chunk.empty());
  Result<Chunk> end = executor.run(body.read());
  REQUIRE(end);
  CHECK(end->empty());
}

TEST_CASE("a body in memory is one chunk, then the end, again and again") {
  VirtualExecutor executor;
  Body body = Chunk::copy_of("content");
  CHECK_FALSE(body.empty());
  CHECK(body.size() == 7);
  const Result<Chunk> first = executor.run(body.read());
  REQUIRE(first);
  CHECK(first->view() == "content");
  CHECK(body.size() == 0);
  for (int i = 0; i < 2; ++i) {
    const Result<Chunk> end = executor.run(body.read());
    REQUIRE(end);
    CHECK(end->empty());
  }
}

TEST_CASE("a body in memory can be rewound, and its chunks outlive it") {
  VirtualExecutor executor;
  std::optional<Body> body = Body(Chunk::copy_of("content"));
  Chunk first;
  REQUIRE(body->ready(first));
  REQUIRE(body->rewind());
  CHECK(body->size() == 7);
  Chunk again;
  REQUIRE(body->ready(again));
  body.reset();
  CHECK(first.view() == "content");
  CHECK(again.view() == "content");
}

TEST_CASE("a body that was moved from is empty") {
  Body body = Chunk::copy_of("content");
  const Body moved = std::move(body);
  CHECK(moved.size() == 7);
  CHECK(body.empty());
  CHECK(body.size() == 0);

  ScriptedBody script;
  Body streaming = script.chunk("x").body();
  const Body taken = std::move(streaming);
  CHECK(streaming.empty());
  CHECK_FALSE(taken.empty());
  CHECK_FALSE(script.was_dropped());
}

TEST_CASE("dropping a body tells its source") {
  ScriptedBody script;
  {
    const Body body = script.chunk("unread").body();
    CHECK_FALSE(script.was_dropped());
  }
  CHECK(script.was_dropped());
  CHECK_FALSE(script.end_was_read());
}

TEST_CASE("a source that is part of another object is released, not deleted") {
  Embedded source;
  { const Body body(source); }
  CHECK(source.is_released);
}

TEST_CASE("assigning a body drops the one before") {
  ScriptedBody script;
  Body body = script.chunk("unread").body();
  body = Body(Chunk::of_static("another"));
  CHECK(script.was_dropped());
}

TEST_CASE("a chunk that is there passes without being read") {
  ScriptedBody script;
  Body body = script.chunk("one").chunk("two").pause(1s).body();
  Chunk chunk;
  REQUIRE(body.ready(chunk));
  CHECK(chunk.view() == "one");
  REQUIRE(body.ready(chunk));
  CHECK(chunk.view() == "two");
  CHECK_FALSE(body.ready(chunk));
  VirtualExecutor executor;
  const Result<Chunk> end = executor.run(body.read());
  REQUIRE(end);
  CHECK(end->empty());
}

TEST_CASE("collect() brings all of a body, whatever its pieces") {
  VirtualExecutor executor;
  ScriptedBody script;
  Body body = script.chunk("a").pause(5s).fill(100'000, 777).chunk("z").body();
  const Result<std::string> content = collect(executor, body);
  REQUIRE(content);
  CHECK(*content == "a" + pattern(0, 100'000) + "z");
  CHECK(script.end_was_read());
}

TEST_CASE("collect() takes exactly its limit, and not a byte more") {
  VirtualExecutor executor;
  for (const bool suspends : {false, true}) {
    CAPTURE(suspends);
    for (const std::size_t size : {0UL, 99UL, 100UL, 101UL, 5000UL}) {
      CAPTURE(size);
      ScriptedBody script;
      script.fill(size, 33);
      if (suspends) script.always_suspending();
      Body body = script.body();
      const Result<std::string> content = collect(executor, body, 100);
      REQUIRE(content.has_value() == (size <= 100));
      if (content) {
        CHECK(content->size() == size);
      } else {
        CHECK(content.error().code == Errc::body_too_large);
        CHECK(script.bytes_read() <= 132);
      }
    }
  }
}

TEST_CASE("collect() passes the failure of the source on") {
  VirtualExecutor executor;
  ScriptedBody script;
  Body body = script.chunk("half").fail(Error(Errc::reset, Origin::upstream)).body();
  const Result<std::string> content = collect(executor, body);
  REQUIRE_FALSE(content);
  CHECK(content.error().code == Errc::reset);
  const Result<Chunk> again = executor.run(body.read());
  REQUIRE_FALSE(again);
  CHECK(again.error().code == Errc::reset);
}

TEST_CASE("what a source knows, its body tells: size left, trailers, rewind") {
  VirtualExecutor executor;
  ScriptedBody script;
  Body body = script.chunk("12345").chunk("678").trailer("digest", "abc").with_size().body();
  CHECK(body.size() == 8);
  CHECK(body.trailers() == nullptr);
  Chunk chunk;
  REQUIRE(body.ready(chunk));
  CHECK(body.size() == 3);
  CHECK_FALSE(body.rewind());
  REQUIRE(collect(executor, body));
  REQUIRE(body.trailers() != nullptr);
  CHECK(body.trailers()->get("digest") == "abc");

  ScriptedBody again;
  Body rewindable = again.chunk("12345").with_size().with_rewind().body();
  REQUIRE(rewindable.ready(chunk));
  CHECK(rewindable.size() == 0);
  REQUIRE(rewindable.rewind());
  CHECK(rewindable.size() == 5);
  CHECK(*collect(executor, rewindable) == "12345");
}

TEST_CASE("a filter forwards what it does not change") {
  VirtualExecutor executor;
  ScriptedBody script;
  script.chunk("quiet ").pause(1s).chunk("words").trailer("digest", "abc").with_size();
  Body body(*new Shouting(script.body()));
  CHECK(body.size() == 11);
  const Result<std::string> content = collect(executor, body);
  REQUIRE(content);
  CHECK(*content == "QUIET WORDS");
  REQUIRE(body.trailers() != nullptr);
  CHECK(body.trailers()->get("digest") == "abc");
  CHECK_FALSE(body.rewind());
}

TEST_CASE("dropping a filter drops what it filters") {
  ScriptedBody script;
  { const Body body(*new Shouting(script.chunk("unread").body())); }
  CHECK(script.was_dropped());
}

TEST_CASE("a source that knows nothing says so") {
  VirtualExecutor executor;
  Embedded source;
  Body body(source);
  CHECK_FALSE(body.size().has_value());
  CHECK(body.trailers() == nullptr);
  CHECK_FALSE(body.rewind());
  CHECK_FALSE(body.empty());
  CHECK_FALSE(body.source()->forward_expectation());
  Chunk chunk;
  CHECK_FALSE(body.ready(chunk));
}
