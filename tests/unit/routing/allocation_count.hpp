// SPDX-License-Identifier: Apache-2.0
// Counts what the calling thread takes from the heap through operator new, for tests which say that
// something allocates nothing. This executable replaces operator new for it.
#pragma once

#include <cstddef>

/// The calls of operator new on this thread so far.
std::size_t allocation_count() noexcept;
