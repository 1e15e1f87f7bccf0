// SPDX-License-Identifier: Apache-2.0
// Random: unpredictable numbers for ids and for choosing among targets, drawn from the system in
// batches. One executor thread only. Seeded, it is a reproducible sequence for tests.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "gatewaykit/export.hpp"

namespace gatewaykit {

class GATEWAYKIT_EXPORT Random {
 public:
  Random() noexcept = default;
  /// A reproducible sequence (SplitMix64): for tests alone.
  explicit Random(std::uint64_t seed) noexcept : seed_(seed) {}

  std::uint64_t next() noexcept;
  /// Uniform in [0, bound), for 0 < bound <= 2^32.
  std::uint64_t below(std::uint64_t bound) noexcept;

 private:
  static constexpr std::size_t kBatch = 64;

  void refill() noexcept;

  std::array<std::uint64_t, kBatch> batch_;
  std::size_t left_ = 0;
  std::optional<std::uint64_t> seed_;
};

}  // namespace gatewaykit
