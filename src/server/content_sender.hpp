// SPDX-License-Identifier: Apache-2.0
// ContentSender: a response on its way to an HTTP/1 client: the head and what is there of the
// content leave in one send, the rest piece by piece as the body yields it. What was announced as
// the length is what is sent, or the response fails. Lives in its exchange.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "codec/http1_writer.hpp"
#include "gatewaykit/core/result.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/http/body.hpp"
#include "net/stream.hpp"

namespace gatewaykit::server {

class ContentSender {
 public:
  ContentSender(net::Stream& stream, Duration patience) noexcept
      : stream_(stream), patience_(patience) {}
  ContentSender(const ContentSender&) = delete;
  ContentSender& operator=(const ContentSender&) = delete;

  /// Where the head is written before `begin`.
  codec::ByteWriter& head() noexcept { return head_; }
  /// `body` is null where the head is all. Both outlive the sending.
  void begin(Body* body, codec::BodyFraming framing) noexcept;

  /// Sends what can be sent without waiting; true where nothing is left to do: all was sent, or
  /// failure() tells why not.
  bool advance();
  /// Sends the rest.
  Task<Result<>> run();

  const std::optional<Error>& failure() const noexcept { return failure_; }
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t kChunks = 4;

  void gather();
  void add_chunk(Chunk chunk);
  void add_end();
  void add_bytes(std::string_view bytes) noexcept;
  bool fits_behind_head(std::size_t size) const noexcept;
  bool send_gathered();
  void let_go() noexcept;

  net::Stream& stream_;
  Duration patience_;
  Body* body_ = nullptr;
  codec::BodyFraming framing_;
  std::uint64_t left_ = 0;  // Of the announced length.
  std::uint64_t bytes_ = 0;
  std::optional<Error> failure_;
  bool is_head_pending_ = true;
  bool has_ended_ = false;
  Chunk next_;  // Read, and to be sent next.

  // What leaves together.
  codec::ByteWriter head_;
  std::array<Chunk, kChunks> chunks_;
  std::array<std::array<char, codec::kChunkHeadSize>, kChunks> size_lines_;
  std::array<iovec, 3 * kChunks + 2> vectors_;
  Buffer last_chunk_;
  net::SendProgress progress_{nullptr, 0};
  std::size_t chunk_count_ = 0;
  std::size_t vector_count_ = 0;
  std::size_t gathered_ = 0;
};

}  // namespace gatewaykit::server
