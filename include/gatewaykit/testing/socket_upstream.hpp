// SPDX-License-Identifier: Apache-2.0
// SocketUpstream: a target on a real socket of the loopback interface, for tests in real time. It
// has threads and blocking sockets of its own and shares nothing with the gateway's loop.
// SocketPeer: one connection, of either side: a test's client is one, too.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/core/function.hpp"
#include "gatewaykit/export.hpp"
#include "gatewaykit/testing/wire.hpp"

namespace gatewaykit::testing {

namespace detail {
struct SharedSocket;
struct SocketCounters;
}  // namespace detail

/// A blocking connection. Whatever waits for the peer longer than the patience (30 s) throws
/// std::runtime_error, so that a test fails rather than hangs. One thread at a time.
class GATEWAYKIT_EXPORT SocketPeer {
 public:
  /// Connects to 127.0.0.1 as a client. Throws std::system_error where it cannot.
  static SocketPeer dial(std::uint16_t port);

  SocketPeer(SocketPeer&& other) noexcept;
  SocketPeer& operator=(SocketPeer&& other) noexcept;
  ~SocketPeer();

  /// The next message, whole. Not complete where the peer ended before it did; without a head where
  /// the peer ended between two messages. Throws std::runtime_error where it is malformed.
  WireMessage read_message();
  /// The head of the next message as soon as it is there; `read_message` then brings all of it.
  WireMessage read_head();
  /// Some bytes that belong to no message: those of a tunnel, or all that comes. Empty at the end.
  std::string read_bytes();
  /// Waits until the peer has ended, and drops what it sends meanwhile.
  void wait_for_end();

  /// Sends raw bytes. False where the peer is gone.
  bool write(std::string_view bytes);
  void shut_down();
  /// As close(2): an end for the peer, or a reset where bytes were left unread here.
  void close();
  void reset();
  /// A read or write has met a reset.
  bool was_reset() const noexcept { return was_reset_; }

  void set_patience(std::chrono::milliseconds patience);
  /// The system's buffers, for tests of backpressure: set them before the first byte.
  void set_buffers(int receive_bytes, int send_bytes);

  WireReader& reader() noexcept { return reader_; }

 private:
  friend class SocketUpstream;
  SocketPeer(std::shared_ptr<detail::SharedSocket> socket,
             std::shared_ptr<detail::SocketCounters> counters, WireReader::Kind kind) noexcept;
  bool receive(std::string& bytes);
  bool receive();

  std::shared_ptr<detail::SharedSocket> socket_;
  std::shared_ptr<detail::SocketCounters> counters_;
  WireReader reader_;
  bool was_reset_ = false;
};

class GATEWAYKIT_EXPORT SocketUpstream {
 public:
  /// Plays one connection; runs on a thread of that connection, beside others. What it throws ends
  /// the connection and stands in `failures`.
  using Script = Function<void(SocketPeer&) const>;

  /// Listens on a free port of 127.0.0.1.
  explicit SocketUpstream(Script script);
  /// Answers each request with these bytes on connections that it keeps.
  explicit SocketUpstream(std::string response);
  SocketUpstream(const SocketUpstream&) = delete;
  SocketUpstream& operator=(const SocketUpstream&) = delete;
  ~SocketUpstream();

  std::uint16_t port() const noexcept;
  /// As UpstreamOptions::targets takes it.
  std::string url() const;

  /// Ends all connections; the port refuses from now on. Returns when every script has ended.
  void stop();

  /// Connections that were accepted, and those of them whose script runs still. Any thread.
  std::size_t connections() const noexcept;
  std::size_t open_connections() const noexcept;
  /// Requests that scripts have taken whole.
  std::size_t requests() const noexcept;
  std::uint64_t bytes_in() const noexcept;
  std::uint64_t bytes_out() const noexcept;
  /// What scripts threw. Connections that `stop` has ended count for nothing.
  std::vector<std::string> failures() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gatewaykit::testing
