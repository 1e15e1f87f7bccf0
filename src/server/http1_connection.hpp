// SPDX-License-Identifier: Apache-2.0
// Http1Connection: a client's HTTP/1.1 connection: one exchange after the other, in the order of
// the requests. While none runs it holds neither a buffer nor more than a small frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "gatewaykit/core/pool.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/http/address.hpp"
#include "net/stream.hpp"
#include "server/connection.hpp"
#include "server/listen_config.hpp"
#include "server/receive_buffer.hpp"

namespace gatewaykit::server {

class Http1Exchange;
class TlsSession;
class Worker;

class Http1Connection final : public Connection, private net::StreamObserver {
 public:
  Http1Connection(Worker& worker, net::StreamPtr stream, Peer peer,
                  std::shared_ptr<const ListenConfig> config,
                  std::unique_ptr<const TlsSession> tls = nullptr);
  ~Http1Connection() override;
  static void* operator new(std::size_t size) { return pool_allocate(size); }
  static void operator delete(void* block, std::size_t size) noexcept {
    pool_deallocate(block, size);
  }

  Task<void> run() override;
  void drain() noexcept override;
  void retire() noexcept override;

  // --- For its exchanges.
  Worker& worker() noexcept { return worker_; }
  net::Stream& stream() noexcept { return *stream_; }
  ReceiveBuffer& input() noexcept { return input_; }
  const ListenConfig& config() const noexcept { return *config_; }
  const Peer& peer() const noexcept { return peer_; }
  bool is_trusted() const noexcept { return is_trusted_; }
  /// Null for clear text.
  const TlsSession* tls() const noexcept { return tls_.get(); }
  bool is_draining() const noexcept { return is_draining_; }

 private:
  /// Ends the sending side and waits a moment for the client to have read the answer: closing with
  /// unread input would reset the connection and lose it.
  Task<void> linger();

  void begin(Http1Exchange& exchange) noexcept;
  void end(bool is_cut) noexcept;
  void on_half_close() noexcept override;
  void on_disconnect() noexcept override;
  /// The client has shut its sending side: it has so much time, and more while it is sent some.
  void begin_grace() noexcept;
  void end_grace() noexcept;

  struct GraceTimer : Timer {
    explicit GraceTimer(Http1Connection& owner) noexcept;
    Http1Connection& connection;
  };

  Worker& worker_;
  net::StreamPtr stream_;
  Peer peer_;
  std::shared_ptr<const ListenConfig> config_;
  std::unique_ptr<const TlsSession> tls_;
  ReceiveBuffer input_;
  Http1Exchange* exchange_ = nullptr;
  GraceTimer grace_;
  std::uint64_t sent_before_grace_ = 0;
  bool is_half_closed_ = false;
  bool is_draining_ = false;
  bool is_trusted_;
};

}  // namespace gatewaykit::server
