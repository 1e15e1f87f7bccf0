// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/core/executor.hpp"

#include <algorithm>
#include <cassert>
#include <mutex>
#include <utility>

#include "gatewaykit/core/worker_local.hpp"

namespace gatewaykit {

namespace detail {

void* WorkerLocals::find(const void* key) const noexcept {
  for (const Entry& entry : entries_) {
    if (entry.registry.get() == key) return entry.value.get();
  }
  return nullptr;
}

void WorkerLocals::insert(Executor& executor, std::shared_ptr<WorkerLocalRegistry> registry,
                          std::shared_ptr<void> value) {
  {
    const std::lock_guard lock(registry->mutex);
    registry->executors.push_back(&executor);
  }
  entries_.push_back({std::move(registry), std::move(value)});
}

void WorkerLocals::erase(const void* key) {
  for (Entry& entry : entries_) {
    if (entry.registry.get() != key) continue;
    // Taken out before it is destroyed: what it does then may look for others.
    std::swap(entry, entries_.back());
    const Entry taken = std::move(entries_.back());
    entries_.pop_back();
    return;
  }
}

void WorkerLocals::clear(Executor& executor) {
  while (!entries_.empty()) {
    const Entry entry = std::move(entries_.back());
    entries_.pop_back();
    WorkerLocalRegistry& registry = *entry.registry;
    const std::lock_guard lock(registry.mutex);
    std::erase(registry.executors, &executor);
  }
}

}  // namespace detail

Executor::~Executor() {
  assert(locals_.empty() && "an executor clears its locals while it can still take jobs");
}

std::chrono::system_clock::time_point Executor::wall_now() const {
  return std::chrono::system_clock::now();
}

void Executor::run_ready() {
  for (;;) {
    if (ready_.empty()) ready_.swap(last_);
    if (ready_.empty()) return;
    resumed_.swap(ready_);  // Resuming pushes into the other one, which stays small.
    to_resume_ = resumed_.size();
    for (const std::coroutine_handle<> coroutine : resumed_) {
      --to_resume_;
      coroutine.resume();
    }
    resumed_.clear();
  }
}

}  // namespace gatewaykit
