// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/core/executor.hpp"

namespace gatewaykit {

Executor::~Executor() = default;

std::chrono::system_clock::time_point Executor::wall_now() const {
  return std::chrono::system_clock::now();
}

void Executor::run_ready() {
  // By index: resuming pushes behind, and may move the vector.
  for (std::size_t i = 0; i < ready_.size(); ++i) ready_[i].resume();
  ready_.clear();
}

}  // namespace gatewaykit
