// SPDX-License-Identifier: Apache-2.0
// TlsServer: TlsOptions at work: the certificates of a listener by name, the keys of its session
// tickets, and what is known of a client once it has shaken hands. Any thread. Each worker has an
// SSL_CTX of its own, so that its handshakes count no references that others count as well; what it
// is made from is shared.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/server/tls.hpp"
#include "net/tls_stream.hpp"

namespace gatewaykit::server {

class TicketKeys;
struct TlsIdentity;
struct TlsCertificates;
struct TlsShare;

/// A connection past its handshake.
class TlsSession {
 public:
  TlsSession(SSL& ssl, std::shared_ptr<const TlsShare> share);

  /// Whether a request for `authority` may come on this connection: not where the client asked for
  /// another name, and would have been given another certificate (RFC 9110 section 15.5.20).
  bool serves(std::string_view authority) const;
  /// What both sides have agreed on (ALPN).
  bool is_http2() const noexcept { return is_http2_; }
  /// None where the client presented none.
  const std::optional<ClientCertificate>& client_certificate() const noexcept { return client_; }

 private:
  std::shared_ptr<const TlsShare> share_;
  std::string name_;  // That the client asked for; may be empty.
  const TlsIdentity& given_;
  std::optional<ClientCertificate> client_;
  bool is_http2_;
};

class TlsServer {
 public:
  /// Reads the files; `problems` gets a sentence for each mistake. `offers_http2`: by ALPN.
  TlsServer(TlsOptions options, bool offers_http2, std::vector<std::string>& problems);

  /// A stream that is yet to shake hands, of the worker with that number.
  std::unique_ptr<net::TlsStream> accept(std::size_t worker, net::Fd fd, net::Poller& poller);
  TlsSession session_of(net::TlsStream& stream) const;
  /// Reads the files again, for the clients from now on. With problems, what was read before stays.
  void reload(std::vector<std::string>& problems);

  Duration handshake_timeout() const noexcept { return options_.handshake_timeout; }

 private:
  std::shared_ptr<const TlsShare> make_share(std::shared_ptr<const TlsCertificates> certificates,
                                             std::vector<std::string>& problems) const;
  std::shared_ptr<const TlsShare> share_of(std::size_t worker);
  std::shared_ptr<TicketKeys> ticket_keys();

  const TlsOptions options_;
  const bool offers_http2_;
  std::mutex mutex_;  // Guards what follows.
  std::shared_ptr<const TlsCertificates> certificates_;
  std::vector<std::shared_ptr<const TlsShare>> shares_;  // By worker; null until it needs one.
};

}  // namespace gatewaykit::server
