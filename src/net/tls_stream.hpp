// SPDX-License-Identifier: Apache-2.0
// TlsStream: TLS over a connected socket (OpenSSL reads and writes it through a BIO of ours), as
// any other Stream once the handshake is done. A stream that ends without close_notify (RFC 8446
// section 6.1) has failed: nobody takes what was cut for whole.
#pragma once

#include <memory>
#include <string>

#include "net/socket.hpp"
#include "net/tls.hpp"

namespace gatewaykit::net {

class TlsStream final : public SocketStream {
 public:
  /// `ssl` knows its side. `context` is kept for as long as the stream lives.
  TlsStream(Fd fd, Poller& poller, SslPtr ssl, std::shared_ptr<const void> context);
  ~TlsStream() override;

  /// Before anything else. Fails with tls_failed, tls_timeout or cancelled, of `origin`.
  Task<Result<>> handshake(TimePoint deadline, Origin origin);
  /// The client speaks HTTP in clear text: an answer to that may be sent.
  bool met_clear_text() const noexcept { return method_size_ > 0; }
  /// Past TLS, which has failed: sends `text` and its end, and waits until `deadline` at most for
  /// the client to have read it.
  Task<void> answer_in_clear(std::string_view text, TimePoint deadline);
  std::string_view application_protocol() const noexcept override;
  SSL& ssl() noexcept { return *ssl_; }
  const std::shared_ptr<const void>& context() const noexcept { return context_; }

  IoResult receive(char* into, std::size_t size) noexcept override;
  IoResult send(const iovec* vectors, int count) noexcept override;
  void shutdown_send() noexcept override;
  void reset_on_close() noexcept override;

 private:
  static const BIO_METHOD* bio_method() noexcept;
  static int read_socket(BIO* bio, char* into, int size) noexcept;
  static int write_socket(BIO* bio, const char* from, int size) noexcept;
  static long control(BIO* bio, int command, long number, void* pointer) noexcept;

  void look_for_method(std::string_view bytes) noexcept;
  IoResult send_some(const char* from, std::size_t size) noexcept;
  IoResult failed() noexcept;
  std::string reason_of_failure() const;
  void say_goodbye() noexcept;

  std::shared_ptr<const void> context_;  // Outlives what was made from it.
  SslPtr ssl_;
  bool is_open_ = false;  // The handshake is done, and nothing has failed.
  bool looks_for_method_ = true;
  int method_size_ = 0;  // Of what the first bytes could be.
};

}  // namespace gatewaykit::net
