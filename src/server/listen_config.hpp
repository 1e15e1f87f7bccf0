// SPDX-License-Identifier: Apache-2.0
// ListenConfig: ListenOptions as the connections of a listener use them, checked and parsed once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/http1_request_parser.hpp"
#include "gatewaykit/http/address.hpp"
#include "gatewaykit/http/headers.hpp"
#include "gatewaykit/server/gateway.hpp"

namespace gatewaykit::server {

class TlsServer;

struct ListenConfig {
  ListenLimits limits;
  Http2Options http2;
  codec::RequestLimits head_limits;
  std::vector<Cidr> trusted_proxies;
  bool trusts_unix = false;  // Those who connect to a Unix-domain socket.
  bool proxy_protocol = false;
  Field client_field = Field::x_forwarded_for;  // Or Field::forwarded.
  EncodedSlash encoded_slash = EncodedSlash::reject;
  std::optional<unsigned> unix_mode;
  std::shared_ptr<TlsServer> tls;  // Null for clear text.

  /// Adds a sentence to `problems` for everything that is wrong.
  static ListenConfig from(const ListenOptions& options, std::vector<std::string>& problems);
  /// Of who connects: that it may tell whose connection it passes on.
  bool trusts(const Peer& peer) const noexcept;
  /// What the requests of a connection's peer say of its clients. One of whom a PROXY header says
  /// that it has no address is nobody in particular.
  bool believes(const Peer& peer) const noexcept;
  bool trusts(const IpAddress& address) const noexcept;

 private:
  void trust(const std::vector<std::string>& proxies, std::vector<std::string>& problems);
};

}  // namespace gatewaykit::server
