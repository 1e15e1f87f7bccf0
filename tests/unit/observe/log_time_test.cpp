// SPDX-License-Identifier: Apache-2.0
#include "observe/log_time.hpp"

#include <chrono>

#include "catch.hpp"

using gatewaykit::observe::LogTime;
using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::year;

TEST_CASE("Times are RFC 3339 in UTC with milliseconds") {
  LogTime time;
  const auto day = sys_days(year(2026) / 1 / 31);
  CHECK(time.text(day) == "2026-01-31T00:00:00.000Z");
  CHECK(time.text(day + 23h + 59min + 59s + 999ms) == "2026-01-31T23:59:59.999Z");
  CHECK(time.text(day + 24h) == "2026-02-01T00:00:00.000Z");
  CHECK(time.text(sys_days(year(2028) / 2 / 29) + 1h + 2min + 3s) == "2028-02-29T01:02:03.000Z");
}

TEST_CASE("The milliseconds move within a second, down too when the clock is set back") {
  LogTime time;
  const auto noon = sys_days(year(2026) / 1 / 1) + 12h;
  CHECK(time.text(noon + 1500us) == "2026-01-01T12:00:00.001Z");
  CHECK(time.text(noon + 998ms) == "2026-01-01T12:00:00.998Z");
  CHECK(time.text(noon + 2ms) == "2026-01-01T12:00:00.002Z");
  CHECK(time.text(noon - 1ms) == "2026-01-01T11:59:59.999Z");
}
