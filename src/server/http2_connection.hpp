// SPDX-License-Identifier: Apache-2.0
// Http2Connection: a client's HTTP/2 connection (RFC 9113): one nghttp2 session, and an exchange
// for each of its streams. Nothing is received while what was to be sent has no room, no window
// opens for content that nobody has read, and all that a turn has to send leaves in one piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "codec/http2_session.hpp"
#include "gatewaykit/core/cancel_scope.hpp"
#include "gatewaykit/core/event.hpp"
#include "gatewaykit/core/pool.hpp"
#include "server/client_connection.hpp"
#include "server/http2_guard.hpp"

namespace gatewaykit::codec {
class Http2FieldList;
}

namespace gatewaykit::server {

class Http2Exchange;

class Http2Connection final : public ClientConnection {
 public:
  Http2Connection(Worker& worker, net::StreamPtr stream, Peer peer,
                  std::shared_ptr<const ListenConfig> config,
                  std::unique_ptr<const TlsSession> tls);
  /// Goes on with what `other` has, and has received.
  explicit Http2Connection(ClientConnection&& other);
  ~Http2Connection() override;

  Task<void> run() override;
  void drain() noexcept override;
  void retire() noexcept override { drain(); }
  void give_way() noexcept override;

  // --- For its exchanges: what they submit leaves at the end of the turn.
  bool submit_response(Http2Exchange& exchange, const codec::Http2FieldList& lines,
                       bool has_content);
  void submit_interim(Http2Exchange& exchange, Status status, const Headers& headers);
  bool submit_trailers(Http2Exchange& exchange, const Headers& trailers);
  /// Content that was awaited has come.
  void resume(Http2Exchange& exchange);
  void reset(Http2Exchange& exchange, std::uint32_t error) noexcept;
  /// Opens the windows for as much again.
  void consume(Http2Exchange& exchange, std::size_t bytes) noexcept;
  /// The client may send no content, since what it has sent before was not read.
  bool is_window_closed() const noexcept;

 private:
  struct Callbacks;

  void start_session();
  bool receive();
  bool allows(const nghttp2_frame_hd& frame, const Http2Exchange* exchange) noexcept;
  bool allows_unaccounted() noexcept;
  void begin_section(std::int32_t stream) noexcept;
  void end_section(std::int32_t stream) noexcept;
  void take_request(Http2Exchange& exchange);
  bool may_hold(const Http2Exchange& exchange) const noexcept;
  void count_header_bytes(Http2Exchange& exchange) noexcept;
  void open_exchanges();
  Task<void> serve(Http2Exchange& exchange);
  Task<void> send_output();
  bool fill_output();
  bool has_room(std::size_t bytes) const noexcept;
  void append_output(std::string_view bytes);
  void want_output() noexcept;
  void wake() noexcept;
  TimePoint next_deadline() const noexcept;
  void meet_deadline(TimePoint now);
  bool is_over() const noexcept;
  void say_goodbye() noexcept;
  void send_away();

  Http2Exchange* add_exchange(std::int32_t stream);
  void remove_exchange(Http2Exchange& exchange) noexcept;

  codec::Http2SessionPtr session_;
  codec::Http2StreamObject<Http2Exchange> exchange_of_;
  Http2Guard guard_;
  CancelScope* scope_ = nullptr;  // Of its tasks, while it runs.
  Http2Exchange* exchanges_ = nullptr;
  std::size_t exchange_count_ = 0;
  std::size_t held_header_bytes_ = 0;  // Of sections that are complete.
  std::vector<Http2Exchange*, PoolAllocator<Http2Exchange*>> opened_;  // To be started.

  Event output_wanted_;
  Event output_sent_;
  Buffer output_;  // Between these two: what is to be sent next.
  std::size_t output_begin_ = 0;
  std::size_t output_end_ = 0;

  std::uint64_t received_ = 0;
  std::uint64_t accounted_ = 0;  // Of these: of frames that the session told us of.
  std::int32_t section_stream_ = 0;
  TimePoint section_deadline_;  // kNever: no request head is incomplete.
  TimePoint idle_since_;
  TimePoint goodbye_at_ = kNever;  // When the second GOAWAY of a drain is due.
  bool has_requests_ = false;      // Had any.
  bool is_broken_ = false;         // Nothing can be sent any more.
  bool is_sent_away_ = false;
  bool is_over_ = false;       // All was said, on both sides.
  bool gives_way_ = false;     // Its place is needed.
  bool says_goodbye_ = false;  // Until that has left.
  bool is_tired_ = false;      // There is more to receive, in a later turn.
  bool is_leaving_ = false;    // A time limit was met: it ends with what is sent.
};

}  // namespace gatewaykit::server
