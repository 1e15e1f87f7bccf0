// SPDX-License-Identifier: Apache-2.0
// Http1Connection: a client's HTTP/1.1 connection: one exchange after the other, in the order of
// the requests. While none runs it holds neither a buffer nor more than a small frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "gatewaykit/core/pool.hpp"
#include "gatewaykit/core/timer.hpp"
#include "server/client_connection.hpp"

namespace gatewaykit::server {

class Http1Exchange;

class Http1Connection final : public ClientConnection, private net::StreamObserver {
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

  /// An HTTP/2 connection on what this one has, where the client has begun to speak that.
  std::unique_ptr<Connection> successor() override;

  // --- For its exchanges.
  /// What was received as the first thing is, or begins, the preface of HTTP/2.
  bool speaks_http2() noexcept;
  bool is_draining() const noexcept { return is_draining_; }

 private:
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

  Http1Exchange* exchange_ = nullptr;
  GraceTimer grace_;
  std::uint64_t sent_before_grace_ = 0;
  bool is_half_closed_ = false;
  bool is_draining_ = false;
  bool is_first_ = true;  // Of its requests.
  bool is_http2_ = false;
};

}  // namespace gatewaykit::server
