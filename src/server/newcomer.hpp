// SPDX-License-Identifier: Apache-2.0
// Newcomer: a client's connection before HTTP, which tells whom it is passed on for (PROXY
// protocol) or shakes hands. HandshakeGate: so many handshakes at a time, first come first served.
// Both belong to one worker's thread.
#pragma once

#include <cstddef>

#include "gatewaykit/core/cancel_scope.hpp"
#include "gatewaykit/core/event.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/core/timer.hpp"
#include "server/connection.hpp"

namespace gatewaykit::server {

class HandshakeGate;
class Worker;

/// Listed with the idle connections for as long as it lives. A drain leaves it alone: whoever has
/// connected just before is to be answered.
class Newcomer final : public Listed {
 public:
  explicit Newcomer(Worker& worker);
  ~Newcomer();

  /// Cancelled where it has to give way: what it waits for belongs into it.
  CancelScope& scope() noexcept { return scope_; }

  void drain() noexcept override {}
  void retire() noexcept override {}
  void give_way() noexcept override { scope_.cancel(); }

 private:
  friend class HandshakeGate;

  Worker& worker_;
  CancelScope scope_;

  // In its gate.
  HandshakeGate* gate_ = nullptr;
  TimePoint begun_at_ = kNever;  // kNever: it waits for its turn.
  Event turn_;
  Newcomer* previous_ = nullptr;
  Newcomer* next_ = nullptr;
};

class HandshakeGate {
 public:
  /// `patience`: how long a handshake may take while others wait for their turn.
  HandshakeGate(std::size_t most, Duration patience) noexcept : most_(most), patience_(patience) {}

  /// Waits for the newcomer's turn, which lasts until it is destroyed. False where it did not come
  /// in time, or was given up. Within the newcomer's scope.
  Task<bool> enter(Newcomer& newcomer, TimePoint deadline);

 private:
  friend class Newcomer;

  void append(Newcomer& newcomer) noexcept;
  void leave(Newcomer& newcomer) noexcept;
  void admit(TimePoint now) noexcept;
  /// That one of those under way that has been at it for longest and has not had to give way.
  Newcomer* oldest() const noexcept;

  const std::size_t most_;
  const Duration patience_;
  std::size_t under_way_ = 0;
  // In the order in which they came: since that is the order of their turns as well, those that
  // wait are the last ones.
  Newcomer* first_ = nullptr;
  Newcomer* last_ = nullptr;
  Newcomer* first_waiting_ = nullptr;
};

}  // namespace gatewaykit::server
