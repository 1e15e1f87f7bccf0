// SPDX-License-Identifier: Apache-2.0
// Balancers: how a target is chosen among those that may be. A balancer belongs to one worker and
// may keep state; what may be chosen was decided before it is asked. A new kind is one more class
// and one more line in make_balancer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "gatewaykit/core/random.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/upstream/upstream_pool.hpp"
#include "upstream/target.hpp"

namespace gatewaykit::upstream {

using Targets = std::span<const std::unique_ptr<Target>>;

/// The targets that one attempt may go to. In this order: those that are neither ejected nor tried
/// before in this exchange; those not ejected; with all of them ejected, those not tried; all.
class Eligible {
 public:
  Eligible(Targets targets, std::span<const std::uint32_t> tried, TimePoint now) noexcept;

  /// At least one.
  std::size_t count() const noexcept { return count_; }
  /// Of all targets: what indices refer to.
  std::size_t size() const noexcept { return targets_.size(); }
  bool contains(std::size_t index) const noexcept;
  /// The index of the n-th eligible one, n < count().
  std::size_t nth(std::size_t n) const noexcept;
  const Target& operator[](std::size_t index) const noexcept { return *targets_[index]; }

 private:
  bool was_tried(std::size_t index) const noexcept;

  Targets targets_;
  std::span<const std::uint32_t> tried_;
  TimePoint now_;
  bool without_ejected_ = true;
  bool without_tried_ = true;
  std::size_t count_ = 0;
};

class Balancer {
 public:
  Balancer() = default;
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;
  virtual ~Balancer() = default;

  /// The index of one of the eligible targets.
  virtual std::size_t choose(const Eligible& eligible, Random& random) = 0;
};

/// By weight alone.
class WeightedRandom : public Balancer {
 public:
  explicit WeightedRandom(Targets targets) noexcept;
  std::size_t choose(const Eligible& eligible, Random& random) override;

 private:
  bool has_equal_weights_ = true;
};

/// Power of two choices: of two different ones, drawn by weight, the one with fewer requests in
/// flight for its weight; the first drawn where both are as busy, so that idle targets get their
/// weights' shares too.
class LeastRequests final : public WeightedRandom {
 public:
  using WeightedRandom::WeightedRandom;
  std::size_t choose(const Eligible& eligible, Random& random) override;
};

/// Each turn every target gains its weight; the richest is chosen and pays the sum of all. Spreads
/// a heavy target's turns evenly instead of in a row.
class SmoothRoundRobin final : public Balancer {
 public:
  explicit SmoothRoundRobin(std::size_t targets) : credit_(targets, 0) {}
  std::size_t choose(const Eligible& eligible, Random& random) override;

 private:
  std::vector<std::int64_t> credit_;
};

std::unique_ptr<Balancer> make_balancer(Balance kind, Targets targets);

}  // namespace gatewaykit::upstream
