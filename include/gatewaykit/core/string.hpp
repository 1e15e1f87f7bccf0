// SPDX-License-Identifier: Apache-2.0
// String: std::string on the block pool, for text that lives as long as a message (target,
// authority), so that a long path costs no malloc per request. Converts to std::string_view.
#pragma once

#include <cstddef>
#include <string>

#include "gatewaykit/core/pool.hpp"

namespace gatewaykit {

/// A stateless standard allocator over the block pool.
template <class T>
struct PoolAllocator {
  using value_type = T;

  PoolAllocator() noexcept = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) noexcept {}

  T* allocate(std::size_t count) { return static_cast<T*>(pool_allocate(count * sizeof(T))); }
  void deallocate(T* block, std::size_t count) noexcept {
    pool_deallocate(block, count * sizeof(T));
  }

  friend bool operator==(const PoolAllocator&, const PoolAllocator&) noexcept { return true; }
};

using String = std::basic_string<char, std::char_traits<char>, PoolAllocator<char>>;

}  // namespace gatewaykit
