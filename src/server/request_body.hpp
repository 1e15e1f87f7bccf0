// SPDX-License-Identifier: Apache-2.0
// RequestBody: the content of a request as it comes in over HTTP/1: received only when it is read,
// within the listener's limits; after a 101, the raw bytes of the tunnel. Lives in its exchange.
#pragma once

#include <cstdint>
#include <optional>

#include "codec/chunked_decoder.hpp"
#include "gatewaykit/core/event.hpp"
#include "gatewaykit/http/body.hpp"
#include "server/content_pace.hpp"
#include "server/listen_config.hpp"
#include "server/receive_buffer.hpp"

namespace gatewaykit::server {

class RequestBody final : public BodySource {
 public:
  RequestBody(net::Stream& stream, ReceiveBuffer& input, const ListenLimits& limits) noexcept
      : stream_(stream), input_(input), limits_(limits) {}

  /// What the head said. `asks_upgrade`: yields nothing before open_tunnel().
  void begin(codec::BodyFraming framing, bool expects_continue, bool asks_upgrade);

  Task<Result<Chunk>> read() override;
  bool ready(Chunk& chunk) override;
  std::optional<std::uint64_t> size() const override;
  const Headers* trailers() const override;
  bool forward_expectation() override { return take_expectation(); }
  void release() noexcept override {}  // A member of the exchange.

  /// The 101 was sent: what comes from now on is the tunnel's.
  void open_tunnel() noexcept;
  /// There will be no tunnel: the content has ended, and what comes is the next request. A reader
  /// that waits is told so. Nothing happens where none was asked for.
  void refuse_tunnel() noexcept;
  bool has_ended() const noexcept { return has_ended_; }
  /// The client waits for a 100 that was not sent: it may or may not send the content.
  bool is_continue_pending() const noexcept {
    return expects_continue_ && received_ == 0 && !has_ended_;
  }
  /// A fault of the client, after which the connection cannot go on.
  const std::optional<Error>& failure() const noexcept { return failure_; }
  std::uint64_t received() const noexcept { return received_; }

  /// Reads and forgets what is left, up to `limit` bytes and until `deadline`. True at the end.
  Task<bool> discard(std::uint64_t limit, TimePoint deadline);

 private:
  /// One step without waiting: true where `chunk` holds the next piece, or the end, or it failed.
  bool advance(Chunk& chunk);
  std::size_t room() const noexcept;  // For the next receive.
  bool take_content(Chunk& chunk);
  bool take_raw(Chunk& chunk);
  void count(std::size_t bytes);
  void fail(Error error) { failure_ = std::move(error); }
  bool is_too_slow() const noexcept;
  /// True once, where the client waits for a 100 and has sent nothing: the caller cares for it.
  bool take_expectation() noexcept;
  Task<Result<>> send_continue();

  net::Stream& stream_;
  ReceiveBuffer& input_;
  const ListenLimits& limits_;
  codec::BodyFraming framing_;
  std::optional<codec::BodyDecoder> decoder_;  // None where there is no content.
  std::optional<Error> failure_;
  std::uint64_t received_ = 0;  // Content.
  std::uint64_t taken_ = 0;     // From the stream: framing as well.
  ContentPace pace_;
  Event tunnel_opened_;
  bool is_fast_ = false;  // The last receive filled the large room.
  bool expects_continue_ = false;
  bool answers_continue_ = false;
  bool is_tunnel_ = false;
  bool is_tunnel_open_ = false;
  bool has_ended_ = true;
};

}  // namespace gatewaykit::server
