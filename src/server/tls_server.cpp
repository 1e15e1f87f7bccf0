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

void free_chain(STACK_OF(X509) * chain) noexcept { sk_X509_pop_free(chain, X509_free); }
void free_names(STACK_OF(X509_NAME) * names) noexcept {
  sk_X509_NAME_pop_free(names, X509_NAME_free);
}

/// By SNI, in lower case; empty for none.
std::string name_asked_for(const SSL& ssl) {
  const char* const name = SSL_get_servername(&ssl, TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? std::string() : host_of(name);
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

/// What a client may be shown.
struct TlsIdentity {
  static TlsIdentity read(const TlsCertificate& certificate, std::vector<std::string>& problems);
  void use_for(SSL_CTX& context) const noexcept {
    SSL_CTX_use_cert_and_key(&context, certificate.get(), key.get(), chain.get(), 1);
  }
  bool use_for(SSL& ssl) const noexcept {
    SSL_certs_clear(&ssl);  // One with a key of another kind would stay beside this one.
    return SSL_use_cert_and_key(&ssl, certificate.get(), key.get(), chain.get(), 1) == 1;
  }

  net::X509Ptr certificate;
  net::KeyPtr key;
  std::unique_ptr<STACK_OF(X509), net::TlsFree<free_chain>> chain;
  std::vector<std::string> names;
  std::unique_ptr<const OcspStaple> staple;  // Null for none.
};

/// One reading of the files.
struct TlsCertificates {
  const TlsIdentity& find(std::string_view name) const {
    const TlsIdentity* wildcard = nullptr;
    for (const TlsIdentity& identity : identities) {
      for (const std::string& pattern : identity.names) {
        if (pattern == name) return identity;
        if (wildcard == nullptr && covers(pattern, name)) wildcard = &identity;
      }
    }
    return wildcard != nullptr ? *wildcard : identities.front();
  }

  std::shared_ptr<TicketKeys> ticket_keys;
  std::vector<TlsIdentity> identities;
  net::CertificateStorePtr client_authorities;  // Null: clients are asked for none.
  std::unique_ptr<STACK_OF(X509_NAME), net::TlsFree<free_names>> client_authority_names;
};

/// What a worker makes of them.
struct TlsShare {
  static int on_name(SSL* ssl, int* alert, void* argument) noexcept;
  static int on_status_request(SSL* ssl, void* argument) noexcept;

  std::shared_ptr<const TlsCertificates> certificates;  // Outlives the context.
  net::SslContextPtr context;                           // Has the first identity.
};

TlsIdentity TlsIdentity::read(const TlsCertificate& certificate,
                              std::vector<std::string>& problems) {
  const net::SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  net::use_certificate(*context, certificate, problems);
  TlsIdentity made;
  if (X509* const own = SSL_CTX_get0_certificate(context.get())) {
    X509_up_ref(own);
    made.certificate.reset(own);
    made.names = net::dns_names_of(*own);
  }
  if (EVP_PKEY* const key = SSL_CTX_get0_privatekey(context.get())) {
    EVP_PKEY_up_ref(key);
    made.key.reset(key);
  }
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(context.get(), &chain);
  if (chain != nullptr) made.chain.reset(X509_chain_up_ref(chain));
  made.staple = OcspStaple::read(certificate.ocsp_response, made.certificate.get(), problems);
  return made;
}

/// RFC 6066 section 3. A client that is content with the first certificate has it already.
int TlsShare::on_name(SSL* ssl, int* alert, void* argument) noexcept {
  const std::string name = name_asked_for(*ssl);
  if (name.empty()) return SSL_TLSEXT_ERR_NOACK;
  const TlsCertificates& all = *static_cast<const TlsShare*>(argument)->certificates;
  const TlsIdentity& wanted = all.find(name);
  if (&wanted == &all.identities.front() || wanted.use_for(*ssl)) return SSL_TLSEXT_ERR_OK;
  *alert = SSL_AD_INTERNAL_ERROR;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int TlsShare::on_status_request(SSL* ssl, void* argument) noexcept {
  const X509* const shown = SSL_get_certificate(ssl);
  for (const TlsIdentity& identity :
       static_cast<const TlsShare*>(argument)->certificates->identities) {
    if (identity.certificate.get() != shown || identity.staple == nullptr) continue;
    return identity.staple->give_to(*ssl) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

namespace {

/// As a store and by name: the latter are told to clients.
void read_client_authorities(const std::string& file, TlsCertificates& into,
                             std::vector<std::string>& problems) {
  into.client_authorities.reset(X509_STORE_new());
  into.client_authority_names.reset(SSL_load_client_CA_file(file.c_str()));
  if (into.client_authority_names == nullptr ||
      X509_STORE_load_file(into.client_authorities.get(), file.c_str()) != 1) {
    problems.push_back(
        fmt::format("tls.client_ca: cannot use '{}': {}", file, net::take_tls_error()));
  }
}

/// A name that goes on behind a NUL is another one to those who read C strings.
int verify_names(int is_good, X509_STORE_CTX* chain) noexcept {
  if (is_good != 1 || X509_STORE_CTX_get_error_depth(chain) != 0) return is_good;
  if (!net::has_name_with_nul(*X509_STORE_CTX_get_current_cert(chain))) return 1;
  X509_STORE_CTX_set_error(chain, X509_V_ERR_UNSUPPORTED_NAME_SYNTAX);
  return 0;
}

void ask_for_certificates(SSL_CTX& context, const TlsCertificates& certificates, bool is_required) {
  if (certificates.client_authorities == nullptr) return;
  SSL_CTX_set1_cert_store(&context, certificates.client_authorities.get());
  SSL_CTX_set_client_CA_list(
      &context, SSL_dup_CA_list(certificates.client_authority_names.get()));  // Takes it over.
  SSL_CTX_set_verify(&context,
                     SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     &verify_names);
}

}  // namespace

TlsServer::TlsServer(TlsOptions options, bool offers_http2, std::vector<std::string>& problems)
    : options_(std::move(options)), offers_http2_(offers_http2) {
  if (options_.handshake_timeout <= Duration::zero()) {
    problems.push_back("tls.handshake_timeout must be greater than zero");
  }
  reload(problems);
}

void TlsServer::reload(std::vector<std::string>& problems) {
  std::vector<std::string> own;
  if (options_.certificates.empty()) own.push_back("tls needs a certificate at least");
  auto certificates = std::make_shared<TlsCertificates>();
  certificates->ticket_keys = ticket_keys();
  for (const TlsCertificate& each : options_.certificates) {
    certificates->identities.push_back(TlsIdentity::read(each, own));
  }
  if (options_.client_certificates != ClientCertificates::none) {
    read_client_authorities(options_.client_ca, *certificates, own);
  }
  std::shared_ptr<const TlsShare> first = make_share(certificates, own);
  if (own.empty()) {
    const std::lock_guard lock(mutex_);
    certificates_ = std::move(certificates);
    shares_.clear();
    shares_.push_back(std::move(first));
  }
  std::move(own.begin(), own.end(), std::back_inserter(problems));
}

/// Those of before, so that sessions are resumed: except where clients show certificates, which
/// others than before may be trusted to have issued.
std::shared_ptr<TicketKeys> TlsServer::ticket_keys() {
  const std::lock_guard lock(mutex_);
  const bool keeps = certificates_ && options_.client_certificates == ClientCertificates::none;
  return keeps ? certificates_->ticket_keys : std::make_shared<TicketKeys>();
}

std::shared_ptr<const TlsShare> TlsServer::make_share(
    std::shared_ptr<const TlsCertificates> certificates, std::vector<std::string>& problems) const {
  auto made = std::make_shared<TlsShare>();
  made->context =
      net::make_tls_context(TLS_server_method(), options_.min_version, options_.ciphers, problems);
  SSL_CTX& context = *made->context;
  if (problems.empty()) certificates->identities.front().use_for(context);
  // Clients get the certificates that the file holds: nothing is searched for at each handshake.
  SSL_CTX_set_mode(&context, SSL_MODE_NO_AUTO_CHAIN);
  // Each costs a twentieth of a handshake. Who comes back has used one, and gets another.
  SSL_CTX_set_num_tickets(&context, 1);
  const bool is_required = options_.client_certificates == ClientCertificates::required;
  ask_for_certificates(context, *certificates, is_required);
  certificates->ticket_keys->serve(context);
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(&context, reinterpret_cast<const unsigned char*>("gatewaykit"),
                                 10);
  SSL_CTX_set_alpn_select_cb(
      &context, &select_protocol,
      const_cast<std::string_view*>(offers_http2_ ? &kProtocols : &kOnlyHttp1));
  SSL_CTX_set_tlsext_servername_callback(&context, &TlsShare::on_name);
  SSL_CTX_set_tlsext_servername_arg(&context, made.get());
  SSL_CTX_set_tlsext_status_cb(&context, &TlsShare::on_status_request);
  SSL_CTX_set_tlsext_status_arg(&context, made.get());
  made->certificates = std::move(certificates);
  return made;
}

/// Made when the worker has its first client: nobody knows before how many workers there will be.
std::shared_ptr<const TlsShare> TlsServer::share_of(std::size_t worker) {
  const std::lock_guard lock(mutex_);
  if (shares_.size() <= worker) shares_.resize(worker + 1);
  if (shares_[worker] == nullptr) {
    std::vector<std::string> none;  // The first one has had no problems.
    shares_[worker] = make_share(certificates_, none);
  }
  return shares_[worker];
}

std::unique_ptr<net::TlsStream> TlsServer::accept(std::size_t worker, net::Fd fd,
                                                  net::Poller& poller) {
  std::shared_ptr<const TlsShare> share = share_of(worker);
  net::SslPtr ssl(SSL_new(share->context.get()));
  if (!ssl) return nullptr;
  SSL_set_accept_state(ssl.get());
  return std::make_unique<net::TlsStream>(std::move(fd), poller, std::move(ssl), std::move(share));
}

TlsSession TlsServer::session_of(net::TlsStream& stream) const {
  return {stream.ssl(), std::static_pointer_cast<const TlsShare>(stream.context())};
}

TlsSession::TlsSession(SSL& ssl, std::shared_ptr<const TlsShare> share)
    : share_(std::move(share)),
      name_(name_asked_for(ssl)),
      given_(share_->certificates->find(name_)),
      client_(client_certificate_of(ssl)) {
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(&ssl, &protocol, &size);
  is_http2_ = std::string_view(reinterpret_cast<const char*>(protocol), size) == "h2";
}

bool TlsSession::serves(std::string_view authority) const {
  if (name_.empty()) return true;
  const std::string host = host_of(authority);
  return host == name_ || &share_->certificates->find(host) == &given_;
}

}  // namespace gatewaykit::server
