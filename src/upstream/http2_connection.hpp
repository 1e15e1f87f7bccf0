// SPDX-License-Identifier: Apache-2.0
// Http2Connection: one connection of HTTP/2 to a target, on one worker: many exchanges, each on a
// stream of its own. What a turn submits leaves in one send, and one receive feeds many streams.
// Memory is bounded by the windows: a stream's opens as its reader takes content, the connection's
// as content arrives, so that a slow reader holds up nobody but itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "codec/http2_session.hpp"
#include "core/allowance.hpp"
#include "gatewaykit/core/buffer.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/http/address.hpp"
#include "net/stream.hpp"
#include "upstream/http2_output.hpp"
#include "upstream/lease.hpp"

namespace gatewaykit::upstream {

class Http2Stream;
class Lane;

class Http2Connection final : private net::StreamObserver, private Timer {
 public:
  /// Its first send holds the preface and our settings.
  Http2Connection(Lane& lane, net::StreamPtr stream, const IpAddress& address,
                  std::uint64_t address_version);
  Http2Connection(const Http2Connection&) = delete;
  Http2Connection& operator=(const Http2Connection&) = delete;

  // --- For its lane.
  const IpAddress& address() const noexcept { return address_; }
  std::uint64_t address_version() const noexcept { return address_version_; }
  void set_address_version(std::uint64_t version) noexcept { address_version_ = version; }
  /// Exchanges that use it.
  std::size_t streams() const noexcept { return streams_; }
  /// Since when there is none of them.
  TimePoint idle_since() const noexcept { return idle_since_; }
  /// Takes one more exchange.
  bool has_room() const noexcept { return !is_retired_ && open_streams_ < most_streams_; }
  Lease open_stream();
  /// Takes no new exchanges: closed once those that it has are over, which may be now.
  void retire() noexcept;

  // --- For its streams.
  Lane& lane() noexcept { return lane_; }
  nghttp2_session* session() const noexcept { return session_.get(); }
  /// What comes of this stream is nobody's any more.
  void forget(std::int32_t stream) noexcept { stream_of_.set(session_.get(), stream, nullptr); }
  bool is_dead() const noexcept { return is_dead_; }
  /// The target has said that it takes no new streams.
  bool is_going_away() const noexcept { return is_going_away_; }
  /// The largest head that the target may be sent, as far as we know.
  std::size_t largest_section() const noexcept;
  /// The head of this stream's request may have left this process.
  bool may_have_sent(std::int32_t id) const noexcept { return id <= sent_id_; }
  /// Sends what the session has to send, once all else of this turn was done.
  void schedule_flush();
  /// The session is done with a stream / nobody has the object of one any more.
  void stream_closed();
  void remove(Http2Stream& stream) noexcept;

 private:
  friend struct Http2Callbacks;

  class Busy;

  ~Http2Connection();

  void on_readable() noexcept override { receive(); }
  void on_half_close() noexcept override { receive(); }
  void on_disconnect() noexcept override { receive(); }
  void on_writable() noexcept override;

  void submit_settings();
  void receive() noexcept;
  bool receive_some();
  void flush() noexcept;
  bool send_some();
  void gather();
  void frame_received(const nghttp2_frame& frame);
  bool count_frame(const nghttp2_frame_hd& frame) noexcept;
  /// What content may keep in place of a copy: null where it is mostly empty.
  const Buffer* pinnable_input() const noexcept { return is_pinnable_ ? &input_ : nullptr; }
  static void on_timer(Timer& timer) noexcept;
  void watch() noexcept;
  void leave_if_clogged() noexcept;
  Error complaint_of(std::string_view otherwise) const;
  void fail(Error error) noexcept;
  void make_way() noexcept;
  void stop_taking() noexcept;
  void decline_excess();
  void say_goodbye() noexcept;
  void end_if_over() noexcept;

  Lane& lane_;
  net::StreamPtr stream_;
  IpAddress address_;
  std::uint64_t address_version_;
  codec::Http2SessionPtr session_;
  codec::Http2StreamObject<Http2Stream> stream_of_;
  Buffer input_;
  Http2Output output_;

  Http2Stream* newest_ = nullptr;  // The list of its streams.
  std::size_t streams_ = 0;
  std::size_t open_streams_ = 0;  // Those that the session is not done with.
  std::size_t most_streams_;
  std::int32_t gathered_id_ = 0;
  std::int32_t sent_id_ = 0;

  bool is_retired_ = false;
  bool is_going_away_ = false;
  bool is_dead_ = false;
  bool is_busy_ = false;  // The session works, or its events are being dealt with.
  bool is_flush_scheduled_ = false;
  bool is_stalled_ = false;  // The socket has no room.
  bool has_pinged_ = false;
  bool is_pinnable_ = false;

  TimePoint idle_since_;
  TimePoint last_received_;
  TimePoint waits_since_{};  // For room, or for the answer to a ping.
  TimePoint budget_begin_;
  std::uint64_t frames_budget_;
  Allowance resets_;       // Of ours, by which a target may tire of the connection.
  std::string complaint_;  // The session's last one, for the log.
};

}  // namespace gatewaykit::upstream
