// SPDX-License-Identifier: Apache-2.0
#include "upstream/http2_output.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace gatewaykit::upstream {

namespace {

constexpr std::size_t kTail = std::size_t{16} << 10;
/// Beyond this a vector of its own is cheaper than a copy.
constexpr std::size_t kCopied = 2048;

}  // namespace

void Http2Output::append(std::string_view bytes) {
  if (bytes.empty()) return;
  if (!tail_ || tail_.capacity() - tail_used_ < bytes.size()) {
    tail_ = Buffer::allocate(std::max(kTail, bytes.size()));
    tail_used_ = 0;
  }
  char* const to = tail_.data() + tail_used_;
  std::memcpy(to, bytes.data(), bytes.size());
  tail_used_ += bytes.size();
  if (count_ > 0 && held_[count_ - 1].data() + vectors_[count_ - 1].iov_len == to) {
    vectors_[count_ - 1].iov_len += bytes.size();
    size_ += bytes.size();
    return;
  }
  hold(Chunk(tail_, {to, bytes.size()}));
}

void Http2Output::append(Chunk content) {
  if (content.size() <= kCopied) return append(content.view());
  hold(std::move(content));
}

void Http2Output::hold(Chunk piece) noexcept {
  vectors_[count_] = {const_cast<char*>(piece.data()), piece.size()};
  size_ += piece.size();
  held_[count_] = std::move(piece);
  ++count_;
}

net::IoResult Http2Output::send(net::Stream& stream) noexcept {
  if (progress_.count == 0) progress_ = {vectors_.data(), static_cast<int>(count_)};
  const net::IoResult result = net::try_send_all(stream, progress_);
  if (result.kind != net::IoResult::Kind::bytes) return result;
  // Given back while they are still in the caches.
  std::fill_n(held_.begin(), count_, Chunk());
  tail_ = Buffer();
  tail_used_ = size_ = count_ = 0;
  return result;
}

}  // namespace gatewaykit::upstream
