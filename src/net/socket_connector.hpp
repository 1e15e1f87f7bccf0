// SPDX-License-Identifier: Apache-2.0
// SocketConnector: dials sockets on a worker's loop and resolves names on libuv's thread pool, so
// that no loop thread ever blocks on DNS.
#pragma once

#include "net/connector.hpp"
#include "net/loop.hpp"

namespace gatewaykit::net {

class SocketConnector final : public Connector {
 public:
  explicit SocketConnector(Loop& loop) noexcept : loop_(loop) {}

  Task<Result<StreamPtr>> connect(Endpoint endpoint, Duration timeout) override;
  Task<Result<std::vector<IpAddress>>> resolve(std::string host, Duration timeout) override;

 private:
  Loop& loop_;
};

}  // namespace gatewaykit::net
