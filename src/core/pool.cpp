// SPDX-License-Identifier: Apache-2.0
// The block pool: one singly linked free list per size class and thread. A take or a give is one
// list operation; only an empty list, a full cache and the first use on a thread leave that path.
// The lists are trivially destructible, so that destructors of other thread-locals may still
// allocate and free while their thread ends.
#include "gatewaykit/core/pool.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GATEWAYKIT_POOL_PASSTHROUGH 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define GATEWAYKIT_POOL_PASSTHROUGH 1
#endif
#endif

namespace gatewaykit {

#ifdef GATEWAYKIT_POOL_PASSTHROUGH

// A sanitizer must see each block's own life.
void* pool_allocate(std::size_t size) { return ::operator new(size); }
void pool_deallocate(void* block, std::size_t /*size*/) noexcept { ::operator delete(block); }
void pool_trim() noexcept {}
std::size_t pool_cached_bytes() noexcept { return 0; }

#else

namespace {

constexpr std::size_t kFineStep = 64;
constexpr std::size_t kFineLimit = 4096;
constexpr std::size_t kFineClasses = kFineLimit / kFineStep;
// Coarse classes are powers of two plus room for the header of a buffer of such a size.
constexpr std::size_t kCoarseSlack = 256;
constexpr std::size_t kCoarseClasses = 7;
constexpr std::size_t kCoarseLimit = (kFineLimit << (kCoarseClasses - 1)) + kCoarseSlack;
constexpr std::size_t kClasses = kFineClasses + kCoarseClasses;
// What a thread keeps of one class: of the blocks of frames and field sections, of body buffers.
constexpr std::size_t kFineCache = std::size_t{1} << 20;
constexpr std::size_t kCoarseCache = std::size_t{8} << 20;

struct Block {
  Block* next;
};

struct FreeList {
  Block* head = nullptr;
  std::uint32_t count = 0;
  std::uint32_t most = 0;       // Zero before the first use on a thread, and after its end.
  std::uint32_t low_water = 0;  // The smallest count since the last trim: what nobody needed.
};

struct Cache {
  std::array<FreeList, kClasses> lists{};
  bool is_open = false;  // Its thread frees the blocks when it ends.
  bool is_over = false;  // Its thread has done so; nothing is kept any more.
};

constinit thread_local Cache cache;

constexpr std::size_t class_of(std::size_t size) noexcept {
  if (size <= kFineLimit) [[likely]]
    return (size - 1) / kFineStep;
  return kFineClasses +
         static_cast<std::size_t>(std::bit_width((size - kCoarseSlack - 1) / kFineLimit));
}

constexpr std::size_t bytes_of(std::size_t index) noexcept {
  if (index < kFineClasses) return (index + 1) * kFineStep;
  return (kFineLimit << (index - kFineClasses)) + kCoarseSlack;
}

static_assert(class_of(1) == 0 && class_of(64) == 0 && class_of(65) == 1);
static_assert(bytes_of(class_of(kFineLimit)) == kFineLimit);
static_assert(bytes_of(class_of(kFineLimit + 1)) == kFineLimit + kCoarseSlack);
static_assert(bytes_of(class_of(65536 + 32)) == 65536 + kCoarseSlack);
static_assert(class_of(kCoarseLimit) == kClasses - 1);

// Zero wraps around: nothing to pool there either.
constexpr bool is_pooled(std::size_t size) noexcept { return size - 1 < kCoarseLimit; }

Block* pop(FreeList& list, Block* head) noexcept {
  list.head = head->next;
  __builtin_prefetch(list.head, 1);  // The next block to be taken may have left the caches.
  if (--list.count < list.low_water) list.low_water = list.count;
  return head;
}

void push(FreeList& list, void* block) noexcept {
  list.head = ::new (block) Block{list.head};
  ++list.count;
}

void release(std::size_t index, std::uint32_t blocks) noexcept {
  FreeList& list = cache.lists[index];
  for (; blocks > 0; --blocks) ::operator delete(pop(list, list.head));
}

// Frees this thread's blocks when the thread ends.
struct Closer {
  ~Closer() {
    for (std::size_t i = 0; i < kClasses; ++i) {
      release(i, cache.lists[i].count);
      cache.lists[i].most = 0;
    }
    cache.is_over = true;
    cache.is_open = false;
  }
};

void open_cache() noexcept {
  static thread_local Closer closer;
  static_cast<void>(closer);
  cache.is_open = true;
  for (std::size_t i = 0; i < kClasses; ++i) {
    const std::size_t bytes = i < kFineClasses ? kFineCache : kCoarseCache;
    cache.lists[i].most = static_cast<std::uint32_t>(bytes / bytes_of(i));
  }
}

// What is rare is kept out of the two functions below, so that these need no registers saved.
[[gnu::noinline]] void* allocate_anew(std::size_t size) {
  return ::operator new(is_pooled(size) ? bytes_of(class_of(size)) : size);
}

// The first use on a thread, a full list, or a block that was never of the pool.
[[gnu::noinline]] void deallocate_rarely(void* block, std::size_t size) noexcept {
  if (is_pooled(size)) {
    if (!cache.is_open && !cache.is_over) open_cache();
    FreeList& list = cache.lists[class_of(size)];
    if (list.count < list.most) {
      push(list, block);
      return;
    }
  }
  ::operator delete(block);
}

}  // namespace

void* pool_allocate(std::size_t size) {
  if (is_pooled(size)) [[likely]] {
    FreeList& list = cache.lists[class_of(size)];
    Block* const head = list.head;
    if (head != nullptr) [[likely]]
      return pop(list, head);
  }
  return allocate_anew(size);
}

void pool_deallocate(void* block, std::size_t size) noexcept {
  if (block == nullptr) return;
  if (is_pooled(size)) [[likely]] {
    FreeList& list = cache.lists[class_of(size)];
    if (list.count < list.most) [[likely]] {
      push(list, block);
      return;
    }
  }
  deallocate_rarely(block, size);
}

void pool_trim() noexcept {
  for (std::size_t i = 0; i < kClasses; ++i) {
    FreeList& list = cache.lists[i];
    release(i, (list.low_water + 1) / 2);
    list.low_water = list.count;
  }
}

std::size_t pool_cached_bytes() noexcept {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < kClasses; ++i) bytes += cache.lists[i].count * bytes_of(i);
  return bytes;
}

#endif

}  // namespace gatewaykit
