// SPDX-License-Identifier: Apache-2.0
// CompressorPool: what compressors may take together, and what is kept for later.
#include "transform/compressor_pool.hpp"

#include <memory>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "decode.hpp"

using namespace gatewaykit;
using testing::built_in_codings;
using transform::Compressor;
using transform::CompressorPool;
using transform::memory_of;

namespace {

constexpr int kLevel = 3;
constexpr CompressorPool::LevelSet kLevels{kLevel, kLevel, kLevel};

std::shared_ptr<CompressorPool> pool_for(std::size_t compressors, ContentCoding coding) {
  return std::make_shared<CompressorPool>(kLevels, compressors * memory_of(coding, kLevel));
}

}  // namespace

TEST_CASE("Compressors in use are bounded by what they take") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  const auto pool = pool_for(2, coding);
  auto first = pool->take(coding);
  auto second = pool->take(coding);
  CHECK(first);
  CHECK(second);
  CHECK_FALSE(pool->take(coding));
  CHECK(pool->in_use() == 2 * memory_of(coding, kLevel));
  first.give_back();
  CHECK_FALSE(first);
  CHECK(pool->in_use() == memory_of(coding, kLevel));
  CHECK(pool->take(coding));
}

TEST_CASE("A compressor is given back once, by whoever holds it last") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  const auto pool = pool_for(2, coding);
  {
    auto first = pool->take(coding);
    auto moved = std::move(first);
    CHECK_FALSE(first);
    CHECK(moved);
    moved = pool->take(coding);
    CHECK(pool->in_use() == memory_of(coding, kLevel));
  }
  CHECK(pool->in_use() == 0);
}

TEST_CASE("What can start again is kept, up to eight") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  const bool can_restart = transform::make_compressor(coding, kLevel)->restart();
  const auto pool = pool_for(10, coding);
  std::vector<CompressorPool::Lease> leases;
  for (int i = 0; i < 10; ++i) leases.push_back(pool->take(coding));
  leases.clear();
  CHECK(pool->in_use() == 0);
  CHECK(pool->at_rest(coding) == (can_restart ? 8 : 0));
  if (!can_restart) return;
  const auto again = pool->take(coding);
  CHECK(pool->at_rest(coding) == 7);
}

TEST_CASE("A compressor that is given back in the middle of a stream leaves nothing behind") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  const auto pool = pool_for(1, coding);
  std::string output(65536, '\0');
  const std::string secret = testing::some_noise(1000);
  {
    const auto lease = pool->take(coding);
    REQUIRE(lease->run(Compressor::Operation::process, secret, output.data(), output.size()));
  }
  const auto lease = pool->take(coding);
  const auto made =
      lease->run(Compressor::Operation::finish, "content", output.data(), output.size());
  REQUIRE(made);
  CHECK(made->is_done);
  const auto decoded = testing::decode(coding, std::string_view(output).substr(0, made->given));
  CHECK(decoded.is_complete);
  CHECK(decoded.content == "content");
}

TEST_CASE("A lease keeps its pool") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  auto pool = pool_for(1, coding);
  const std::weak_ptr<CompressorPool> watched = pool;
  auto lease = pool->take(coding);
  pool.reset();
  CHECK_FALSE(watched.expired());
  lease.give_back();
  CHECK(watched.expired());
}
