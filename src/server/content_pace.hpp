// SPDX-License-Identifier: Apache-2.0
// ContentPace: whether the content of a request keeps up the rate that the listener asks for. Only
// time spent waiting for the client counts: that in which nobody reads is not its fault.
#pragma once

#include <chrono>
#include <cstdint>

#include "gatewaykit/core/timer.hpp"
#include "server/listen_config.hpp"

namespace gatewaykit::server {

class ContentPace {
 public:
  void add_wait(Duration waited) noexcept { waited_ += waited; }
  bool is_too_slow(std::uint64_t received, const ListenLimits& limits) const noexcept {
    constexpr Duration kGrace = std::chrono::seconds(20);
    if (!limits.body_rate || waited_ < kGrace) return false;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(waited_).count();
    return received < *limits.body_rate * static_cast<std::uint64_t>(seconds);
  }

 private:
  Duration waited_{};
};

}  // namespace gatewaykit::server
