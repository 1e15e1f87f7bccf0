// SPDX-License-Identifier: Apache-2.0
// Http1Exchange: one request and its response on a client's HTTP/1.1 connection, from the first
// byte of the head to on_complete.
#pragma once

#include <cstdint>
#include <optional>

#include "codec/http1_request_parser.hpp"
#include "codec/http1_writer.hpp"
#include "gatewaykit/core/pool.hpp"
#include "server/content_sender.hpp"
#include "server/exchange.hpp"
#include "server/http1_connection.hpp"
#include "server/request_body.hpp"

namespace gatewaykit::server {

class Http1Exchange final : public Exchange {
 public:
  explicit Http1Exchange(Http1Connection& connection);
  ~Http1Exchange() { end_context(); }
  static void* operator new(std::size_t size) { return pool_allocate(size); }
  static void operator delete(void* block, std::size_t size) noexcept {
    pool_deallocate(block, size);
  }

  /// What is to become of the connection.
  enum class End : std::uint8_t {
    keep,    ///< Another request may follow.
    close,   ///< All is said, nothing is unread.
    linger,  ///< Answered, but the client may still be sending.
    http2,   ///< This is the preface of HTTP/2 (RFC 9113 section 3.4).
    abort,   ///< The response was cut: the client must not take it for complete.
  };
  Task<End> run(TimePoint head_deadline);

  /// The client is gone, or has been silent for too long.
  void client_gone() noexcept;
  /// A 101 was sent: the bytes are no longer HTTP's.
  bool is_tunnel() const noexcept {
    return is_head_sent_ && status_ == Status::switching_protocols;
  }
  std::uint64_t bytes_sent() const noexcept {
    return bytes_out_ + (sender_ ? sender_->bytes() : 0);
  }

  Task<Result<>> send_interim(Status status, Headers headers) override;

 private:
  enum class HeadState : std::uint8_t { incomplete, complete, refused, closed, http2 };
  HeadState receive_head();
  Request take_request(const NormalisedTarget& target);
  const Chain& open();
  const Chain& refuse(Response refusal);
  Response head_refusal(HeadState state) const;

  void begin_sending(Response& response);
  void write_head(codec::ByteWriter& writer, const Response& response);
  Task<Result<>> send(Response& response);
  Task<Result<>> run_tunnel(Response& response);
  Task<Result<>> send_bytes(std::string_view bytes);
  bool is_http_1_0() const noexcept { return version_ == HttpVersion::http_1_0; }
  bool is_much_unread() noexcept;
  codec::BodyFraming framing_of(const Response& response) const;
  bool is_settled() noexcept;
  Task<void> settle(bool is_cut);
  End finish(bool is_cut);

  Http1Connection& connection_;
  codec::RequestParser parser_;
  codec::RequestHead head_;
  RequestBody body_;
  std::optional<ContentSender> sender_;
  codec::BodyFraming framing_;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;  // Apart from what sender_ counts.
  bool is_head_sent_ = false;
  bool is_refused_ = false;
  bool is_gone_ = false;
  bool keeps_alive_ = false;
};

}  // namespace gatewaykit::server
