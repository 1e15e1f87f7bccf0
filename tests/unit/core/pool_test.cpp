// SPDX-License-Identifier: Apache-2.0
// The block pool: what is given back is used again, within caps, per thread, and freed with it.
#include "gatewaykit/core/pool.hpp"

#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "catch.hpp"

using gatewaykit::pool_allocate;
using gatewaykit::pool_cached_bytes;
using gatewaykit::pool_deallocate;
using gatewaykit::pool_trim;

namespace {

// Sanitizer builds hand every block straight to operator new, so that its life is watched.
bool is_passthrough() {
  pool_deallocate(pool_allocate(64), 64);
  return pool_cached_bytes() == 0;
}

// Every test starts with the empty lists of a thread of its own. Catch2 2 asserts on the test's
// own thread alone, so the body returns what is asserted.
template <class Function>
auto on_a_fresh_thread(Function function) {
  decltype(function()) result{};
  std::thread([&] { result = function(); }).join();
  return result;
}

}  // namespace

TEST_CASE("a block has room for what was asked, aligned as operator new aligns") {
  for (const std::size_t size :
       {0UL, 1UL, 63UL, 64UL, 65UL, 4095UL, 4096UL, 4097UL, 4352UL, 4353UL, 16384UL, 65536UL,
        65568UL, 131072UL, 262144UL, 262400UL, 262401UL, 1048576UL}) {
    CAPTURE(size);
    for (int round = 0; round < 3; ++round) {
      void* const block = pool_allocate(size);
      REQUIRE(reinterpret_cast<std::uintptr_t>(block) % alignof(std::max_align_t) == 0);
      std::memset(block, 0xa5, size);
      pool_deallocate(block, size);
    }
  }
}

TEST_CASE("blocks in use at the same time are distinct") {
  std::set<void*> blocks;
  for (int i = 0; i < 1000; ++i) REQUIRE(blocks.insert(pool_allocate(100)).second);
  for (void* const block : blocks) pool_deallocate(block, 100);
}

TEST_CASE("a block that was given back is taken again") {
  if (is_passthrough()) return;
  for (const std::size_t size : {1UL, 64UL, 777UL, 4096UL, 5000UL, 65568UL, 262144UL}) {
    CAPTURE(size);
    void* const first = pool_allocate(size);
    pool_deallocate(first, size);
    void* const second = pool_allocate(size);
    CHECK(second == first);
    pool_deallocate(second, size);
  }
}

TEST_CASE("giving back nothing is allowed") { pool_deallocate(nullptr, 64); }

TEST_CASE("blocks larger than the classes are not kept") {
  const std::size_t kept = on_a_fresh_thread([] {
    pool_deallocate(pool_allocate(1 << 20), 1 << 20);
    return pool_cached_bytes();
  });
  CHECK(kept == 0);
}

TEST_CASE("a thread keeps at most 8 MiB of a large size and 1 MiB of a small one") {
  if (is_passthrough()) return;
  const auto kept_of = [](std::size_t size) {
    return on_a_fresh_thread([size] {
      std::vector<void*> blocks;
      for (std::size_t i = 0; i < (std::size_t{20} << 20) / size; ++i) {
        blocks.push_back(pool_allocate(size));
      }
      for (void* const block : blocks) pool_deallocate(block, size);
      return pool_cached_bytes();
    });
  };
  CHECK(kept_of(65536) <= std::size_t{8} << 20);
  CHECK(kept_of(65536) > std::size_t{7} << 20);
  CHECK(kept_of(64) == std::size_t{1} << 20);
  CHECK(kept_of(4096) == std::size_t{1} << 20);
}

TEST_CASE("trimming gives back what a thread has not needed, half of it each time") {
  if (is_passthrough()) return;
  const auto kept = on_a_fresh_thread([] {
    std::vector<void*> blocks;
    for (int i = 0; i < 64; ++i) blocks.push_back(pool_allocate(64));
    for (void* const block : blocks) pool_deallocate(block, 64);
    std::vector<std::size_t> counts;
    for (int i = 0; i < 10; ++i) {
      pool_trim();
      // One block stays in use between trims: the lists never need more than it.
      pool_deallocate(pool_allocate(64), 64);
      counts.push_back(pool_cached_bytes() / 64);
    }
    return counts;
  });
  CHECK(kept[0] == 64);  // All 64 were needed since the lists began.
  CHECK(kept[1] == 32);
  CHECK(kept[2] == 16);
  CHECK(kept[9] == 1);
}

TEST_CASE("a block may be given back on another thread") {
  void* const block = pool_allocate(256);
  std::thread([block] { pool_deallocate(block, 256); }).join();
  pool_deallocate(pool_allocate(256), 256);
}

namespace {

struct FreesAtThreadEnd {
  void* block = nullptr;
  ~FreesAtThreadEnd() {
    pool_deallocate(block, 128);
    pool_deallocate(pool_allocate(128), 128);
  }
};

thread_local FreesAtThreadEnd frees_at_thread_end;

}  // namespace

TEST_CASE("a thread that ends may still take and give blocks in its destructors") {
  // Leak checkers see whether each block is freed; both orders of destruction are tried.
  std::thread([] {
    frees_at_thread_end.block = pool_allocate(128);  // Dies after the lists, which open later.
    pool_deallocate(pool_allocate(64), 64);
  }).join();
  std::thread([] {
    pool_deallocate(pool_allocate(64), 64);
    frees_at_thread_end.block = pool_allocate(128);
  }).join();
}
