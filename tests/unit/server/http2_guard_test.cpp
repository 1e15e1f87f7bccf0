// SPDX-License-Identifier: Apache-2.0
// How much a client of HTTP/2 may have done in vain, and how soon it may again.
#include "server/http2_guard.hpp"

#include <chrono>

#include "catch.hpp"

using namespace gatewaykit;
using namespace std::chrono_literals;
using server::Http2Guard;

namespace {

const TimePoint kBegin{};

Http2Guard guard_of(std::uint32_t resets, std::uint32_t idle_frames) {
  return {{.resets = resets, .idle_frames = idle_frames}, kBegin};
}

int resets_allowed(Http2Guard& guard, TimePoint now) {
  int count = 0;
  while (guard.allow_reset(now)) ++count;
  return count;
}

int idle_frames_allowed(Http2Guard& guard, TimePoint now) {
  int count = 0;
  while (guard.allow_idle_frame(now)) ++count;
  return count;
}

}  // namespace

TEST_CASE("resets come back within six seconds") {
  Http2Guard guard = guard_of(60, 1);
  CHECK(resets_allowed(guard, kBegin) == 60);
  CHECK(resets_allowed(guard, kBegin + 999ms) == 0);
  CHECK(resets_allowed(guard, kBegin + 1s) == 10);
  CHECK(resets_allowed(guard, kBegin + 3500ms) == 20);
  CHECK(resets_allowed(guard, kBegin + 4s) == 10);
  CHECK(resets_allowed(guard, kBegin + 24h * 365 * 100) == 60);
}

TEST_CASE("frames that ask for nothing come back within ten seconds, and with work") {
  Http2Guard guard = guard_of(1, 100);
  CHECK(idle_frames_allowed(guard, kBegin) == 100);
  guard.note_work();
  CHECK(idle_frames_allowed(guard, kBegin) == 4);
  CHECK(idle_frames_allowed(guard, kBegin + 2s) == 20);
  for (int i = 0; i < 1000; ++i) guard.note_work();
  CHECK(idle_frames_allowed(guard, kBegin + 2s) == 100);
}

TEST_CASE("the smallest allowances come back, too") {
  Http2Guard guard = guard_of(1, 1);
  CHECK(resets_allowed(guard, kBegin) == 1);
  CHECK(idle_frames_allowed(guard, kBegin) == 1);
  CHECK(resets_allowed(guard, kBegin + 1s) == 1);
  CHECK(idle_frames_allowed(guard, kBegin + 1s) == 1);
}
