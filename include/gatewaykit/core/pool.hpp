// SPDX-License-Identifier: Apache-2.0
// The block pool: per-thread free lists for what a request needs again and again (coroutine
// frames, header blocks, body buffers). The only thread-local of the library. A block may be freed
// on another thread than the one that took it. Sanitizer builds pass straight to operator new.
#pragma once

#include <cstddef>

#include "gatewaykit/export.hpp"

namespace gatewaykit {

/// A block of at least `size` bytes, aligned as operator new aligns. Throws std::bad_alloc.
GATEWAYKIT_EXPORT void* pool_allocate(std::size_t size);
/// Gives a block back; `size` is what it was asked for with.
GATEWAYKIT_EXPORT void pool_deallocate(void* block, std::size_t size) noexcept;

/// Gives back to the system half of what this thread's lists have not needed since the last call.
/// A worker calls it every few seconds, so that a burst does not keep its memory for ever.
GATEWAYKIT_EXPORT void pool_trim() noexcept;
/// Bytes that this thread's free lists hold now.
GATEWAYKIT_EXPORT std::size_t pool_cached_bytes() noexcept;

}  // namespace gatewaykit
