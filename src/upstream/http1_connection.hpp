// SPDX-License-Identifier: Apache-2.0
// Http1Connection: one HTTP/1.1 connection to a target, on one worker. Idle in its lane, where it
// watches for the target closing it, or lent to one exchange: sends the request, awaits the
// response head, hands out what was received. Holds a read buffer only while it reads a response.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "codec/http1_response_parser.hpp"
#include "gatewaykit/core/buffer.hpp"
#include "gatewaykit/core/cancel_scope.hpp"
#include "gatewaykit/core/pool.hpp"
#include "gatewaykit/core/result.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/http/address.hpp"
#include "gatewaykit/http/request.hpp"
#include "net/stream.hpp"
#include "upstream/carrier.hpp"
#include "upstream/upload.hpp"

namespace gatewaykit::upstream {

class Lane;

class Http1Connection final : public Carrier, private net::StreamObserver, private Timer {
 public:
  Http1Connection(Lane& lane, net::StreamPtr stream, const IpAddress& address,
                  std::uint64_t address_version) noexcept;
  Http1Connection(const Http1Connection&) = delete;
  Http1Connection& operator=(const Http1Connection&) = delete;
  ~Http1Connection();
  static void* operator new(std::size_t size) { return pool_allocate(size); }
  static void operator delete(void* block, std::size_t size) noexcept {
    pool_deallocate(block, size);
  }

  // --- For its lane.
  const IpAddress& address() const noexcept { return address_; }
  std::uint64_t address_version() const noexcept { return address_version_; }
  void set_address_version(std::uint64_t version) noexcept { address_version_ = version; }
  TimePoint idle_since() const noexcept { return idle_since_; }
  void begin_idle(TimePoint now) noexcept;
  /// Idle, and nothing came from the target that would desynchronise the next exchange.
  bool is_fit() noexcept;
  Http1Connection* newer = nullptr;  // Neighbours in the lane's list of idle ones.
  Http1Connection* older = nullptr;

  // --- For the exchange that it is lent to.
  void start(Context& ctx, Request& request) override;
  Task<Result<codec::ResponseHead>> await_head(Context& ctx, TimePoint total) override;
  Response answer(codec::ResponseHead head, Lease lease, Context& ctx, Request& request,
                  InFlight in_flight, TimePoint total) override;
  Task<bool> recall(Request& request) override;
  bool is_reused() const noexcept override { return served_ > 0; }
  bool received_any() const noexcept override { return received_any_; }
  bool is_unprocessed() const noexcept override { return upload_.sent_nothing(); }
  /// Idle again, closed, or closed once the upload has ended.
  void release() noexcept override;

  // --- For the response's body.
  Lane& lane() noexcept { return lane_; }
  net::Stream& stream() noexcept { return *stream_; }
  Upload& upload() noexcept { return upload_; }
  /// After 101: what `body` yields goes to the target, until the tunnel was idle for too long.
  void open_tunnel(Context& ctx, Body& body);

  /// What was received and not taken yet.
  std::string_view pending() const noexcept { return {buffer_.data() + begin_, end_ - begin_}; }
  bool has_pending() const noexcept { return begin_ < end_; }
  /// Takes bytes from the front of pending(): `drop` for framing, `take` for content.
  void drop(std::size_t count) noexcept { begin_ += static_cast<std::uint32_t>(count); }
  Chunk take(std::size_t count) noexcept;
  /// Receives behind pending(). `expected`: how many bytes may come, to choose a buffer by.
  net::IoResult receive(std::uint64_t expected);

  /// The response is complete: usable again where everything else is in order.
  void finish(bool keeps_alive) noexcept;

 private:
  void on_readable() noexcept override { check_idle(); }
  void on_half_close() noexcept override { check_idle(); }
  void on_disconnect() noexcept override { check_idle(); }
  void check_idle() noexcept;

  Task<void> run_upload(Duration patience);
  void start_upload(Context& ctx);
  void upload_ended() noexcept;
  void reset_exchange() noexcept;
  static void on_tunnel_timer(Timer& timer) noexcept;
  void make_room(std::uint64_t expected);
  TimePoint head_deadline(TimePoint total) const noexcept;
  std::optional<Result<codec::ResponseHead>> parse_head();
  Result<codec::ResponseHead> check_switch(codec::ResponseHead head) const;
  void close() noexcept;

  Lane& lane_;
  net::StreamPtr stream_;
  IpAddress address_;
  std::uint64_t address_version_;
  TimePoint idle_since_{};
  std::uint64_t served_ = 0;
  bool is_idle_ = false;

  // Of the exchange.
  bool is_started_ = false;
  bool is_finished_ = false;
  bool keeps_alive_ = false;
  bool is_released_ = false;
  bool is_tunnel_ = false;
  bool is_fast_ = false;  // The last receive filled the large buffer.
  bool asks_upgrade_ = false;
  bool awaits_continue_ = false;
  bool received_any_ = false;
  bool upload_runs_ = false;
  Method method_;
  TimePoint begun_at_{};
  TimePoint sent_at_{};        // When the request was completely written, or given up.
  TimePoint last_received_{};  // In a tunnel.

  codec::ResponseParser parser_;
  Buffer buffer_;
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;

  Upload upload_;
  CancelScope* upload_scope_ = nullptr;
  Event upload_end_;
};

}  // namespace gatewaykit::upstream
