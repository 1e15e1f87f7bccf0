// SPDX-License-Identifier: Apache-2.0
// CompressedBody: what it gives decodes to what its source gave, soon, in small memory, and with
// its end: trailers, or the failure.
#include "transform/compressed_body.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "catch.hpp"
#include "decode.hpp"
#include "gatewaykit/core/async.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using namespace gatewaykit;
using namespace std::chrono_literals;
using testing::built_in_codings;
using testing::decode;
using testing::ScriptedBody;
using testing::some_noise;
using testing::some_text;
using testing::VirtualExecutor;
using transform::compress_whole;
using transform::CompressedBody;
using transform::CompressorPool;

namespace {

std::shared_ptr<CompressorPool> make_pool() {
  return std::make_shared<CompressorPool>(CompressorPool::LevelSet{3, 4, 5}, 64 << 20);
}

Body compressed(Body inner, ContentCoding coding, CompressorPool& pool) {
  return Body(*new CompressedBody(std::move(inner), pool.take(coding)));
}

/// All that a body gives, as its chunks.
struct Reading {
  std::string bytes;
  std::size_t chunks = 0;
  std::size_t largest = 0;
  std::optional<Error> failure;
};

Task<void> read_all(Body& body, Reading& reading) {
  for (;;) {
    Chunk chunk;
    if (!body.ready(chunk)) {
      Result<Chunk> next = co_await body.read();
      if (!next) {
        reading.failure = std::move(next.error());
        co_return;
      }
      chunk = std::move(*next);
    }
    if (chunk.empty()) co_return;
    reading.bytes += chunk.view();
    reading.largest = std::max(reading.largest, chunk.size());
    ++reading.chunks;
  }
}

Reading read_all(VirtualExecutor& executor, Body& body) {
  Reading reading;
  executor.run(read_all(body, reading));
  return reading;
}

}  // namespace

TEST_CASE("A body of any size and cut comes out as it went in") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  const std::size_t size = GENERATE(0, 1, 1000, 65536, 65537, 200000);
  const std::size_t piece = GENERATE(1, 100, 16384, 65536, 131072);
  if (size / piece > 20000) return;  // Slow, and shows nothing more.
  const bool is_suspending = GENERATE(false, true);
  if (is_suspending && piece == 1) return;
  CAPTURE(name_of(coding), size, piece, is_suspending);

  const std::string content = some_text(size);
  ScriptedBody source;
  for (std::size_t at = 0; at < size; at += piece) {
    source.chunk(std::string_view(content).substr(at, piece));
  }
  if (is_suspending) source.always_suspending();
  VirtualExecutor executor;
  const auto pool = make_pool();
  Body body = compressed(source.body(), coding, *pool);
  CHECK_FALSE(body.size().has_value());
  const Reading reading = read_all(executor, body);
  CHECK_FALSE(reading.failure.has_value());
  CHECK(reading.largest <= 65536);
  const auto decoded = decode(coding, reading.bytes);
  CHECK(decoded.is_complete);
  CHECK((decoded.content == content));
}

TEST_CASE("Content that does not compress comes out as it went in") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  const std::string content = some_noise(500000);
  VirtualExecutor executor;
  const auto pool = make_pool();
  Body body = compressed(Body(Chunk::copy_of(content)), coding, *pool);
  const Reading reading = read_all(executor, body);
  CHECK(reading.largest <= 65536);
  const auto decoded = decode(coding, reading.bytes);
  CHECK(decoded.is_complete);
  CHECK((decoded.content == content));
}

TEST_CASE("What the source has given is not held back while it waits") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  CAPTURE(name_of(coding));
  ScriptedBody source;
  source.chunk("data: one\n\n").hold().chunk("data: two\n").chunk("\n").hold().chunk("end");
  VirtualExecutor executor;
  const auto pool = make_pool();
  Body body = compressed(source.body(), coding, *pool);
  Reading reading;
  executor.spawn(read_all(body, reading));
  executor.settle();
  CHECK(decode(coding, reading.bytes).content == "data: one\n\n");
  source.go_on();
  executor.settle();
  CHECK(decode(coding, reading.bytes).content == "data: one\n\ndata: two\n\n");
  CHECK_FALSE(decode(coding, reading.bytes).is_complete);
  source.go_on();
  executor.settle();
  const auto decoded = decode(coding, reading.bytes);
  CHECK(decoded.content == "data: one\n\ndata: two\n\nend");
  CHECK(decoded.is_complete);
}

TEST_CASE("Chunks that are ready together are flushed together") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  ScriptedBody source;
  for (int i = 0; i < 100; ++i) source.chunk("event");
  source.hold();
  VirtualExecutor executor;
  const auto pool = make_pool();
  Body body = compressed(source.body(), coding, *pool);
  Reading reading;
  executor.spawn(read_all(body, reading));
  executor.settle();
  CHECK(reading.chunks == 1);
  CHECK(decode(coding, reading.bytes).content.size() == 500);
  source.go_on();
  executor.settle();  // The reader ends before what it reads from.
}

TEST_CASE("Nothing is read ahead of what is asked for") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  ScriptedBody source;
  constexpr std::size_t kPiece = 16384;
  const std::string noise = some_noise(kPiece);
  for (int i = 0; i < 100; ++i) source.chunk(noise);
  VirtualExecutor executor;
  const auto pool = make_pool();
  Body body = compressed(source.body(), coding, *pool);
  CHECK(source.bytes_read() == 0);
  const Result<Chunk> chunk = executor.run(body.read());
  REQUIRE(chunk);
  CHECK(chunk->size() > 0);
  CHECK(source.bytes_read() <= 5 * kPiece);
}

TEST_CASE("64 KiB of input, and it is the others' turn") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  const std::string content(1'000'000, 'x');
  VirtualExecutor executor;
  const auto pool = make_pool();
  Body body = compressed(Body(Chunk::copy_of(content)), coding, *pool);
  int turns = 0;
  bool is_over = false;
  const auto count = [](int& counted, const bool& over) -> Task<void> {
    while (!over) {
      ++counted;
      const Result<> turn = co_await next_turn();
      if (!turn) co_return;
    }
  };
  executor.spawn(count(turns, is_over));
  const Reading reading = read_all(executor, body);
  is_over = true;
  executor.settle();
  CHECK(turns >= 15);
  CHECK((decode(coding, reading.bytes).content == content));
}

TEST_CASE("Trailers pass, and the compressor is given back at the end") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  ScriptedBody source;
  source.chunk("content").trailer("x-checksum", "1");
  VirtualExecutor executor;
  const auto pool = make_pool();
  Body body = compressed(source.body(), coding, *pool);
  CHECK(body.trailers() == nullptr);
  CHECK(pool->in_use() > 0);
  const Reading reading = read_all(executor, body);
  CHECK(decode(coding, reading.bytes).is_complete);
  REQUIRE(body.trailers() != nullptr);
  CHECK(body.trailers()->get("x-checksum") == "1");
  CHECK(pool->in_use() == 0);
  // The end is there for whoever asks again.
  CHECK(read_all(executor, body).bytes.empty());
}

TEST_CASE("A source that fails is not ended, and what it gave before is passed on") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  ScriptedBody source;
  source.chunk("first").pause(1s).chunk("second").fail(Error(Errc::reset, Origin::upstream, "why"));
  VirtualExecutor executor;
  const auto pool = make_pool();
  Body body = compressed(source.body(), coding, *pool);
  const Reading reading = read_all(executor, body);
  REQUIRE(reading.failure.has_value());
  CHECK(reading.failure->code == Errc::reset);
  CHECK(reading.failure->origin == Origin::upstream);
  CHECK(reading.failure->detail == "why");
  const auto decoded = decode(coding, reading.bytes);
  CHECK(decoded.content == "firstsecond");
  CHECK_FALSE(decoded.is_complete);
  CHECK(pool->in_use() == 0);

  const Reading again = read_all(executor, body);
  CHECK(again.bytes.empty());
  CHECK(again.failure->code == Errc::reset);
}

TEST_CASE("A body that is dropped drops its source and gives the compressor back") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  ScriptedBody source;
  source.fill(1'000'000);
  VirtualExecutor executor;
  const auto pool = make_pool();
  {
    Body body = compressed(source.body(), coding, *pool);
    REQUIRE(executor.run(body.read()));
  }
  CHECK(source.was_dropped());
  CHECK(pool->in_use() == 0);
}

TEST_CASE("A reader that is cancelled between two turns is told so") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  VirtualExecutor executor;
  const auto pool = make_pool();
  Body body = compressed(Body(Chunk::copy_of(std::string(1'000'000, 'x'))), coding, *pool);
  CancelScope scope;
  scope.cancel();
  Reading reading;
  executor.run(read_all(body, reading), scope);
  REQUIRE(reading.failure.has_value());
  CHECK(reading.failure->code == Errc::cancelled);
}

TEST_CASE("Content is compressed in one go") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  const std::size_t size = GENERATE(1000, 65536, 65537, 262144);
  const std::string content = some_text(size);
  VirtualExecutor executor;
  const auto pool = make_pool();
  const std::optional<Chunk> whole =
      executor.run(compress_whole(pool->take(coding), Chunk::copy_of(content)));
  REQUIRE(whole);
  CHECK(whole->size() < size / 2);
  const auto decoded = decode(coding, whole->view());
  CHECK(decoded.is_complete);
  CHECK((decoded.content == content));
  CHECK(pool->in_use() == 0);
}

TEST_CASE("Content that would not be smaller is none") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  const std::string content = GENERATE(std::string("x"), some_noise(1000), some_noise(200000));
  VirtualExecutor executor;
  const auto pool = make_pool();
  CHECK_FALSE(executor.run(compress_whole(pool->take(coding), Chunk::copy_of(content))));
  CHECK(pool->in_use() == 0);
}

TEST_CASE("Content in one go is cancelled between its turns") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  VirtualExecutor executor;
  const auto pool = make_pool();
  CancelScope scope;
  scope.cancel();
  const Chunk content = Chunk::copy_of(some_text(200000));
  CHECK_FALSE(executor.run(compress_whole(pool->take(coding), content), scope));
}
