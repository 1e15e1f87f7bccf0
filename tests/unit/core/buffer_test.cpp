// SPDX-License-Identifier: Apache-2.0
// Buffer: bytes that live for as long as a handle to them, on whichever thread the last one goes.
#include "gatewaykit/core/buffer.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"

using gatewaykit::Buffer;

TEST_CASE("a buffer that was not allocated has no room") {
  const Buffer buffer;
  CHECK_FALSE(buffer);
  CHECK(buffer.capacity() == 0);
}

TEST_CASE("a buffer has the room that was asked for") {
  for (const std::size_t capacity : {0UL, 1UL, 63UL, 4096UL, 65536UL, 1'000'000UL}) {
    CAPTURE(capacity);
    const Buffer buffer = Buffer::allocate(capacity);
    REQUIRE(buffer);
    CHECK(buffer.capacity() == capacity);
    std::memset(buffer.data(), 0x5a, capacity);
  }
}

TEST_CASE("copies share the bytes, and the last one frees them") {
  Buffer first = Buffer::allocate(16);
  std::memcpy(first.data(), "0123456789abcdef", 16);
  CHECK(first.unique());
  Buffer second = first;
  CHECK_FALSE(first.unique());
  CHECK(second.data() == first.data());
  first = Buffer();
  CHECK(second.unique());
  CHECK(std::string_view(second.data(), 16) == "0123456789abcdef");
}

TEST_CASE("moving a buffer leaves nothing behind, assigning it to itself changes nothing") {
  Buffer first = Buffer::allocate(16);
  char* const data = first.data();
  Buffer second = std::move(first);
  CHECK_FALSE(first);
  CHECK(second.data() == data);
  const Buffer& same = second;
  second = same;
  CHECK(second.data() == data);
  CHECK(second.unique());
}

TEST_CASE("a buffer whose size cannot be remembered is refused") {
  CHECK_THROWS_AS(Buffer::allocate(std::size_t{UINT32_MAX} + 1), std::bad_alloc);
}

TEST_CASE("handles to one buffer may be dropped by several threads") {
  for (int round = 0; round < 100; ++round) {
    Buffer buffer = Buffer::allocate(64);
    std::memset(buffer.data(), 'x', 64);
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([copy = buffer]() mutable { copy = Buffer(); });
    }
    buffer = Buffer();
    for (std::thread& thread : threads) thread.join();
  }
}
