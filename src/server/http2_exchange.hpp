// SPDX-License-Identifier: Apache-2.0
// Http2Exchange: one request and its response on a stream of a client's HTTP/2 connection. The
// session feeds it what it receives and asks it for content when the client's window has room; its
// task runs the chain and provides what is to be sent.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "codec/http2_fields.hpp"
#include "gatewaykit/core/event.hpp"
#include "gatewaykit/core/pool.hpp"
#include "gatewaykit/http/body.hpp"
#include "server/exchange.hpp"
#include "server/http2_request_body.hpp"

namespace gatewaykit::server {

class Http2Connection;

class Http2Exchange final : public Exchange {
 public:
  Http2Exchange(Http2Connection& connection, std::int32_t stream);
  ~Http2Exchange() { end_context(); }
  static void* operator new(std::size_t size) { return pool_allocate(size); }
  static void operator delete(void* block, std::size_t size) noexcept {
    pool_deallocate(block, size);
  }

  // --- From the session. None of them resumes a coroutine.
  void add_line(std::string_view name, std::string_view value);
  /// These are false where the request is malformed and the stream is to be reset.
  bool end_section(bool ends_stream);
  bool receive(std::string_view content) { return body_.receive(content); }
  bool end_content() { return body_.end(Headers()); }
  void count_received(std::size_t bytes) noexcept { bytes_in_ += bytes; }
  /// How many bytes are sent next, `most` at most, with flags of nghttp2; or one of its errors.
  ssize_t provide(std::size_t most, std::uint32_t& flags);
  /// These are they.
  std::string_view provided() const noexcept { return provided_.view(); }
  void sent(const nghttp2_frame& frame) noexcept;
  /// What was begun cannot be sent.
  void give_up(Error error);
  bool has_answered() const noexcept { return is_head_submitted_; }
  void closed() noexcept;

  // --- For its connection.
  Task<void> run();
  std::int32_t stream() const noexcept { return stream_; }
  bool is_open() const noexcept { return is_open_; }
  /// The client is gone.
  void client_gone() noexcept;
  std::size_t held() const noexcept { return body_.held(); }
  /// Of its sections, of which little is kept where they were refused.
  std::size_t header_bytes() const noexcept;
  Http2Exchange* next = nullptr;  // Neighbours among the exchanges of the connection.
  Http2Exchange* previous = nullptr;
  bool has_task = false;          // Which refers to this.
  std::size_t counted_bytes = 0;  // Of its sections.
  bool is_declined = false;       // There was no room for its sections.

  // --- For its request body.
  void consumed(std::size_t bytes) noexcept;
  bool may_client_send() const noexcept;
  void send_continue();

  Task<Result<>> send_interim(Status status, Headers headers) override;

 private:
  const Chain& open();
  void ask_for_websocket(Request& request);
  void begin_sending(Response&& response);
  void check_tunnel();
  void add_framing(codec::Http2FieldList& lines);
  Task<void> send();
  Task<void> send_in_time();
  void tell_failure();
  void lose_patience();
  void fetch();
  bool keeps_length(std::size_t size);
  void cut(Error error);
  void settle() noexcept;
  void end_request() noexcept;
  bool is_done() const noexcept { return is_sent_ || !is_open_ || is_cut_; }

  Http2Connection& connection_;
  const std::int32_t stream_;
  codec::Http2RequestHead head_;
  std::optional<codec::Http2Trailers> trailers_;
  Http2RequestBody body_;
  Response response_;  // What nghttp2 refers to until it was sent.
  Chunk chunk_;        // To be provided next.
  Chunk provided_;     // What the session sends now.
  Event progress_;     // Content is wanted, or all is over.
  TimePoint progressed_at_{};
  std::optional<std::uint64_t> left_;  // Of the announced length.
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::string websocket_key_;
  char status_digits_[3] = {};
  char length_digits_[20];
  bool has_head_ = false;
  bool is_open_ = true;  // As the session sees the stream.
  bool is_gone_ = false;
  bool is_tunnel_ = false;
  bool is_cut_ = false;
  bool is_told_ = false;  // How it was cut, in trailers.
  bool is_lost_ = false;  // Nothing more can be sent on the stream.
  bool is_sent_ = false;  // The whole response.
  bool is_head_submitted_ = false;
  bool wants_content_ = false;  // The session waits for it, or the client is looked after.
  bool is_reading_ = false;     // A body has one reader at a time.
  bool has_content_ended_ = false;
};

}  // namespace gatewaykit::server
