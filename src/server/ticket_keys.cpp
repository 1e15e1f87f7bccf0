// SPDX-License-Identifier: Apache-2.0
#include "server/ticket_keys.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <ctime>

namespace gatewaykit::server {

namespace {

constexpr std::chrono::hours kRenewed{6};
constexpr std::chrono::hours kKept{12};

bool fill(std::array<unsigned char, 16>& name, std::array<unsigned char, 32>& cipher,
          std::array<unsigned char, 32>& mac) noexcept {
  return RAND_bytes(name.data(), static_cast<int>(name.size())) == 1 &&
         RAND_priv_bytes(cipher.data(), static_cast<int>(cipher.size())) == 1 &&
         RAND_priv_bytes(mac.data(), static_cast<int>(mac.size())) == 1;
}

bool prepare_mac(EVP_MAC_CTX* mac, TicketKeys::Key& key) noexcept {
  char digest[] = "SHA256";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end(),
  };
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

/// What a ticket tells of its session beside what OpenSSL does: when the full handshake was.
std::optional<std::time_t> begin_of(SSL_SESSION& session) noexcept {
  void* data = nullptr;
  std::size_t size = 0;
  std::time_t begin = 0;
  if (SSL_SESSION_get0_ticket_appdata(&session, &data, &size) != 1 || size != sizeof(begin)) {
    return std::nullopt;
  }
  std::memcpy(&begin, data, sizeof(begin));
  return begin;
}

bool may_resume(SSL_SESSION& session) noexcept {
  const std::optional<std::time_t> begin = begin_of(session);
  const std::time_t age = begin ? std::time(nullptr) - *begin : -1;
  if (age < 0 || age > std::chrono::seconds(kKept).count()) return false;
  const X509* const client = SSL_SESSION_get0_peer(&session);
  return client == nullptr || X509_cmp_current_time(X509_get0_notAfter(client)) > 0;
}

}  // namespace

void TicketKeys::serve(SSL_CTX& context) {
  SSL_CTX_set_app_data(&context, this);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(&context, &TicketKeys::on_ticket);
  SSL_CTX_set_session_ticket_cb(&context, &TicketKeys::on_made, &TicketKeys::on_opened, nullptr);
  SSL_CTX_set_timeout(&context, std::chrono::seconds(kKept).count());
}

std::optional<TicketKeys::Key> TicketKeys::current(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  while (!keys_.empty() && now - keys_.back().made > kKept) keys_.pop_back();
  if (keys_.empty() || now - keys_.front().made > kRenewed) {
    Key key{};
    if (!fill(key.name, key.cipher, key.mac)) return std::nullopt;
    key.made = now;
    keys_.push_front(key);
  }
  return keys_.front();
}

std::optional<TicketKeys::Key> TicketKeys::find(const unsigned char* name, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  for (const Key& key : keys_) {
    const bool is_same = std::equal(key.name.begin(), key.name.end(), name);
    if (is_same && now - key.made <= kKept) return key;
  }
  return std::nullopt;
}

/// OpenSSL dates a session that is resumed as a new one.
int TicketKeys::on_made(SSL* ssl, void* /*argument*/) noexcept {
  SSL_SESSION* const session = SSL_get_session(ssl);
  if (begin_of(*session)) return 1;
  const std::time_t now = std::time(nullptr);
  return SSL_SESSION_set1_ticket_appdata(session, &now, sizeof(now));
}

SSL_TICKET_RETURN TicketKeys::on_opened(SSL* /*ssl*/, SSL_SESSION* session,
                                        const unsigned char* /*name*/, std::size_t /*size*/,
                                        SSL_TICKET_STATUS status, void* /*argument*/) noexcept {
  const bool is_open = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
  if (!is_open || !may_resume(*session)) return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/// SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 0 for no ticket, 1 for one, 2 for one to be renewed.
int TicketKeys::on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                          EVP_MAC_CTX* mac, int seals) noexcept {
  auto& self = *static_cast<TicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const Clock::time_point now = Clock::now();
  std::optional<Key> key = seals != 0 ? self.current(now) : self.find(name, now);
  if (!key || !prepare_mac(mac, *key)) return seals != 0 ? -1 : 0;
  if (seals != 0) {
    std::copy(key->name.begin(), key->name.end(), name);
    const int size = EVP_CIPHER_get_iv_length(EVP_aes_256_cbc());
    if (RAND_bytes(iv, size) != 1) return -1;
    return EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv) == 1 ? 1
                                                                                               : -1;
  }
  if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv) != 1) return 0;
  // Clients use a ticket of TLS 1.3 once (RFC 8446 appendix C.4), so that they need another.
  return SSL_version(ssl) == TLS1_3_VERSION || now - key->made > kRenewed ? 2 : 1;
}

}  // namespace gatewaykit::server
