// SPDX-License-Identifier: Apache-2.0
//
// Stands in for malloc and its kin (glibc) and counts the calls. A program that links this file
// counts its own allocations and those of its libraries, shared ones included.
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "measure.hpp"

namespace {

std::atomic<std::uint64_t> count{0};

void note() noexcept { count.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

std::uint64_t gatewaykit::bench::allocations() noexcept {
  return count.load(std::memory_order_relaxed);
}

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
  note();
  return __libc_malloc(size);
}

void* calloc(std::size_t items, std::size_t size) {
  note();
  return __libc_calloc(items, size);
}

void* realloc(void* old, std::size_t size) {
  note();
  return __libc_realloc(old, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) {
  note();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  note();
  *result = __libc_memalign(alignment, size);
  return *result == nullptr ? ENOMEM : 0;
}

}  // extern "C"
