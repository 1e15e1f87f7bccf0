// SPDX-License-Identifier: Apache-2.0
// ReceiveBuffer: the bytes of a connection that were received and not yet taken. Chunks of content
// pin it, so it is never overwritten while one of them lives; an idle connection holds none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

#include "gatewaykit/core/buffer.hpp"
#include "gatewaykit/http/body.hpp"
#include "net/stream.hpp"

namespace gatewaykit::server {

class ReceiveBuffer {
 public:
  std::string_view pending() const noexcept {
    return buffer_ ? std::string_view(buffer_.data() + begin_, end_ - begin_) : std::string_view();
  }
  bool empty() const noexcept { return begin_ == end_; }
  void drop(std::size_t count) noexcept { begin_ += count; }
  /// A chunk over `bytes`, which lie in pending().
  Chunk share(std::string_view bytes) const noexcept { return Chunk(buffer_, bytes); }

  /// Receives behind pending(); at least `room` bytes are there for it.
  net::IoResult receive(net::Stream& stream, std::size_t room) {
    make_room(room);
    const net::IoResult result = stream.receive(buffer_.data() + end_, buffer_.capacity() - end_);
    if (result.kind == net::IoResult::Kind::bytes) end_ += result.count;
    return result;
  }

  /// Gives the memory back where nothing is pending.
  void release_if_empty() noexcept {
    if (!empty()) return;
    buffer_ = Buffer();
    begin_ = end_ = 0;
  }

 private:
  void make_room(std::size_t room) {
    if (buffer_ && empty() && buffer_.unique()) begin_ = end_ = 0;
    if (buffer_ && buffer_.capacity() - end_ >= room) return;
    const std::string_view rest = pending();
    Buffer larger = Buffer::allocate(std::max(room + rest.size(), 2 * rest.size()));
    if (!rest.empty()) std::memcpy(larger.data(), rest.data(), rest.size());
    end_ = rest.size();
    begin_ = 0;
    buffer_ = std::move(larger);
  }

  Buffer buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace gatewaykit::server
