// SPDX-License-Identifier: Apache-2.0
#include "upstream/tls_target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/base64.hpp"
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

using Digest = std::array<unsigned char, 32>;

/// What targets of a pool are dialled with, and what is looked up during their handshakes.
struct ClientContext {
  net::SslContextPtr context;
  std::vector<Digest> pins;
  bool verifies = true;
};

bool is_pinned(X509* leaf, const std::vector<Digest>& pins) noexcept {
  if (leaf == nullptr) return false;
  unsigned char* key = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &key);
  if (size <= 0) return false;
  Digest digest{};
  EVP_Digest(key, static_cast<std::size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr);
  OPENSSL_free(key);
  return std::find(pins.begin(), pins.end(), digest) != pins.end();
}

/// In place of OpenSSL's own verification.
int verify(X509_STORE_CTX* chain, void* argument) noexcept {
  const auto& self = *static_cast<const ClientContext*>(argument);
  if (self.verifies && X509_verify_cert(chain) != 1) return 0;
  const bool is_good = is_pinned(X509_STORE_CTX_get0_cert(chain), self.pins);
  X509_STORE_CTX_set_error(chain, is_good ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
  return is_good ? 1 : 0;
}

void pin(ClientContext& made, const UpstreamTls& options, std::vector<std::string>& problems) {
  for (const std::string& text : options.pins) {
    const std::optional<std::string> bytes = decode_base64(text);
    if (bytes && bytes->size() == Digest().size()) {
      std::copy(bytes->begin(), bytes->end(), made.pins.emplace_back().begin());
    } else {
      problems.push_back(fmt::format("tls.pins: '{}' is no SHA-256 in base64", text));
    }
  }
  if (options.pins.empty()) return;
  made.verifies = options.verify;
  SSL_CTX_set_verify(made.context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(made.context.get(), &verify, &made);
}

}  // namespace

std::shared_ptr<SSL_CTX> make_client_context(const UpstreamTls& options,
                                             std::vector<std::string>& problems) {
  const std::size_t before = problems.size();
  const auto made = std::make_shared<ClientContext>();
  made->context = net::make_tls_context(TLS_client_method(), options.min_version, "", problems);
  SSL_CTX* const context = made->context.get();
  trust(*context, options, problems);
  pin(*made, options, problems);
  if (options.certificate) net::use_certificate(*context, *options.certificate, problems);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context, &TlsTarget::on_session);
  if (problems.size() > before) return nullptr;
  return {made, context};
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
  const bool checks_name =
      is_address_ ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), name_.c_str()) == 1
                  : SSL_set_tlsext_host_name(ssl.get(), name_.c_str()) == 1 &&
                        SSL_set1_host(ssl.get(), name_.c_str()) == 1;
  if (!checks_name) return nullptr;
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
