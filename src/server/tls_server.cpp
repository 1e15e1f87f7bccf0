// SPDX-License-Identifier: Apache-2.0
#include "server/tls_server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "http/scan.hpp"
#include "server/ocsp_staple.hpp"
#include "server/ticket_keys.hpp"

namespace gatewaykit::server {

namespace {

/// As ALPN writes lists (RFC 7301 section 3.1), what is liked best first.
constexpr std::string_view kProtocols = "\x02h2\x08http/1.1";
constexpr std::string_view kOnlyHttp1 = kProtocols.substr(3);

/// "a.test" of "A.test:8443" and of "a.test.".
std::string host_of(std::string_view authority) {
  if (authority.empty() || authority.front() == '[') return std::string(authority);
  std::string host(authority.substr(0, authority.find(':')));
  lower(host);
  if (host.ends_with('.')) host.pop_back();
  return host;
}

/// RFC 6125 section 6.4.3: a wildcard stands for one whole label, the first.
bool covers(const std::string& pattern, std::string_view name) {
  if (!pattern.starts_with("*.")) return pattern == name;
  const std::size_t dot = name.find('.');
  return dot != std::string_view::npos && dot > 0 && name.substr(dot) == pattern.substr(1);
}

int select_protocol(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* size,
                    const unsigned char* offered, unsigned int offered_size,
                    void* argument) noexcept {
  const auto& served = *static_cast<const std::string_view*>(argument);
  unsigned char* found = nullptr;
  const int result =
      SSL_select_next_proto(&found, size, reinterpret_cast<const unsigned char*>(served.data()),
                            static_cast<unsigned int>(served.size()), offered, offered_size);
  *chosen = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::string hexadecimal(const unsigned char* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

std::string subject_of(X509& certificate) {
  using BioPtr = std::unique_ptr<BIO, net::TlsFree<BIO_free_all>>;
  const BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(&certificate), 0,
                     XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

std::optional<ClientCertificate> client_certificate_of(SSL& ssl) {
  const net::X509Ptr certificate(SSL_get1_peer_certificate(&ssl));
  if (!certificate || SSL_get_verify_result(&ssl) != X509_V_OK) return std::nullopt;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  X509_digest(certificate.get(), EVP_sha256(), digest, &size);
  std::string der(static_cast<std::size_t>(i2d_X509(certificate.get(), nullptr)), '\0');
  auto* end = reinterpret_cast<unsigned char*>(der.data());
  i2d_X509(certificate.get(), &end);
  return ClientCertificate{subject_of(*certificate), net::dns_names_of(*certificate),
                           hexadecimal(digest, size), std::move(der)};
}

}  // namespace

/// One reading of the files.
struct TlsCertificates {
  struct Identity {
    net::SslContextPtr context;
    std::vector<std::string> names;
    std::unique_ptr<const OcspStaple> staple;  // Null for none.
  };

  const Identity& find(std::string_view name) const {
    const Identity* wildcard = nullptr;
    for (const Identity& identity : identities) {
      for (const std::string& pattern : identity.names) {
        if (pattern == name) return identity;
        if (wildcard == nullptr && covers(pattern, name)) wildcard = &identity;
      }
    }
    return wildcard != nullptr ? *wildcard : identities.front();
  }

  static int on_name(SSL* ssl, int* /*alert*/, void* argument) noexcept {
    const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
    const auto& self = *static_cast<const TlsCertificates*>(argument);
    SSL_set_SSL_CTX(ssl, self.find(host_of(name)).context.get());
    return SSL_TLSEXT_ERR_OK;
  }

  std::shared_ptr<TicketKeys> ticket_keys;  // Outlive the contexts.
  std::vector<Identity> identities;
};

namespace {

void ask_for_certificates(SSL_CTX& context, const TlsOptions& options,
                          std::vector<std::string>& problems) {
  if (options.client_certificates == ClientCertificates::none) return;
  const char* const file = options.client_ca.c_str();
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(file);
  if (names == nullptr || SSL_CTX_load_verify_file(&context, file) != 1) {
    problems.push_back(fmt::format("tls.client_ca: cannot use '{}': {}", options.client_ca,
                                   net::take_tls_error()));
  }
  SSL_CTX_set_client_CA_list(&context, names);  // Takes it over.
  const bool is_required = options.client_certificates == ClientCertificates::required;
  SSL_CTX_set_verify(
      &context, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
}

std::vector<std::string> names_of(SSL_CTX& context) {
  X509* const certificate = SSL_CTX_get0_certificate(&context);
  return certificate == nullptr ? std::vector<std::string>() : net::dns_names_of(*certificate);
}

}  // namespace

TlsServer::TlsServer(TlsOptions options, bool offers_http2, std::vector<std::string>& problems)
    : options_(std::move(options)),
      offers_http2_(offers_http2),
      ticket_keys_(std::make_shared<TicketKeys>()) {
  if (options_.certificates.empty()) problems.push_back("tls needs a certificate at least");
  if (options_.handshake_timeout <= Duration::zero()) {
    problems.push_back("tls.handshake_timeout must be greater than zero");
  }
  certificates_ = read(problems);
}

std::shared_ptr<const TlsCertificates> TlsServer::read(std::vector<std::string>& problems) const {
  auto made = std::make_shared<TlsCertificates>();
  made->ticket_keys = ticket_keys_;
  for (const TlsCertificate& certificate : options_.certificates) {
    net::SslContextPtr context = net::make_tls_context(TLS_server_method(), options_.min_version,
                                                       options_.ciphers, problems);
    net::use_certificate(*context, certificate, problems);
    ask_for_certificates(*context, options_, problems);
    ticket_keys_->serve(*context);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(context.get(),
                                   reinterpret_cast<const unsigned char*>("gatewaykit"), 10);
    SSL_CTX_set_alpn_select_cb(
        context.get(), &select_protocol,
        const_cast<std::string_view*>(offers_http2_ ? &kProtocols : &kOnlyHttp1));
    SSL_CTX_set_tlsext_servername_callback(context.get(), &TlsCertificates::on_name);
    SSL_CTX_set_tlsext_servername_arg(context.get(), made.get());
    std::unique_ptr<const OcspStaple> staple =
        OcspStaple::read(certificate.ocsp_response, *context, problems);
    if (staple != nullptr) staple->serve(*context);
    std::vector<std::string> names = names_of(*context);
    made->identities.push_back({std::move(context), std::move(names), std::move(staple)});
  }
  return made;
}

void TlsServer::reload(std::vector<std::string>& problems) {
  std::shared_ptr<const TlsCertificates> made = read(problems);
  if (!problems.empty()) return;
  const std::lock_guard lock(mutex_);
  certificates_.swap(made);
}

std::shared_ptr<const TlsCertificates> TlsServer::certificates() const {
  const std::lock_guard lock(mutex_);
  return certificates_;
}

std::unique_ptr<net::TlsStream> TlsServer::accept(net::Fd fd, net::Poller& poller) const {
  std::shared_ptr<const TlsCertificates> now = certificates();
  net::SslPtr ssl(SSL_new(now->identities.front().context.get()));
  if (!ssl) return nullptr;
  SSL_set_accept_state(ssl.get());
  return std::make_unique<net::TlsStream>(std::move(fd), poller, std::move(ssl), std::move(now));
}

TlsSession TlsServer::session_of(net::TlsStream& stream) const {
  return {stream.ssl(), std::static_pointer_cast<const TlsCertificates>(stream.context())};
}

TlsSession::TlsSession(SSL& ssl, std::shared_ptr<const TlsCertificates> certificates)
    : certificates_(std::move(certificates)),
      given_(SSL_get_SSL_CTX(&ssl)),
      client_(client_certificate_of(ssl)) {
  const char* const name = SSL_get_servername(&ssl, TLSEXT_NAMETYPE_host_name);
  if (name != nullptr) name_ = host_of(name);
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(&ssl, &protocol, &size);
  is_http2_ = std::string_view(reinterpret_cast<const char*>(protocol), size) == "h2";
}

bool TlsSession::serves(std::string_view authority) const {
  if (name_.empty()) return true;
  const std::string host = host_of(authority);
  return host == name_ || certificates_->find(host).context.get() == given_;
}

}  // namespace gatewaykit::server
