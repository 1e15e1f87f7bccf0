// SPDX-License-Identifier: Apache-2.0
#include "net/tls_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "gatewaykit/core/buffer.hpp"
#include "gatewaykit/core/executor.hpp"

namespace gatewaykit::net {

namespace {

/// The most that a record holds (RFC 8446 section 5.1).
constexpr std::size_t kRecord = 16 * 1024;
constexpr int kLongestMethod = 32;

/// SSL_get_error(3) wants none of before. To look costs a tenth of clearing in vain.
void forget_errors() noexcept {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

/// Takes bytes from the front of vectors, a record's worth at a time.
class Gatherer {
 public:
  Gatherer(const iovec* vectors, int count) noexcept : next_(vectors), end_(vectors + count) {}

  /// The bytes from here on: in place where a vector holds a record's worth or is the last one,
  /// else copied together, so that head and content leave as one record.
  std::string_view gather(char* block) noexcept {
    while (next_ != end_ && offset_ == next_->iov_len) advance();
    if (next_ == end_) return {};
    const auto* const first = static_cast<const char*>(next_->iov_base) + offset_;
    const std::size_t left = next_->iov_len - offset_;
    if (left >= kRecord || next_ + 1 == end_) return {first, std::min(left, kRecord)};
    std::size_t size = 0;
    std::size_t offset = offset_;
    for (const iovec* each = next_; each != end_ && size < kRecord; ++each, offset = 0) {
      const std::size_t count = std::min(each->iov_len - offset, kRecord - size);
      std::memcpy(block + size, static_cast<const char*>(each->iov_base) + offset, count);
      size += count;
    }
    return {block, size};
  }
  void take(std::size_t count) noexcept {
    while (count > 0) {
      const std::size_t step = std::min(count, next_->iov_len - offset_);
      offset_ += step;
      count -= step;
      if (offset_ == next_->iov_len) advance();
    }
  }

 private:
  void advance() noexcept {
    ++next_;
    offset_ = 0;
  }

  const iovec* next_;
  const iovec* end_;
  std::size_t offset_ = 0;
};

}  // namespace

TlsStream::TlsStream(Fd fd, Poller& poller, SslPtr ssl, std::shared_ptr<const void> context)
    : SocketStream(std::move(fd), poller), context_(std::move(context)), ssl_(std::move(ssl)) {
  BIO* const bio = BIO_new(bio_method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);  // Takes it over.
}

TlsStream::~TlsStream() { say_goodbye(); }

const BIO_METHOD* TlsStream::bio_method() noexcept {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    BIO_meth_set_read(made, &TlsStream::read_socket);
    BIO_meth_set_write(made, &TlsStream::write_socket);
    BIO_meth_set_ctrl(made, &TlsStream::control);
    return made;
  }();
  return method;
}

int TlsStream::read_socket(BIO* bio, char* into, int size) noexcept {
  auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const IoResult result = self.SocketStream::receive(into, static_cast<std::size_t>(size));
  if (result.kind == IoResult::Kind::bytes) {
    if (self.looks_for_method_) self.look_for_method({into, result.count});
    return static_cast<int>(result.count);
  }
  if (result.kind == IoResult::Kind::end) return 0;
  if (result.kind == IoResult::Kind::would_block) BIO_set_retry_read(bio);
  errno = result.error;
  return -1;
}

/// A method and a blank, as nothing of TLS begins. OpenSSL knows a few methods alone.
void TlsStream::look_for_method(std::string_view bytes) noexcept {
  for (const char c : bytes) {
    const bool is_of_method = (c >= 'A' && c <= 'Z') || (c == '-' && method_size_ > 0);
    looks_for_method_ = is_of_method && method_size_ < kLongestMethod;
    if (looks_for_method_) {
      ++method_size_;
      continue;
    }
    if (c != ' ') method_size_ = 0;
    return;
  }
}

int TlsStream::write_socket(BIO* bio, const char* from, int size) noexcept {
  auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self.met_clear_text()) return size;  // An alert would be read as the answer.
  const iovec vector{const_cast<char*>(from), static_cast<std::size_t>(size)};
  const IoResult result = self.SocketStream::send(&vector, 1);
  if (result.kind == IoResult::Kind::bytes) return static_cast<int>(result.count);
  if (result.kind == IoResult::Kind::would_block) BIO_set_retry_write(bio);
  errno = result.error;
  return -1;
}

long TlsStream::control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) noexcept {
  return command == BIO_CTRL_FLUSH ? 1 : 0;  // Nothing is held back.
}

Task<Result<>> TlsStream::handshake(TimePoint deadline, Origin origin) {
  for (;;) {
    forget_errors();
    const int done = SSL_do_handshake(ssl_.get());
    if (done == 1) break;
    const int why = SSL_get_error(ssl_.get(), done);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
      const bool is_retryable = origin == Origin::upstream;
      co_return Error(Errc::tls_failed, origin, reason_of_failure(), is_retryable);
    }
    Event& ready = why == SSL_ERROR_WANT_READ ? readable() : writable();
    const Wake wake = co_await ready.wait(deadline);
    if (wake == Wake::cancelled) co_return Error(Errc::cancelled, origin);
    if (wake == Wake::timeout) {
      const bool is_retryable = origin == Origin::upstream;
      co_return Error(Errc::tls_timeout, origin, "no handshake in time", is_retryable);
    }
  }
  is_open_ = true;
  has_buffered_ = SSL_has_pending(ssl_.get()) == 1;
  co_return Result<>();
}

/// What is wrong with the other's certificate says more than that it could not be verified.
std::string TlsStream::reason_of_failure() const {
  std::string reason = take_tls_error();
  const long verified = SSL_get_verify_result(ssl_.get());
  if (verified == X509_V_ERR_APPLICATION_VERIFICATION) return reason + ": its key is not pinned";
  return verified == X509_V_OK ? reason : reason + ": " + X509_verify_cert_error_string(verified);
}

std::string_view TlsStream::application_protocol() const noexcept {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

Task<void> TlsStream::answer_in_clear(std::string_view text, TimePoint deadline) {
  constexpr std::size_t kMost = std::size_t{1} << 20;
  const iovec vector{const_cast<char*>(text.data()), text.size()};
  SocketStream::send(&vector, 1);
  SocketStream::shutdown_send();
  // With unread input the close would be a reset, which loses the answer.
  const Buffer buffer = Buffer::allocate(kRecord);
  for (std::size_t taken = 0; taken < kMost;) {
    const IoResult result = SocketStream::receive(buffer.data(), buffer.capacity());
    taken += result.count;
    if (result.kind == IoResult::Kind::bytes) continue;
    if (result.kind != IoResult::Kind::would_block) co_return;
    const Wake wake = co_await readable().wait(deadline);
    if (wake != Wake::signalled) co_return;
  }
}

/// As much as there is room for, so that a short receive means the same as of a plain socket.
IoResult TlsStream::receive(char* into, std::size_t size) noexcept {
  std::size_t total = 0;
  while (total < size) {
    forget_errors();
    std::size_t count = 0;
    const int done = SSL_read_ex(ssl_.get(), into + total, size - total, &count);
    if (done == 1) {
      total += count;
      // Neither OpenSSL nor the socket has more: to ask would cost as much as a record.
      if (SSL_has_pending(ssl_.get()) == 1 || may_receive_) continue;
      has_buffered_ = false;
      return {IoResult::Kind::bytes, total};
    }
    has_buffered_ = false;
    const int why = SSL_get_error(ssl_.get(), done);
    const bool would_block = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
    if (!would_block) has_buffered_ = total > 0;  // The end, or what is wrong, comes next.
    if (total > 0) return {IoResult::Kind::bytes, total};
    if (would_block) return {IoResult::Kind::would_block};
    return why == SSL_ERROR_ZERO_RETURN ? IoResult{IoResult::Kind::end} : failed();
  }
  has_buffered_ = SSL_has_pending(ssl_.get()) == 1;
  return {IoResult::Kind::bytes, total};
}

IoResult TlsStream::send(const iovec* vectors, int count) noexcept {
  char block[kRecord];
  Gatherer gatherer(vectors, count);
  std::size_t total = 0;
  for (;;) {
    const std::string_view bytes = gatherer.gather(block);
    if (bytes.empty()) return {IoResult::Kind::bytes, total};
    const IoResult result = send_some(bytes.data(), bytes.size());
    if (result.kind == IoResult::Kind::bytes) {
      total += result.count;
      gatherer.take(result.count);
      continue;
    }
    return total > 0 ? IoResult{IoResult::Kind::bytes, total} : result;
  }
}

IoResult TlsStream::send_some(const char* from, std::size_t size) noexcept {
  forget_errors();
  std::size_t count = 0;
  const int done = SSL_write_ex(ssl_.get(), from, size, &count);
  if (done == 1) return {IoResult::Kind::bytes, count};
  const int why = SSL_get_error(ssl_.get(), done);
  if (why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ) {
    return {IoResult::Kind::would_block};
  }
  return failed();
}

IoResult TlsStream::failed() noexcept {
  is_open_ = false;
  forget_errors();
  return {IoResult::Kind::failed, 0, ECONNRESET};
}

void TlsStream::shutdown_send() noexcept {
  say_goodbye();
  SocketStream::shutdown_send();
}

void TlsStream::reset_on_close() noexcept {
  is_open_ = false;
  SocketStream::reset_on_close();
}

/// close_notify, where there is room for it: the peer can tell the end from a cut.
void TlsStream::say_goodbye() noexcept {
  if (!std::exchange(is_open_, false)) return;
  forget_errors();
  SSL_shutdown(ssl_.get());
  forget_errors();
}

}  // namespace gatewaykit::net
