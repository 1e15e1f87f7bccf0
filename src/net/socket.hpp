// SPDX-License-Identifier: Apache-2.0
// Sockets as the data path uses them: an owned descriptor, socket addresses, and the Stream over a
// connected socket that is registered with a poller.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "gatewaykit/http/address.hpp"
#include "net/connector.hpp"
#include "net/poller.hpp"
#include "net/stream.hpp"

namespace gatewaykit::net {

/// Closes its descriptor.
class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd();

  int get() const noexcept { return fd_; }
  bool valid() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// Another descriptor for the same; invalid, with errno, where there is none left.
Fd duplicate(int fd) noexcept;

/// A socket address of any family, with its length.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  /// None where a Unix-domain path is longer than the system takes.
  static std::optional<SocketAddress> from(const Connector::Endpoint& endpoint) noexcept;
  /// The same family, and address and port or path.
  bool operator==(const SocketAddress& other) const noexcept;
  /// A peer without an address for Unix-domain sockets.
  Peer to_peer() const;
  sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// TCP or Unix-domain. Edge-triggered: a short receive means that the kernel's buffer is empty.
class SocketStream : public Stream, private Pollable {
 public:
  /// Takes a connected (or connecting) non-blocking socket over. `ok()` tells whether the poller
  /// took it.
  SocketStream(Fd fd, Poller& poller) noexcept;
  ~SocketStream() override = default;

  bool ok() const noexcept { return registered_; }
  int fd() const noexcept { return fd_.get(); }

  IoResult receive(char* into, std::size_t size) noexcept override;
  IoResult send(const iovec* vectors, int count) noexcept override;
  void shutdown_send() noexcept override;
  void reset_on_close() noexcept override;
  std::size_t unconfirmed() const noexcept override;

 private:
  void on_events(std::uint32_t events) noexcept override;

  Fd fd_;
  bool registered_ = false;
  bool half_closed_ = false;
};

/// Small answers leave at once (TCP_NODELAY); nothing for other families.
void set_no_delay(int fd) noexcept;

}  // namespace gatewaykit::net
