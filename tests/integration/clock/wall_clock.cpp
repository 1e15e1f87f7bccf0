// SPDX-License-Identifier: Apache-2.0
// Preloaded into a process it sets the wall clock of that process, and of no other: what
// CLOCK_REALTIME says is off by a number of seconds (std::int64_t, little-endian) that the file
// GATEWAYKIT_WALL_CLOCK holds, and whoever changes the file makes the clock jump. All other clocks
// are as they were. Its caller is clock.test.mjs.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

/// Constant in time, mapped once: the clock is read from any thread, and must not allocate.
const volatile std::int64_t* offset() noexcept {
  static const volatile std::int64_t* const mapped = []() -> const volatile std::int64_t* {
    static constexpr std::int64_t kNone = 0;
    const char* const file = std::getenv("GATEWAYKIT_WALL_CLOCK");
    const int descriptor = file == nullptr ? -1 : open(file, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return &kNone;
    void* const memory = mmap(nullptr, sizeof(kNone), PROT_READ, MAP_SHARED, descriptor, 0);
    close(descriptor);
    return memory == MAP_FAILED ? &kNone : static_cast<const volatile std::int64_t*>(memory);
  }
  ();
  return mapped;
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long result = syscall(SYS_clock_gettime, clock, time);
  const bool is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (result == 0 && is_wall) time->tv_sec += *offset();
  return static_cast<int>(result);
}
