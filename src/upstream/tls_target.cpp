// SPDX-License-Identifier: Apache-2.0
#include "upstream/tls_target.hpp"

#include <fmt/format.h>

#include <utility>

#include "gatewaykit/http/address.hpp"

namespace gatewaykit::upstream {

namespace {

void trust(SSL_CTX& context, const UpstreamTls& options, std::vector<std::string>& problems) {
  if (!options.verify) return;
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER, nullptr);
  const bool is_trusting = options.ca.empty()
                               ? SSL_CTX_set_default_verify_paths(&context) == 1
                               : SSL_CTX_load_verify_file(&context, options.ca.c_str()) == 1;
  if (is_trusting) return;
  problems.push_back(fmt::format("tls.ca: cannot use '{}': {}", options.ca, net::take_tls_error()));
}

}  // namespace

std::shared_ptr<SSL_CTX> make_client_context(const UpstreamTls& options,
                                             std::vector<std::string>& problems) {
  const std::size_t before = problems.size();
  net::SslContextPtr context =
      net::make_tls_context(TLS_client_method(), options.min_version, "", problems);
  trust(*context, options, problems);
  if (options.certificate) net::use_certificate(*context, *options.certificate, problems);
  SSL_CTX_set_session_cache_mode(context.get(),
                                 SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context.get(), &TlsTarget::on_session);
  if (problems.size() > before) return nullptr;
  return context;
}

TlsTarget::TlsTarget(std::shared_ptr<SSL_CTX> context, std::string name)
    : context_(std::move(context)),
      name_(std::move(name)),
      is_address_(IpAddress::parse(name_).has_value()) {}

std::unique_ptr<net::TlsStream> TlsTarget::dress(net::Fd fd, net::Poller& poller,
                                                 std::string_view protocols) const {
  net::SslPtr ssl(SSL_new(context_.get()));
  if (!ssl) return nullptr;
  SSL_set_connect_state(ssl.get());
  SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                      static_cast<unsigned>(protocols.size()));
  SSL_set_app_data(ssl.get(), const_cast<TlsTarget*>(this));
  // An address is no name that can be asked for (RFC 6066 section 3), but one that can be shown.
  if (is_address_) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), name_.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl.get(), name_.c_str());
    SSL_set1_host(ssl.get(), name_.c_str());
  }
  {
    const std::lock_guard lock(mutex_);
    if (session_) SSL_set_session(ssl.get(), session_.get());
  }
  return std::make_unique<net::TlsStream>(std::move(fd), poller, std::move(ssl),
                                          shared_from_this());
}

/// Takes the session over. The stream keeps its target alive.
int TlsTarget::on_session(SSL* ssl, SSL_SESSION* session) noexcept {
  const auto& self = *static_cast<const TlsTarget*>(SSL_get_app_data(ssl));
  SessionPtr taken(session);
  const std::lock_guard lock(self.mutex_);
  self.session_.swap(taken);
  return 1;
}

}  // namespace gatewaykit::upstream
