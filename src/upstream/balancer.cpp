// SPDX-License-Identifier: Apache-2.0
#include "upstream/balancer.hpp"

#include <algorithm>

namespace gatewaykit::upstream {

Eligible::Eligible(Targets targets, std::span<const std::uint32_t> tried, TimePoint now) noexcept
    : targets_(targets), tried_(tried), now_(now) {
  std::size_t healthy = 0;
  std::size_t healthy_untried = 0;
  std::size_t untried = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const bool is_healthy = !targets[i]->ejection.is_ejected(now);
    const bool is_new = !was_tried(i);
    healthy += is_healthy ? 1 : 0;
    untried += is_new ? 1 : 0;
    healthy_untried += is_healthy && is_new ? 1 : 0;
  }
  without_ejected_ = healthy > 0;
  without_tried_ = without_ejected_ ? healthy_untried > 0 : untried > 0;
  if (without_ejected_) {
    count_ = without_tried_ ? healthy_untried : healthy;
  } else {
    count_ = without_tried_ ? untried : targets.size();
  }
}

bool Eligible::was_tried(std::size_t index) const noexcept {
  return std::find(tried_.begin(), tried_.end(), index) != tried_.end();
}

bool Eligible::contains(std::size_t index) const noexcept {
  if (count_ == targets_.size()) return true;
  if (without_tried_ && was_tried(index)) return false;
  return !without_ejected_ || !targets_[index]->ejection.is_ejected(now_);
}

std::size_t Eligible::nth(std::size_t n) const noexcept {
  if (count_ == targets_.size()) return n;
  std::size_t last = 0;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    if (!contains(i)) continue;
    last = i;
    if (n-- == 0) return i;
  }
  // Another worker ejected one since they were counted.
  return last;
}

WeightedRandom::WeightedRandom(Targets targets) noexcept {
  for (const std::unique_ptr<Target>& target : targets) {
    has_equal_weights_ = has_equal_weights_ && target->weight == targets.front()->weight;
  }
}

std::size_t WeightedRandom::choose(const Eligible& eligible, Random& random) {
  if (eligible.count() == 1) return eligible.nth(0);
  if (has_equal_weights_) return eligible.nth(random.below(eligible.count()));
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < eligible.size(); ++i) {
    if (eligible.contains(i)) sum += eligible[i].weight;
  }
  std::uint64_t draw = random.below(std::max<std::uint64_t>(sum, 1));
  std::size_t last = eligible.nth(0);
  for (std::size_t i = 0; i < eligible.size(); ++i) {
    if (!eligible.contains(i)) continue;
    last = i;
    if (draw < eligible[i].weight) return i;
    draw -= eligible[i].weight;
  }
  return last;
}

std::size_t LeastRequests::choose(const Eligible& eligible, Random& random) {
  const std::size_t first = WeightedRandom::choose(eligible, random);
  if (eligible.count() == 1) return first;
  // Another one, uniformly: the first draw has paid for the weights.
  std::size_t second = eligible.nth(random.below(eligible.count() - 1));
  if (second == first) second = eligible.nth(eligible.count() - 1);
  const Target& a = eligible[first];
  const Target& b = eligible[second];
  // a.in_flight / a.weight <= b.in_flight / b.weight, without a division.
  const std::uint64_t busy_a =
      std::uint64_t{a.in_flight.load(std::memory_order_relaxed)} * b.weight;
  const std::uint64_t busy_b =
      std::uint64_t{b.in_flight.load(std::memory_order_relaxed)} * a.weight;
  return busy_a <= busy_b ? first : second;
}

std::size_t SmoothRoundRobin::choose(const Eligible& eligible, Random& /*random*/) {
  std::int64_t sum = 0;
  std::size_t richest = eligible.size();
  for (std::size_t i = 0; i < eligible.size(); ++i) {
    if (!eligible.contains(i)) continue;
    credit_[i] += eligible[i].weight;
    sum += eligible[i].weight;
    if (richest == eligible.size() || credit_[i] > credit_[richest]) richest = i;
  }
  if (richest == eligible.size()) return eligible.nth(0);
  credit_[richest] -= sum;
  return richest;
}

std::unique_ptr<Balancer> make_balancer(Balance kind, Targets targets) {
  switch (kind) {
    case Balance::least_requests:
      return std::make_unique<LeastRequests>(targets);
    case Balance::round_robin:
      return std::make_unique<SmoothRoundRobin>(targets.size());
    case Balance::random:
      return std::make_unique<WeightedRandom>(targets);
  }
  return std::make_unique<LeastRequests>(targets);
}

}  // namespace gatewaykit::upstream
