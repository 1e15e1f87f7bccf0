// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/http/body.hpp"

#include <cstring>

#include "gatewaykit/http/headers.hpp"

namespace gatewaykit {

Chunk Chunk::copy_of(std::string_view bytes) {
  if (bytes.empty()) return {};
  Buffer owner = Buffer::allocate(bytes.size());
  std::memcpy(owner.data(), bytes.data(), bytes.size());
  const std::string_view copy(owner.data(), bytes.size());
  return Chunk(std::move(owner), copy);
}

BodySource::~BodySource() = default;

bool Body::ready(Chunk& chunk) {
  if (source_ != nullptr) return source_->ready(chunk);
  chunk = std::exchange(memory_read_, true) ? Chunk() : memory_;
  return true;
}

Task<Result<Chunk>> Body::read() {
  Chunk chunk;
  if (ready(chunk)) co_return chunk;
  co_return co_await source_->read();
}

Task<Result<std::string>> Body::collect(std::size_t limit) {
  std::string content;
  for (;;) {
    Chunk chunk;
    if (!ready(chunk)) {
      Result<Chunk> next = co_await read();
      if (!next) co_return std::move(next.error());
      chunk = std::move(*next);
    }
    if (chunk.empty()) co_return content;
    if (chunk.size() > limit - content.size()) {
      co_return Error(Errc::body_too_large, Origin::gateway, "more than the limit of collect()");
    }
    content.append(chunk.view());
  }
}

std::optional<std::uint64_t> Body::size() const {
  if (source_ != nullptr) return source_->size();
  return memory_read_ ? 0 : memory_.size();
}

const Headers* Body::trailers() const { return source_ == nullptr ? nullptr : source_->trailers(); }

bool Body::rewind() {
  if (source_ != nullptr) return source_->rewind();
  memory_read_ = false;
  return true;
}

}  // namespace gatewaykit
