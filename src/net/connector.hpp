// SPDX-License-Identifier: Apache-2.0
// Connector: how pools dial. The loop's own one opens sockets; the test kit's stays in memory. In
// Env, so that a pool needs not know which.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/core/result.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/http/address.hpp"
#include "net/stream.hpp"

namespace gatewaykit {

class Connector {
 public:
  /// Where to dial: an address and port, or a Unix-domain path, or a name of the test kit's.
  struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0;
    std::string path;  ///< Not empty: a Unix-domain socket (or "memory:name").
  };

  /// Opens a stream. Fails with connect_timeout, connect_failed or cancelled, origin upstream; with
  /// connect_failed, origin gateway, where descriptors or memory of our own have run out.
  virtual Task<Result<net::StreamPtr>> connect(Endpoint endpoint, Duration timeout) = 0;

  /// All addresses of a host name, off the loop thread. Fails with connect_failed.
  virtual Task<Result<std::vector<IpAddress>>> resolve(std::string host, Duration timeout) = 0;

 protected:
  ~Connector() = default;
};

}  // namespace gatewaykit
