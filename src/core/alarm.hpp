// SPDX-License-Identifier: Apache-2.0
// Alarm: wakes one waiter at a point in time, never inline: a point that is past is the next turn.
// It may go before it rings. The executor's thread only.
#pragma once

#include "gatewaykit/core/event.hpp"
#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/core/timer.hpp"

namespace gatewaykit {

class Alarm : private Timer {
 public:
  Alarm(Executor& executor, TimePoint when) : Timer(&Alarm::on_time) {
    set(executor.timers(), when);
  }

  Event rung;

 private:
  static void on_time(Timer& timer) noexcept { static_cast<Alarm&>(timer).rung.set(); }
};

}  // namespace gatewaykit
