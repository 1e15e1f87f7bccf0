// SPDX-License-Identifier: Apache-2.0
// Upload: a request on its way to a target: the head and what is there of the content leave in one
// send; the rest, if any, is pulled from its body by a task beside the exchange. Frames content by
// length, as chunks (RFC 9112 section 7.1), or as the raw bytes of a tunnel.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "codec/http1_message.hpp"
#include "codec/http1_writer.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/http/body.hpp"
#include "net/stream.hpp"

namespace gatewaykit::upstream {

class Upload {
 public:
  enum class State : std::uint8_t {
    idle,      ///< Nothing was begun.
    sending,   ///< More is to be sent.
    complete,  ///< All was sent.
    refused,   ///< The target takes no more; it may have answered nevertheless.
    failed,    ///< failure() tells why; the exchange is to end with it.
  };

  /// Sends `head` and, unless `holds_content_back`, what is there of `body` without waiting; `run`
  /// sends what is left. Takes the body over where there is content.
  void begin(net::Stream& stream, Chunk head, const codec::BodyFraming& framing, Body& body,
             bool holds_content_back);
  /// A tunnel opens: all that `body` yields from now on.
  void begin_tunnel(Body& body);
  /// Sends what is left. `patience`: for how long the target may take nothing at all.
  Task<void> run(net::Stream& stream, Duration patience);

  State state() const noexcept { return state_; }
  bool is_sending() const noexcept { return state_ == State::sending; }
  /// Not one byte left this process: no target can have acted on the request.
  bool sent_nothing() const noexcept { return !sent_any_; }
  /// Some of the content was sent, or taken from the body for it.
  bool took_content() const noexcept { return took_content_; }
  const std::optional<Error>& failure() const noexcept { return failure_; }
  void fail(Error error);
  /// When a byte was sent last, for the idle time of a tunnel.
  TimePoint last_sent() const noexcept { return last_sent_; }

  /// Puts the body back where it came from, for another attempt.
  void return_body(Body& body) noexcept;
  /// Forgets the exchange: the connection is to serve another one.
  void reset() noexcept;

 private:
  void take_body(Body& body) noexcept;
  void try_send(net::Stream& stream) noexcept;
  void note_progress() noexcept;
  void stage(Chunk chunk);
  void stage_end();
  void append(std::string_view bytes) noexcept;
  void end_send(Error error);
  bool is_over() const noexcept;

  State state_ = State::idle;
  /// until_close: the raw bytes of a tunnel.
  codec::BodyFraming::Kind framing_ = codec::BodyFraming::Kind::none;
  bool sent_any_ = false;
  bool took_content_ = false;
  bool owns_body_ = false;
  bool end_is_staged_ = false;
  std::uint64_t left_ = 0;  // By length: bytes that the body still has to yield.
  TimePoint last_sent_{};

  // What is being sent: head, size line, chunk, line end; kept until it is gone.
  Chunk head_;
  Chunk chunk_;
  std::array<char, codec::kChunkHeadSize> size_line_;
  std::array<iovec, 4> vectors_;
  net::SendProgress progress_{nullptr, 0};

  Body body_;
  std::optional<Error> failure_;
};

}  // namespace gatewaykit::upstream
