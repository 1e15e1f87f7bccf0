// SPDX-License-Identifier: Apache-2.0
// WorkerLocal<T>: one T per worker behind a handle that all workers share. Each T is made, used
// and destroyed on its own worker's thread and takes no lock.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/export.hpp"

namespace gatewaykit {

namespace detail {

/// Which executors hold a half of one WorkerLocal: what lets either side die first.
struct WorkerLocalRegistry {
  std::mutex mutex;
  std::vector<Executor*> executors;
};

}  // namespace detail

template <class T>
class WorkerLocal {
 public:
  WorkerLocal() : registry_(std::make_shared<detail::WorkerLocalRegistry>()) {}
  WorkerLocal(const WorkerLocal&) = delete;
  WorkerLocal& operator=(const WorkerLocal&) = delete;

  /// The halves are destroyed by their own workers, in a later turn of each.
  ~WorkerLocal() {
    const std::lock_guard lock(registry_->mutex);
    for (Executor* const executor : registry_->executors) {
      executor->post([executor, key = registry_.get()] { executor->locals().erase(key); });
    }
  }

  /// This worker's T; `make()` (a std::unique_ptr<T>) is called at the first use.
  template <class Make>
  T& get(Executor& executor, Make make) {
    if (void* const present = executor.locals().find(registry_.get())) {
      return *static_cast<T*>(present);
    }
    std::unique_ptr<T> made = make();
    T& result = *made;
    executor.locals().insert(executor, registry_, std::shared_ptr<void>(std::move(made)));
    return result;
  }

 private:
  std::shared_ptr<detail::WorkerLocalRegistry> registry_;
};

}  // namespace gatewaykit
