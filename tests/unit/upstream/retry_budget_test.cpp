// SPDX-License-Identifier: Apache-2.0
#include "upstream/retry_budget.hpp"

#include "catch.hpp"

using namespace std::chrono_literals;
using gatewaykit::TimePoint;
using gatewaykit::upstream::RetryBudget;

namespace {

const TimePoint kStart{1000s};

int take_all(RetryBudget& budget, TimePoint now) {
  int taken = 0;
  while (taken < 100'000 && budget.take_retry(now)) ++taken;
  return taken;
}

void count_requests(RetryBudget& budget, TimePoint now, int requests) {
  for (int i = 0; i < requests; ++i) budget.count_request(now);
}

}  // namespace

TEST_CASE("ten retries a second are allowed however few requests there are") {
  RetryBudget budget(0.2);
  CHECK(take_all(budget, kStart) == 10);
  CHECK(take_all(budget, kStart + 100ms) == 1);
  CHECK(take_all(budget, kStart + 300ms) == 2);
  CHECK(take_all(budget, kStart + 60s) == 10);
  CHECK(budget.retries() == 23);
}

TEST_CASE("beyond that, retries are a fraction of the requests") {
  RetryBudget budget(0.2);
  count_requests(budget, kStart, 10'000);
  CHECK(take_all(budget, kStart) == 2'000 + 10);
}

TEST_CASE("requests count for five to ten seconds") {
  RetryBudget budget(0.5);
  count_requests(budget, kStart, 1'000);
  CHECK(take_all(budget, kStart + 5s) == 500 + 10);
  CHECK(take_all(budget, kStart + 10s) == 10);
}

TEST_CASE("a budget of nothing leaves the ten a second") {
  RetryBudget budget(0.0);
  count_requests(budget, kStart, 10'000);
  CHECK(take_all(budget, kStart) == 10);
}
