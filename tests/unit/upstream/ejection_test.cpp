// SPDX-License-Identifier: Apache-2.0
#include "upstream/ejection.hpp"

#include "catch.hpp"

using namespace std::chrono_literals;
using gatewaykit::TimePoint;
using gatewaykit::upstream::Ejection;

namespace {

constexpr gatewaykit::EjectionPolicy kPolicy{3, 1s, 8s};
const TimePoint kStart{100s};

void fail(Ejection& ejection, TimePoint now, int times = 1) {
  for (int i = 0; i < times; ++i) ejection.failed(now);
}

/// Lets a probe go and fail at `now`.
void fail_probe(Ejection& ejection, TimePoint now) {
  REQUIRE_FALSE(ejection.is_ejected(now));
  ejection.chosen(now);
  ejection.failed(now);
}

}  // namespace

TEST_CASE("a target is ejected at the third failure in a row, not before") {
  Ejection ejection(kPolicy);
  fail(ejection, kStart, 2);
  CHECK_FALSE(ejection.is_ejected(kStart));
  fail(ejection, kStart);
  CHECK(ejection.is_ejected(kStart));
  CHECK(ejection.is_ejected(kStart + 999ms));
  CHECK_FALSE(ejection.is_ejected(kStart + 1s));
}

TEST_CASE("a success in between starts the count again") {
  Ejection ejection(kPolicy);
  fail(ejection, kStart, 2);
  ejection.succeeded();
  fail(ejection, kStart, 2);
  CHECK_FALSE(ejection.is_ejected(kStart));
}

TEST_CASE("each ejection in a row is twice as long, up to the longest") {
  Ejection ejection(kPolicy);
  TimePoint now = kStart;
  fail(ejection, now, 3);
  for (const auto length : {1s, 2s, 4s, 8s, 8s}) {
    CAPTURE(length.count());
    CHECK(ejection.is_ejected(now + length - 1ms));
    now += length;
    fail_probe(ejection, now);
  }
}

TEST_CASE("requests under way at an ejection do not lengthen it when they fail") {
  Ejection ejection(kPolicy);
  fail(ejection, kStart, 100);
  CHECK_FALSE(ejection.is_ejected(kStart + 1s));
}

TEST_CASE("after an ejection one request at a time probes the target") {
  Ejection ejection(kPolicy);
  fail(ejection, kStart, 3);
  const TimePoint over = kStart + 1s;
  ejection.chosen(over);
  CHECK(ejection.is_ejected(over));
  SECTION("a probe that hangs keeps others away for the base time only") {
    CHECK(ejection.is_ejected(over + 999ms));
    CHECK_FALSE(ejection.is_ejected(over + 1s));
  }
  SECTION("a probe that succeeds opens the target for all") {
    ejection.succeeded();
    CHECK_FALSE(ejection.is_ejected(over));
    fail(ejection, over, 2);
    CHECK_FALSE(ejection.is_ejected(over));
  }
  SECTION("a head opens it as well, but a body cut behind it closes it at once") {
    ejection.answered();
    CHECK_FALSE(ejection.is_ejected(over));
    fail(ejection, over);
    CHECK(ejection.is_ejected(over + 1s));
  }
}

TEST_CASE("good behaviour for as long as the longest ejection is rewarded with a short one") {
  Ejection ejection(kPolicy);
  fail(ejection, kStart, 3);
  fail_probe(ejection, kStart + 1s);
  ejection.succeeded();
  const TimePoint later = kStart + 1s + 2s + 8s;
  fail(ejection, later, 3);
  CHECK(ejection.is_ejected(later + 999ms));
  CHECK_FALSE(ejection.is_ejected(later + 1s));
}
