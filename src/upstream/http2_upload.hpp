// SPDX-License-Identifier: Apache-2.0
// Http2Upload: the content of a request on its way into a stream of HTTP/2. The session asks for it
// when the target's windows and the socket have room; what is not there yet is pulled by a task
// beside the exchange, which the session then waits for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "codec/http1_message.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/core/event.hpp"
#include "gatewaykit/core/string.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/http/body.hpp"

namespace gatewaykit::upstream {

class Http2Upload {
 public:
  /// What a DATA frame may hold now.
  struct Piece {
    enum class Kind : std::uint8_t { bytes, wait, failed };
    Kind kind;
    std::size_t size = 0;
    bool is_last = false;
  };

  /// Takes `body` over where there is content, and looks at what is there of it.
  void begin(const codec::BodyFraming& framing, Body& body);

  /// There is, or was, content to send.
  bool has_content() const noexcept { return owns_body_; }
  /// More has to come from the body than is there.
  bool is_open() const noexcept { return owns_body_ && !has_ended_ && !failure_; }
  /// All was handed to the session.
  bool is_complete() const noexcept { return !owns_body_ || (has_ended_ && is_end_taken_); }
  /// The target has room for less than is there.
  bool is_blocked() const noexcept { return !staged_.empty(); }
  const std::optional<Error>& failure() const noexcept { return failure_; }
  void fail(Error error);
  const Headers* trailers() const { return body_.trailers(); }

  /// For the session: at most `most` bytes, which `take` then hands out.
  Piece next(std::size_t most);
  Chunk take(std::size_t count);
  /// When content came or went last; told by who has a clock.
  TimePoint last_moved() const noexcept { return last_moved_; }
  void note_move(TimePoint now) noexcept { last_moved_ = now; }

  /// Waits until the session wants what is not there, then until it is. False at the end, after a
  /// failure, and where the exchange is cancelled.
  Task<bool> pull();

  /// No other attempt will need the content.
  void forget() noexcept;
  /// Puts the body back where it came from, for another attempt. False where its first bytes are
  /// gone: no more than 64 KiB are kept.
  bool return_body(Body& body);

 private:
  using Chunks = std::vector<Chunk, PoolAllocator<Chunk>>;

  bool pull_ready();
  void stage(Chunk chunk);
  void keep(const Chunk& chunk);

  codec::BodyFraming::Kind framing_ = codec::BodyFraming::Kind::none;
  bool owns_body_ = false;
  bool took_content_ = false;
  bool has_ended_ = false;
  bool is_end_taken_ = false;
  bool is_wanted_ = false;  // The session waits, and its task is to pull.
  std::uint64_t left_ = 0;  // By length: bytes that the body still has to yield.
  TimePoint last_moved_{};
  Chunk staged_;
  Body body_;
  bool keeps_ = true;
  std::size_t kept_size_ = 0;
  Chunks kept_;  // What was taken from the body so far.
  Event wanted_;
  std::optional<Error> failure_;
};

}  // namespace gatewaykit::upstream
