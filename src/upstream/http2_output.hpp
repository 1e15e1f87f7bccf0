// SPDX-License-Identifier: Apache-2.0
// Http2Output: frames on their way to a connection of HTTP/2, gathered so that all that is there
// leaves in one send. Small pieces are copied together, large content stays where it is.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <string_view>

#include "gatewaykit/core/buffer.hpp"
#include "gatewaykit/http/body.hpp"
#include "net/stream.hpp"

namespace gatewaykit::upstream {

class Http2Output {
 public:
  bool empty() const noexcept { return count_ == 0; }
  /// What is there is to be sent before more is appended; the frame that was begun has room.
  bool is_full() const noexcept { return size_ >= kFull || count_ + 2 > kVectors; }

  void append(std::string_view bytes);
  void append(Chunk content);

  /// Sends a part or all of it: bytes when nothing is left, would_block when some is.
  net::IoResult send(net::Stream& stream) noexcept;

 private:
  static constexpr std::size_t kFull = std::size_t{128} << 10;
  static constexpr std::size_t kVectors = 64;

  void hold(Chunk piece) noexcept;

  Buffer tail_;  // What small pieces are copied into.
  std::size_t tail_used_ = 0;
  std::size_t size_ = 0;
  std::size_t count_ = 0;
  std::array<iovec, kVectors> vectors_;
  std::array<Chunk, kVectors> held_;
  net::SendProgress progress_{nullptr, 0};
};

}  // namespace gatewaykit::upstream
