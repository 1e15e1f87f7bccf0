// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/core/executor.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "gatewaykit/core/worker_local.hpp"

namespace gatewaykit {

namespace detail {

void* WorkerLocals::find(const void* key) const noexcept {
  const auto entry = entries_.find(key);
  return entry == entries_.end() ? nullptr : entry->second.value.get();
}

void WorkerLocals::insert(Executor& executor, std::shared_ptr<WorkerLocalRegistry> registry,
                          std::shared_ptr<void> value) {
  {
    const std::lock_guard lock(registry->mutex);
    registry->executors.push_back(&executor);
  }
  const void* const key = registry.get();
  entries_.insert_or_assign(key, Entry{std::move(registry), std::move(value)});
}

void WorkerLocals::erase(const void* key) { entries_.erase(key); }

void WorkerLocals::clear(Executor& executor) {
  for (auto& [key, entry] : entries_) {
    const std::lock_guard lock(entry.registry->mutex);
    std::erase(entry.registry->executors, &executor);
  }
  entries_.clear();
}

}  // namespace detail

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
