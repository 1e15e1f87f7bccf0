// SPDX-License-Identifier: Apache-2.0
//
// Times one operation: warms up, then takes many batches and reports the median, so that an
// interrupt falls into one batch and not into the figure. Counts allocations too: allocations.cpp
// stands in for malloc, and therefore sees operator new and every library of the process.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace gatewaykit::bench {

/// Allocations of the process so far, from all threads.
std::uint64_t allocations() noexcept;

struct Cost {
  double nanoseconds = 0;  ///< Per operation, median over the batches.
  double best = 0;         ///< Of the fastest batch.
  double allocations = 0;  ///< Per operation, over all batches.
};

/// Makes the compiler believe that `value` is used.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

/// Nanoseconds that `count` calls of `operation` take.
template <class Operation>
double time_batch(Operation& operation, std::size_t count) {
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < count; ++i) operation();
  const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - start;
  return elapsed.count();
}

/// Calls `operation` over and over, for about a tenth of a second.
template <class Operation>
Cost measure(Operation&& operation) {
  constexpr double kBatchNanoseconds = 1e6;
  constexpr std::size_t kBatches = 101;
  std::size_t count = 1;
  while (time_batch(operation, count) < kBatchNanoseconds) count *= 2;  // also warms up

  std::array<double, kBatches> batches;
  const std::uint64_t allocated_before = allocations();
  for (double& batch : batches) {
    batch = time_batch(operation, count) / static_cast<double>(count);
  }
  const auto allocated = static_cast<double>(allocations() - allocated_before);
  std::sort(batches.begin(), batches.end());
  return {batches[kBatches / 2], batches.front(),
          allocated / static_cast<double>(kBatches * count)};
}

inline void print(const char* name, const Cost& cost) {
  std::printf("  %-48s %9.1f ns  best %9.1f ns  %6.2f allocations\n", name, cost.nanoseconds,
              cost.best, cost.allocations);
}

}  // namespace gatewaykit::bench
