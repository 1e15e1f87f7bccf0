// SPDX-License-Identifier: Apache-2.0
#include "upstream/balancer.hpp"

#include <string>

#include "catch.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::upstream;

namespace {

const TimePoint kNow{100s};

struct Pool {
  explicit Pool(std::vector<std::uint32_t> weights) {
    for (const std::uint32_t weight : weights) {
      const std::string name = "memory:t" + std::to_string(targets.size());
      targets.push_back(std::make_unique<Target>(*TargetUrl::parse(name), weight,
                                                 EjectionPolicy{1, 1s, 8s}, Duration(30s)));
    }
  }

  void eject(std::size_t index) { targets[index]->failed(kNow); }

  /// How often each target is chosen in `rounds`.
  std::vector<int> spread(Balancer& balancer, int rounds, std::vector<std::uint32_t> tried = {}) {
    std::vector<int> counts(targets.size(), 0);
    for (int i = 0; i < rounds; ++i) {
      ++counts[balancer.choose(Eligible(targets, tried, kNow), random)];
    }
    return counts;
  }

  std::vector<std::unique_ptr<Target>> targets;
  Random random{7};
};

const auto kAllKinds = {Balance::least_requests, Balance::round_robin, Balance::random};

}  // namespace

TEST_CASE("what may be chosen: healthy before ejected, new before tried, never nothing") {
  Pool pool({1, 1, 1});
  SECTION("ejected targets are left out") {
    pool.eject(1);
    const Eligible eligible(pool.targets, {}, kNow);
    CHECK(eligible.count() == 2);
    CHECK(eligible.nth(0) == 0);
    CHECK(eligible.nth(1) == 2);
    CHECK_FALSE(eligible.contains(1));
  }
  SECTION("a target tried before is left out while a healthy one remains") {
    pool.eject(1);
    const std::vector<std::uint32_t> tried{0};
    const Eligible eligible(pool.targets, tried, kNow);
    CHECK(eligible.count() == 1);
    CHECK(eligible.nth(0) == 2);
  }
  SECTION("a healthy target tried before is better than an ejected one") {
    pool.eject(1);
    pool.eject(2);
    const std::vector<std::uint32_t> tried{0};
    const Eligible eligible(pool.targets, tried, kNow);
    CHECK(eligible.count() == 1);
    CHECK(eligible.nth(0) == 0);
  }
  SECTION("with all of them ejected all are used, but for those tried") {
    for (const std::size_t i : {0, 1, 2}) pool.eject(i);
    CHECK(Eligible(pool.targets, {}, kNow).count() == 3);
    const std::vector<std::uint32_t> tried{1};
    const Eligible eligible(pool.targets, tried, kNow);
    CHECK(eligible.count() == 2);
    CHECK(eligible.nth(1) == 2);
  }
  SECTION("with all of them ejected and tried all are used") {
    for (const std::size_t i : {0, 1, 2}) pool.eject(i);
    const std::vector<std::uint32_t> tried{0, 1, 2};
    CHECK(Eligible(pool.targets, tried, kNow).count() == 3);
  }
}

TEST_CASE("every balancer chooses among the eligible targets alone") {
  for (const Balance kind : kAllKinds) {
    CAPTURE(static_cast<int>(kind));
    Pool pool({3, 1, 2});
    pool.eject(0);
    const auto balancer = make_balancer(kind, pool.targets);
    CHECK(pool.spread(*balancer, 1000)[0] == 0);
    CHECK(pool.spread(*balancer, 100, {1}) == std::vector{0, 0, 100});
  }
}

TEST_CASE("every balancer gives idle targets their weights' shares") {
  for (const Balance kind : kAllKinds) {
    CAPTURE(static_cast<int>(kind));
    Pool pool({5, 3, 2});
    const auto counts = pool.spread(*make_balancer(kind, pool.targets), 10'000);
    CHECK(counts[0] == Approx(5'000).epsilon(0.06));
    CHECK(counts[1] == Approx(3'000).epsilon(0.06));
    CHECK(counts[2] == Approx(2'000).epsilon(0.06));
  }
}

TEST_CASE("smooth round robin spreads the turns of a heavy target") {
  Pool pool({5, 1, 1});
  const auto balancer = make_balancer(Balance::round_robin, pool.targets);
  std::string order;
  for (int i = 0; i < 7; ++i) {
    order +=
        static_cast<char>('a' + balancer->choose(Eligible(pool.targets, {}, kNow), pool.random));
  }
  CHECK(order == "aabacaa");
}

TEST_CASE("least requests avoids the busier of two targets, measured by weight") {
  Pool pool({1, 1});
  const auto balancer = make_balancer(Balance::least_requests, pool.targets);
  const InFlight busy(*pool.targets[0]);
  CHECK(pool.spread(*balancer, 100) == std::vector{0, 100});

  Pool weighted({4, 1});
  const auto by_weight = make_balancer(Balance::least_requests, weighted.targets);
  std::vector<InFlight> requests;
  for (int i = 0; i < 3; ++i) requests.emplace_back(*weighted.targets[0]);
  requests.emplace_back(*weighted.targets[1]);
  CHECK(weighted.spread(*by_weight, 100) == std::vector{100, 0});
}

TEST_CASE("least requests keeps two targets of the same weight equally busy") {
  Pool pool({1, 1, 1, 1});
  const auto balancer = make_balancer(Balance::least_requests, pool.targets);
  std::vector<InFlight> requests;
  for (int i = 0; i < 400; ++i) {
    const auto index = balancer->choose(Eligible(pool.targets, {}, kNow), pool.random);
    requests.emplace_back(*pool.targets[index]);
  }
  for (const auto& target : pool.targets) {
    CHECK(target->in_flight.load() == Approx(100).margin(4));
  }
}
