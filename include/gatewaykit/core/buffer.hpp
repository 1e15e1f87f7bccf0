// SPDX-License-Identifier: Apache-2.0
// Buffer: a reference-counted block of bytes from the pool. Whoever holds a handle keeps the bytes
// alive; the count is atomic, so a handle may be dropped on another thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "gatewaykit/core/pool.hpp"

namespace gatewaykit {

class Buffer {
 public:
  Buffer() noexcept = default;
  /// Throws std::bad_alloc, also for more than 4 GiB.
  static Buffer allocate(std::size_t capacity) {
    if (capacity > UINT32_MAX) throw std::bad_alloc();
    void* const block = pool_allocate(sizeof(Header) + capacity);
    return Buffer(::new (block) Header{{1}, static_cast<std::uint32_t>(capacity)});
  }

  Buffer(const Buffer& other) noexcept : header_(other.header_) {
    if (header_ != nullptr) header_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Buffer(Buffer&& other) noexcept : header_(std::exchange(other.header_, nullptr)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(header_, other.header_);
    return *this;
  }
  ~Buffer() {
    if (header_ == nullptr) return;
    // A sole owner need not pay for the locked decrement.
    if (unique() || header_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      const std::size_t size = sizeof(Header) + header_->capacity;
      pool_deallocate(header_, size);
    }
  }

  explicit operator bool() const noexcept { return header_ != nullptr; }
  char* data() const noexcept { return reinterpret_cast<char*>(header_ + 1); }
  std::size_t capacity() const noexcept { return header_ == nullptr ? 0 : header_->capacity; }
  /// No other handle exists: the bytes may be overwritten.
  bool unique() const noexcept { return header_->references.load(std::memory_order_acquire) == 1; }

 private:
  struct Header {
    std::atomic<std::uint32_t> references;
    std::uint32_t capacity;
  };

  explicit Buffer(Header* header) noexcept : header_(header) {}

  Header* header_ = nullptr;
};

}  // namespace gatewaykit
