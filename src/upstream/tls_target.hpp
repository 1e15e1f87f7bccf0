// SPDX-License-Identifier: Apache-2.0
// TlsTarget: how a target with an https URL is dialled: whose certificate it must show, and the
// session to go on with. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/upstream/tls.hpp"
#include "net/tls_stream.hpp"

namespace gatewaykit::upstream {

/// What the targets of a pool have in common; null, with sentences in `problems`, where it cannot
/// be used.
std::shared_ptr<SSL_CTX> make_client_context(const UpstreamTls& options,
                                             std::vector<std::string>& problems);

class TlsTarget final : public net::TlsDialer, public std::enable_shared_from_this<TlsTarget> {
 public:
  /// `name` is a host name or an IP address; see UpstreamTls.
  TlsTarget(std::shared_ptr<SSL_CTX> context, std::string name);

  std::unique_ptr<net::TlsStream> dress(net::Fd fd, net::Poller& poller,
                                        std::string_view protocols) const override;

 private:
  using SessionPtr = std::unique_ptr<SSL_SESSION, net::TlsFree<SSL_SESSION_free>>;

  friend std::shared_ptr<SSL_CTX> make_client_context(const UpstreamTls& options,
                                                      std::vector<std::string>& problems);
  static int on_session(SSL* ssl, SSL_SESSION* session) noexcept;

  const std::shared_ptr<SSL_CTX> context_;
  const std::string name_;
  const bool is_address_;
  mutable std::mutex mutex_;
  mutable SessionPtr session_;  // Guarded by mutex_.
};

}  // namespace gatewaykit::upstream
