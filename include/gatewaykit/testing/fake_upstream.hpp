// SPDX-License-Identifier: Apache-2.0
// FakeUpstream: a target in memory, on virtual time, that a test plays: it accepts the gateway's
// connections, reads what came over the wire and answers with raw bytes, or with nothing. Or it
// answers by itself. MemoryPeer: one connection, of either side. On the executor's thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gatewaykit/core/function.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/export.hpp"
#include "gatewaykit/testing/memory_network.hpp"
#include "gatewaykit/testing/wire.hpp"

namespace gatewaykit::testing {

/// A connection whose one end a script plays. Closed when it goes.
class GATEWAYKIT_EXPORT MemoryPeer {
 public:
  /// `kind`: what is read from it: requests by a target, responses by a client.
  MemoryPeer(MemorySocket socket, WireReader::Kind kind) noexcept
      : socket_(std::move(socket)), reader_(kind) {}

  /// The next message, whole. Not complete where the peer ended before it did; without a head where
  /// the peer ended between two messages. Throws std::runtime_error where it is malformed.
  Task<WireMessage> read_message();
  /// The head of the next message as soon as it is there; `read_message` then brings all of it.
  Task<WireMessage> read_head();
  /// Bytes that belong to no message: those of a tunnel. Empty at the end.
  Task<std::string> read_bytes();
  /// Waits until the peer has ended, and drops what it sends meanwhile.
  Task<void> wait_for_end() { return socket_.wait_for_end(); }

  /// Sends raw bytes; waits for room. False where the peer is gone.
  Task<bool> write(std::string bytes) { return socket_.write(std::move(bytes)); }
  void shut_down() { socket_.shut_down(); }
  void close() { socket_.close(); }
  void reset() { socket_.reset(); }
  bool was_reset() const noexcept { return socket_.was_reset(); }

  WireReader& reader() noexcept { return reader_; }

 private:
  Task<bool> receive();

  MemorySocket socket_;
  WireReader reader_;
};

/// Declared after the network, so that it goes before it; not destroyed by a running task.
class GATEWAYKIT_EXPORT FakeUpstream {
 public:
  /// Listens on `address` of `network` (see MemoryNetwork).
  FakeUpstream(MemoryNetwork& network, std::string_view address,
               const ConnectionOptions& options = {});
  FakeUpstream(const FakeUpstream&) = delete;
  FakeUpstream& operator=(const FakeUpstream&) = delete;
  ~FakeUpstream();

  /// The next connection that the gateway opens, for the test to play. Not beside `answer_all`.
  Task<MemoryPeer> accept();

  /// From now on answers each request with these bytes, or with what `answer` makes of it, on
  /// connections that it keeps until the gateway closes them or it has sent "connection: close".
  void answer_all(std::string response);
  void answer_all(Function<std::string(const WireMessage&) const> answer);

  /// For the connections that are made from now on.
  void set_options(const ConnectionOptions& options);

  /// Connections that were accepted, and those of them that `answer_all` serves still.
  std::size_t connections() const noexcept;
  std::size_t open_connections() const noexcept;
  /// Complete requests that `answer_all` has seen, in order of arrival.
  const std::vector<WireMessage>& requests() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gatewaykit::testing
