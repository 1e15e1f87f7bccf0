// SPDX-License-Identifier: Apache-2.0
// TicketKeys: what session tickets are sealed with (RFC 5077 section 4), renewed every six hours;
// those of the last twelve still open tickets. A session is resumed for twelve hours from its full
// handshake on, however often, and no longer than the client's certificate is good: neither is
// verified again. The same for all workers. Any thread.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>

namespace gatewaykit::server {

class TicketKeys {
 public:
  using Clock = std::chrono::steady_clock;

  /// Has `context` use these keys, which must outlive it.
  void serve(SSL_CTX& context);

  struct Key {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
    Clock::time_point made;
  };
  /// What to seal with at `now`; none where the system gives no random bytes.
  std::optional<Key> current(Clock::time_point now);
  /// The key of that name, unless it is too old.
  std::optional<Key> find(const unsigned char* name, Clock::time_point now);

 private:
  static int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                       EVP_MAC_CTX* mac, int seals) noexcept;

  static int on_made(SSL* ssl, void* argument) noexcept;
  static SSL_TICKET_RETURN on_opened(SSL* ssl, SSL_SESSION* session, const unsigned char* name,
                                     std::size_t size, SSL_TICKET_STATUS status,
                                     void* argument) noexcept;

  std::mutex mutex_;
  std::deque<Key> keys_;  // The newest one first.
};

}  // namespace gatewaykit::server
