// SPDX-License-Identifier: Apache-2.0
// Http2RequestBody: the content of a request as it comes in over a stream of HTTP/2. What was
// received waits here until it is read, and only then does the stream's window open again, so a
// client can make us hold no more than a window. Lives in its exchange.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "gatewaykit/core/event.hpp"
#include "gatewaykit/core/string.hpp"
#include "gatewaykit/http/body.hpp"
#include "gatewaykit/http/headers.hpp"
#include "server/content_pace.hpp"
#include "server/listen_config.hpp"

namespace gatewaykit::server {

class Http2Exchange;

class Http2RequestBody final : public BodySource {
 public:
  Http2RequestBody(Http2Exchange& exchange, const ListenLimits& limits) noexcept
      : exchange_(exchange), limits_(limits) {}

  /// What the head said. `is_tunnel`: yields nothing before open_tunnel().
  void begin(std::optional<std::uint64_t> length, bool expects_continue, bool is_tunnel);

  // --- From the session. False where that is not what the head has announced.
  bool receive(std::string_view bytes);
  bool end(Headers trailers);
  /// Nothing more will come, and what is here is no whole content.
  void cut() noexcept;

  Task<Result<Chunk>> read() override;
  bool ready(Chunk& chunk) override;
  std::optional<std::uint64_t> size() const override;
  const Headers* trailers() const override;
  bool forward_expectation() override { return take_expectation(); }
  void release() noexcept override {}  // A member of the exchange.

  /// The tunnel was accepted: its bytes may be read. Or it was not.
  void open_tunnel() noexcept;
  /// All of it was received, if not read.
  bool has_ended() const noexcept { return has_ended_; }
  /// There is none, and none will come.
  bool is_empty() const noexcept { return has_ended_ && held_ == 0 && trailers_.empty(); }
  const std::optional<Error>& failure() const noexcept { return failure_; }
  /// Bytes that were received and not read: what they take of the connection's window must be
  /// given back when the exchange is over.
  std::size_t held() const noexcept { return held_; }

 private:
  static constexpr std::size_t kPiece = 16 * 1024;

  /// What is received goes behind what is there, so that small frames take no buffer each.
  struct Piece {
    Buffer buffer;
    std::size_t size = 0;
  };

  bool take(Chunk& chunk);
  bool is_closed() const noexcept { return is_tunnel_ && !is_tunnel_open_; }
  bool take_expectation() noexcept;
  void keep(std::string_view bytes);
  void fail(Error error);
  void wake() noexcept {
    if (arrived_.has_waiter()) arrived_.set();
  }

  Http2Exchange& exchange_;
  const ListenLimits& limits_;
  std::vector<Piece, PoolAllocator<Piece>> pieces_;
  std::size_t taken_ = 0;  // Of pieces_: handed out.
  std::size_t held_ = 0;
  std::uint64_t received_ = 0;
  std::optional<std::uint64_t> length_;
  std::optional<Error> failure_;
  Headers trailers_;
  Event arrived_;
  ContentPace pace_;
  bool answers_continue_ = false;
  bool is_tunnel_ = false;
  bool is_tunnel_open_ = false;
  bool has_ended_ = true;
};

}  // namespace gatewaykit::server
