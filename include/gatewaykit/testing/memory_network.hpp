// SPDX-License-Identifier: Apache-2.0
// MemoryNetwork: what pools dial in tests: connections in memory, on virtual time, with the faults
// that a test asks for, and a DNS that says what the test says. MemorySocket is the test's end of a
// connection. All on the executor's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/core/task.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/export.hpp"

namespace gatewaykit::net {
class Stream;
}

namespace gatewaykit::testing {

class VirtualExecutor;

/// One direction of a connection.
struct LinkOptions {
  /// Bytes that are sent and not yet received, at most: beyond it the sender has to wait.
  std::size_t capacity = std::size_t{64} * 1024;
  /// The most that one receive gives, as if each piece came in a packet of its own.
  std::size_t fragment = std::numeric_limits<std::size_t>::max();
  /// How long bytes, ends and connection attempts are on their way.
  Duration latency{};
  /// After so many bytes the receiver sees the end, and the rest is lost without a word.
  std::optional<std::uint64_t> cut_after = std::nullopt;
  /// After so many bytes both ends see a reset.
  std::optional<std::uint64_t> reset_after = std::nullopt;
};

struct ConnectionOptions {
  LinkOptions to_server = {};
  LinkOptions to_client = {};
};

/// One end of a connection, held by the test. Closed when it goes.
class GATEWAYKIT_EXPORT MemorySocket {
 public:
  explicit MemorySocket(std::unique_ptr<net::Stream> stream) noexcept;
  MemorySocket(MemorySocket&& other) noexcept;
  MemorySocket& operator=(MemorySocket&& other) noexcept;
  ~MemorySocket();

  /// The bytes that are there, at least one and `most` at most; waits for them. Empty: the peer has
  /// shut its sending side or is gone (`was_reset` tells).
  Task<std::string> read(std::size_t most = std::size_t{64} * 1024);
  /// Sends all of `bytes`; waits for room. False where the peer is gone.
  Task<bool> write(std::string bytes);
  /// Waits until the peer has shut its sending side or is gone, and drops what it sends meanwhile.
  Task<void> wait_for_end();

  /// Ends the sending side alone.
  void shut_down();
  /// As close(2): an end for the peer, or a reset where bytes were left unread here.
  void close();
  void reset();

  bool is_open() const noexcept { return stream_ != nullptr; }
  /// A read or write has met a reset.
  bool was_reset() const noexcept { return was_reset_; }

 private:
  std::unique_ptr<net::Stream> stream_;
  bool was_reset_ = false;
};

/// Takes connections to one address. The address refuses again once this is gone.
class GATEWAYKIT_EXPORT MemoryListener {
 public:
  MemoryListener(MemoryListener&& other) noexcept;
  MemoryListener& operator=(MemoryListener&& other) noexcept;
  ~MemoryListener();

  /// The next connection; waits for it.
  Task<MemorySocket> accept();
  /// Connections that were made and not accepted yet.
  std::size_t backlog() const noexcept;
  /// For the connections that are made from now on.
  void set_options(const ConnectionOptions& options);

 private:
  friend class MemoryNetwork;
  struct State;
  explicit MemoryListener(std::shared_ptr<State> state) noexcept;
  std::shared_ptr<State> state_;
};

/// An address is what UpstreamOptions::targets takes ("http://10.0.0.1:8000", "memory:users",
/// "unix:/run/users.sock"), or "ADDRESS:PORT". One that nobody listens on refuses connections.
class GATEWAYKIT_EXPORT MemoryNetwork {
 public:
  /// Becomes the executor's connector for as long as it lives.
  explicit MemoryNetwork(VirtualExecutor& executor);
  MemoryNetwork(const MemoryNetwork&) = delete;
  MemoryNetwork& operator=(const MemoryNetwork&) = delete;
  ~MemoryNetwork();

  VirtualExecutor& executor() noexcept;

  /// Throws std::invalid_argument for a malformed address or one that is taken.
  MemoryListener listen(std::string_view address, const ConnectionOptions& options = {});
  /// Connection attempts get no answer at all; `answer` goes back to listening or refusing.
  void ignore(std::string_view address);
  void answer(std::string_view address);
  /// Whoever dials more open connections than this runs out of descriptors: Errc::connect_failed
  /// of Origin::gateway.
  void limit_descriptors(std::size_t most);
  /// Dials as a client would. Throws std::runtime_error where it is refused.
  Task<MemorySocket> connect(std::string address);
  /// How often that address was dialled, whatever came of it.
  std::size_t dials(std::string_view address) const;

  /// What a lookup of `host` says from now on, `after` so long. A host that was never told of does
  /// not exist; an address stands for itself.
  void set_host(std::string_view host, const std::vector<std::string>& addresses,
                Duration after = {});
  void remove_host(std::string_view host);
  /// Lookups of `host` get no answer until it is set or removed.
  void ignore_host(std::string_view host);
  std::size_t lookups(std::string_view host) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gatewaykit::testing
