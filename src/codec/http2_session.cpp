// SPDX-License-Identifier: Apache-2.0
#include "codec/http2_session.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "gatewaykit/core/pool.hpp"

namespace gatewaykit::codec {

namespace {

/// In front of each block: nghttp2 does not say how large what it frees is.
struct alignas(std::max_align_t) BlockHead {
  std::size_t size;  // With the head.
};

BlockHead* head_of(void* block) noexcept { return static_cast<BlockHead*>(block) - 1; }

void* allocate(std::size_t size, void*) noexcept try {
  if (size > std::numeric_limits<std::size_t>::max() - sizeof(BlockHead)) return nullptr;
  auto* const head = ::new (pool_allocate(size + sizeof(BlockHead))) BlockHead;
  head->size = size + sizeof(BlockHead);
  return head + 1;
} catch (const std::bad_alloc&) {
  return nullptr;
}

void deallocate(void* block, void*) noexcept {
  if (block != nullptr) pool_deallocate(head_of(block), head_of(block)->size);
}

void* allocate_zeroed(std::size_t count, std::size_t size, void*) noexcept {
  if (size != 0 && count > std::numeric_limits<std::size_t>::max() / size) return nullptr;
  void* const block = allocate(count * size, nullptr);
  if (block != nullptr) std::memset(block, 0, count * size);
  return block;
}

void* reallocate(void* block, std::size_t size, void*) noexcept {
  void* const larger = allocate(size, nullptr);
  if (larger == nullptr || block == nullptr) return larger;
  std::memcpy(larger, block, std::min(size, head_of(block)->size - sizeof(BlockHead)));
  deallocate(block, nullptr);
  return larger;
}

constinit nghttp2_mem memory{nullptr, &allocate, &deallocate, &allocate_zeroed, &reallocate};

}  // namespace

nghttp2_mem* http2_memory() noexcept { return &memory; }

Http2CallbacksPtr make_http2_callbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
  return Http2CallbacksPtr(callbacks);
}

Http2OptionPtr make_http2_options() {
  nghttp2_option* options = nullptr;
  if (nghttp2_option_new(&options) != 0) throw std::bad_alloc();
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_no_http_messaging(options, 1);
  // Closed streams are of use for priorities alone, which are ignored.
  nghttp2_option_set_no_closed_streams(options, 1);
#ifdef GATEWAYKIT_NGHTTP2_LIMITS_RESETS
  // Who resets what was answered has seen enough; Http2Guard counts the others.
  constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint32_t>::max();
  nghttp2_option_set_stream_reset_rate_limit(options, kUnlimited, kUnlimited);
#endif
  // What a listener or a target may send us, and what middlewares add.
  nghttp2_option_set_max_send_header_block_length(options, std::size_t{256} << 10);
  return Http2OptionPtr(options);
}

}  // namespace gatewaykit::codec
