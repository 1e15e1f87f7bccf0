// SPDX-License-Identifier: Apache-2.0
// Random: unpredictable by default, reproducible with a seed, even over its range.
#include "gatewaykit/core/random.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "catch.hpp"

using gatewaykit::Random;

namespace {

std::vector<std::uint64_t> draw(Random& random, std::size_t count) {
  std::vector<std::uint64_t> numbers;
  for (std::size_t i = 0; i < count; ++i) numbers.push_back(random.next());
  return numbers;
}

}  // namespace

TEST_CASE("the same seed makes the same sequence, another one another") {
  Random a(42);
  Random b(42);
  Random c(43);
  const std::vector<std::uint64_t> sequence = draw(a, 1000);
  CHECK(sequence == draw(b, 1000));
  CHECK(sequence != draw(c, 1000));
}

TEST_CASE("numbers do not repeat, within a generator or between two") {
  Random a;
  Random b;
  std::set<std::uint64_t> seen;
  for (const std::uint64_t number : draw(a, 1000)) CHECK(seen.insert(number).second);
  for (const std::uint64_t number : draw(b, 1000)) CHECK(seen.insert(number).second);
}

TEST_CASE("below() stays below its bound and reaches all of the range") {
  Random random(7);
  for (const std::uint64_t bound : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3},
                                    std::uint64_t{10}, std::uint64_t{1} << 32}) {
    CAPTURE(bound);
    std::uint64_t largest = 0;
    for (int i = 0; i < 1000; ++i) {
      const std::uint64_t number = random.below(bound);
      REQUIRE(number < bound);
      largest = std::max(largest, number);
    }
    CHECK(largest >= bound - 1 - bound / 100);
  }
}

TEST_CASE("below() is even over its range") {
  constexpr std::size_t kBuckets = 10;
  constexpr int kDraws = 100'000;
  for (int seeded = 0; seeded < 2; ++seeded) {
    Random random = seeded != 0 ? Random(1) : Random();
    std::array<int, kBuckets> counts{};
    for (int i = 0; i < kDraws; ++i) ++counts[random.below(kBuckets)];
    for (const int count : counts) {
      // Six standard deviations of the binomial distribution (about 95 here).
      CHECK(count > 9'430);
      CHECK(count < 10'570);
    }
  }
}

TEST_CASE("every bit of a number is set about as often as not") {
  Random random;
  std::array<int, 64> ones{};
  for (const std::uint64_t number : draw(random, 10'000)) {
    for (std::size_t bit = 0; bit < 64; ++bit) ones[bit] += static_cast<int>(number >> bit & 1);
  }
  for (const int count : ones) {
    CHECK(count > 4'700);
    CHECK(count < 5'300);
  }
}
