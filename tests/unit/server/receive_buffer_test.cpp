// SPDX-License-Identifier: Apache-2.0
// ReceiveBuffer: no byte that a chunk shows is written again, and nothing is held for nothing.
#include "server/receive_buffer.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/testing/scripted.hpp"

using namespace gatewaykit;
using gatewaykit::testing::pattern;
using net::IoResult;
using server::ReceiveBuffer;

namespace {

/// Gives what was put into it, and takes down how much it was asked for.
class Source final : public net::Stream {
 public:
  IoResult receive(char* into, std::size_t size) noexcept override {
    room = size;
    if (bytes.empty()) return {IoResult::Kind::would_block};
    const std::size_t count = bytes.copy(into, size);
    bytes.erase(0, count);
    return {IoResult::Kind::bytes, count};
  }
  IoResult send(const iovec*, int) noexcept override { return {IoResult::Kind::would_block}; }
  void shutdown_send() noexcept override {}
  void reset_on_close() noexcept override {}

  std::string bytes;
  std::size_t room = 0;
};

struct World {
  void receive(std::string_view bytes, std::size_t room) {
    source.bytes = bytes;
    REQUIRE(buffer.receive(source, room).count == bytes.size());
    REQUIRE(source.room >= room);
  }
  /// All that is pending, as a chunk.
  Chunk take() {
    const std::string_view bytes = buffer.pending();
    Chunk chunk = buffer.share(bytes);
    buffer.drop(bytes.size());
    return chunk;
  }

  Source source;
  ReceiveBuffer buffer;
};

}  // namespace

TEST_CASE("nothing is pending at first, and nothing comes of nothing") {
  World world;
  CHECK(world.buffer.empty());
  CHECK(world.buffer.pending().empty());
  CHECK(world.buffer.receive(world.source, 10).kind == IoResult::Kind::would_block);
  CHECK(world.buffer.empty());
}

TEST_CASE("what is received stands behind what is pending, however little room there was") {
  World world;
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    const std::string piece = std::to_string(i) + ";";
    world.receive(piece, 10);
    expected += piece;
    REQUIRE(world.buffer.pending() == expected);
  }
  world.buffer.drop(4);
  CHECK(world.buffer.pending() == expected.substr(4));
  world.receive("more", 10'000);
  CHECK(world.buffer.pending() == expected.substr(4) + "more");
}

TEST_CASE("chunks show the same bytes for as long as they live, whatever is received") {
  World world;
  std::vector<Chunk> chunks;
  std::string expected;
  const std::size_t room = GENERATE(1, 7, 100, 4096);
  for (std::size_t i = 0; i < 200; ++i) {
    const std::string piece = pattern(expected.size(), std::min(room, i % 50 + 1));
    world.receive(piece, room);
    expected += piece;
    // Sometimes only a part is taken, so that the rest has to move.
    const std::string_view pending = world.buffer.pending();
    const std::string_view part =
        pending.substr(0, i % 3 == 0 ? pending.size() : pending.size() / 2);
    chunks.push_back(world.buffer.share(part));
    world.buffer.drop(part.size());
  }
  std::string together;
  for (const Chunk& chunk : chunks) together += chunk.view();
  together += world.buffer.pending();
  CHECK(together == expected);
}

TEST_CASE("memory is used again once no chunk shows it") {
  World world;
  world.receive("first", 100);
  const char* const place = world.buffer.pending().data();
  SECTION("let go") {
    { const Chunk chunk = world.take(); }
    world.receive("again", 100);
    CHECK(world.buffer.pending().data() == place);
  }
  SECTION("held") {
    const Chunk chunk = world.take();
    world.receive("again", 100);
    CHECK(world.buffer.pending().data() != place);
    CHECK(chunk.view() == "first");
  }
}

TEST_CASE("memory goes back where nothing is pending, and only there") {
  World world;
  world.receive("bytes", 100);
  SECTION("something is pending") {
    world.buffer.release_if_empty();
    CHECK(world.buffer.pending() == "bytes");
  }
  SECTION("nothing is") {
    const Chunk chunk = world.take();
    world.buffer.release_if_empty();
    CHECK(world.buffer.empty());
    CHECK(chunk.view() == "bytes");
    world.receive("more", 100);
    CHECK(world.buffer.pending() == "more");
    CHECK(chunk.view() == "bytes");
  }
}
