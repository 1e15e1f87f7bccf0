// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/core/random.hpp"

#include <sys/random.h>

#include <cstdlib>

namespace gatewaykit {

std::uint64_t Random::next() noexcept {
  if (left_ == 0) refill();
  return batch_[--left_];
}

std::uint64_t Random::below(std::uint64_t bound) noexcept {
  // Multiply-shift on 32 bits: the bias is below bound / 2^32, nothing for choosing among targets.
  return ((next() >> 32) * bound) >> 32;
}

void Random::refill() noexcept {
  left_ = kBatch;
  if (!seed_) {
    // 512 bytes at most: getentropy fails for more than 256, and never blocks after boot.
    constexpr std::size_t kHalf = sizeof(batch_) / 2;
    static_assert(kHalf <= 256);
    auto* const bytes = reinterpret_cast<unsigned char*>(batch_.data());
    if (getentropy(bytes, kHalf) != 0 || getentropy(bytes + kHalf, kHalf) != 0) std::abort();
    return;
  }
  for (std::uint64_t& word : batch_) {  // SplitMix64 (Steele, Lea, Flood 2014).
    *seed_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = *seed_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    word = z ^ (z >> 31);
  }
}

}  // namespace gatewaykit
