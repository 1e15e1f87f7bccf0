// SPDX-License-Identifier: Apache-2.0
// ClientConnection: what connections of every version of HTTP have: their stream, what was received
// and not yet taken, who the client is, and the listener's rules for it.
#pragma once

#include <memory>
#include <utility>

#include "gatewaykit/http/address.hpp"
#include "net/stream.hpp"
#include "server/connection.hpp"
#include "server/listen_config.hpp"
#include "server/receive_buffer.hpp"
#include "server/tls_server.hpp"

namespace gatewaykit::server {

class Worker;

class ClientConnection : public Connection {
 public:
  Worker& worker() noexcept { return worker_; }
  net::Stream& stream() noexcept { return *stream_; }
  ReceiveBuffer& input() noexcept { return input_; }
  const ListenConfig& config() const noexcept { return *config_; }
  const Peer& peer() const noexcept { return peer_; }
  bool is_trusted() const noexcept { return is_trusted_; }
  /// Null for clear text.
  const TlsSession* tls() const noexcept { return tls_.get(); }

 protected:
  ClientConnection(Worker& worker, net::StreamPtr stream, Peer peer,
                   std::shared_ptr<const ListenConfig> config,
                   std::unique_ptr<const TlsSession> tls)
      : worker_(worker),
        stream_(std::move(stream)),
        peer_(std::move(peer)),
        config_(std::move(config)),
        tls_(std::move(tls)),
        is_trusted_(config_->believes(peer_)) {}
  /// Goes on with what `other` has, which is left without.
  explicit ClientConnection(ClientConnection&& other) noexcept
      : worker_(other.worker_),
        stream_(std::move(other.stream_)),
        peer_(std::move(other.peer_)),
        config_(std::move(other.config_)),
        tls_(std::move(other.tls_)),
        input_(std::move(other.input_)),
        is_trusted_(other.is_trusted_) {}

  /// Ends the sending side and waits a moment for the client to have read the answer: closing with
  /// unread input would reset the connection and lose it. While some of it is on its way still, one
  /// that takes none of it in for `patience` is waited for, for ten times as long in all.
  Task<void> linger(Duration patience = {});

 private:
  Worker& worker_;
  net::StreamPtr stream_;
  Peer peer_;
  std::shared_ptr<const ListenConfig> config_;
  std::unique_ptr<const TlsSession> tls_;
  ReceiveBuffer input_;
  bool is_trusted_;
};

}  // namespace gatewaykit::server
