// SPDX-License-Identifier: Apache-2.0
// Connector: how pools dial. The loop's own one opens sockets; the test kit's stays in memory. In
// Env, so that a pool needs not know which.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/core/result.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/http/address.hpp"
#include "net/stream.hpp"

namespace gatewaykit::net {

class Fd;
class Poller;
class TlsStream;

/// Makes streams that are to speak TLS to one target.
class TlsDialer {
 public:
  /// Over a socket that connects; `protocols` as in Connector::Endpoint. Null where memory has run
  /// out.
  virtual std::unique_ptr<TlsStream> dress(Fd fd, Poller& poller,
                                           std::string_view protocols) const = 0;

 protected:
  ~TlsDialer() = default;
};

}  // namespace gatewaykit::net

namespace gatewaykit {

class Connector {
 public:
  /// Where to dial: an address and port, or a Unix-domain path, or a name of the test kit's.
  struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0;
    std::string path;  ///< Not empty: a Unix-domain socket (or "memory:name").
    /// Not null: TLS, which is spoken once `connect` returns. Outlives that.
    const net::TlsDialer* tls = nullptr;
    std::string_view protocols;  ///< With TLS: what to offer by ALPN, in its wire format.
    std::string preface = {};    ///< Sent ahead of everything else, TLS included. Some 100 bytes.
  };

  /// Opens a stream. Fails with connect_timeout, connect_failed, cancelled, tls_failed or
  /// tls_timeout (a handshake has as long as a connect), origin upstream; with connect_failed,
  /// origin gateway, where descriptors or memory of our own have run out.
  virtual Task<Result<net::StreamPtr>> connect(Endpoint endpoint, Duration timeout) = 0;

  /// All addresses of a host name, off the loop thread. Fails with connect_failed.
  virtual Task<Result<std::vector<IpAddress>>> resolve(std::string host, Duration timeout) = 0;

 protected:
  ~Connector() = default;
};

}  // namespace gatewaykit
