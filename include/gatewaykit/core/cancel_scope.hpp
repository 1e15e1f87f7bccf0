// SPDX-License-Identifier: Apache-2.0
// CancelScope: a subtree of work that can be cancelled and awaited together. Cancelling wakes each
// suspended leaf with Wake::cancelled through the ready queue; nothing is destroyed while it is
// suspended, and no task outlives its scope. One executor thread only.
#pragma once

#include <cstddef>
#include <exception>

#include "gatewaykit/core/env.hpp"
#include "gatewaykit/core/event.hpp"
#include "gatewaykit/export.hpp"

namespace gatewaykit {

template <class T>
class Task;

/// Cancellation is cooperative: a task that is cancelled still runs to its end. Children of a
/// cancelled scope are cancelled with it, those that join later at once.
class GATEWAYKIT_EXPORT CancelScope final : private detail::CancelNode {
 public:
  explicit CancelScope(CancelScope* parent = nullptr) noexcept;
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;
  /// The scope must be empty: `join` first.
  ~CancelScope();

  void cancel() noexcept;
  bool cancelled() const noexcept { return cancelled_; }

  /// Starts `task` in this scope. `env` tells where it runs; its scope is replaced by this one.
  void spawn(const Env& env, Task<void> task);
  /// Spawned tasks that have not ended.
  std::size_t running() const noexcept { return running_; }
  /// Nothing was spawned, or all of it has ended well: `join` would return at once.
  bool settled() const noexcept { return running_ == 0 && failure_ == nullptr; }
  /// Waits until no spawned task runs, whether cancelled or not. Rethrows the first exception that
  /// escaped from one. Called with Wake-independent waiting: it cannot be cancelled itself.
  Task<void> join();

 private:
  friend class Event;
  friend struct detail::SpawnedFrame;

  void insert(detail::CancelNode& node) noexcept;
  static void on_parent_cancelled(detail::CancelNode& node) noexcept;
  void task_ended(std::exception_ptr failure) noexcept;

  detail::CancelNode list_;  // Circular: what to wake on cancel.
  std::size_t running_ = 0;
  bool cancelled_ = false;
  Event all_ended_;
  std::exception_ptr failure_;
};

}  // namespace gatewaykit
