// SPDX-License-Identifier: Apache-2.0
// Poller: one epoll set for the sockets of a worker. Each socket is registered once, edge-triggered
// for both directions, and never modified again: no epoll_ctl per request. The loop watches the
// set's own descriptor, so a host's libuv loop serves it as well as our own.
#pragma once

#include <cstdint>

namespace gatewaykit::net {

/// What is registered with a poller.
class Pollable {
 public:
  /// `events` are EPOLL* bits. Called from Poller::dispatch; must not resume coroutines, and may
  /// destroy no pollable but itself.
  virtual void on_events(std::uint32_t events) noexcept = 0;

 protected:
  ~Pollable() = default;
};

class Poller {
 public:
  Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller();

  int fd() const noexcept { return epoll_fd_; }

  /// Edge-triggered, both directions and half-close. 0, or errno. Closing the fd removes it.
  int add(int fd, Pollable& pollable) noexcept;
  /// Level-triggered, for reading only: listeners, which may be paused.
  int add_listener(int fd, Pollable& pollable) noexcept;
  void remove(int fd) noexcept;

  /// Hands out the events that are there now, without waiting; how many there were.
  int dispatch() noexcept;

  /// Events per dispatch, at most.
  static constexpr int kBatch = 256;

 private:
  int epoll_fd_;
};

}  // namespace gatewaykit::net
