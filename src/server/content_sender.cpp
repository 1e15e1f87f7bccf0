// SPDX-License-Identifier: Apache-2.0
#include "server/content_sender.hpp"

#include <cstring>
#include <utility>

#include "gatewaykit/core/executor.hpp"

namespace gatewaykit::server {

namespace {

/// Content that leaves in one send, about.
constexpr std::size_t kGatherBytes = std::size_t{128} << 10;
/// Content up to this size is copied behind the head: one vector is cheaper than two.
constexpr std::size_t kCopiedBytes = 2048;

using Kind = net::IoResult::Kind;

}  // namespace

void ContentSender::begin(Body* body, codec::BodyFraming framing) noexcept {
  body_ = body;
  framing_ = framing;
  left_ = framing.length;
  has_ended_ = body == nullptr;
}

bool ContentSender::advance() {
  for (;;) {
    if (progress_.count == 0) {
      gather();
      if (failure_) return true;
      if (vector_count_ == 0) return has_ended_;
      progress_ = {vectors_.data(), static_cast<int>(vector_count_)};
    }
    if (!send_gathered()) return failure_.has_value();
    let_go();
    if (has_ended_) return true;
  }
}

Task<Result<>> ContentSender::run() {
  const Env env = co_await current_env();
  while (!advance()) {
    if (progress_.count > 0) {
      const Wake wake = co_await stream_.writable().wait(env.executor->now() + patience_);
      if (wake == Wake::timeout) co_return Error(Errc::idle_timeout, Origin::client);
      if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::client);
      continue;
    }
    Result<Chunk> read = co_await body_->read();
    if (!read) co_return std::move(read.error());
    next_ = std::move(*read);
    if (next_.empty()) add_end();
  }
  if (failure_) co_return std::move(*failure_);
  co_return Result<>();
}

/// What was sent is held no longer while we wait for more.
void ContentSender::let_go() noexcept {
  for (std::size_t i = 0; i < chunk_count_; ++i) chunks_[i] = Chunk();
  chunk_count_ = vector_count_ = gathered_ = 0;
}

/// Collects what is there. After add_end() it is all that is left.
void ContentSender::gather() {
  if (!next_.empty()) add_chunk(std::exchange(next_, Chunk()));
  Chunk chunk;
  while (!has_ended_ && chunk_count_ < kChunks && gathered_ < kGatherBytes && !failure_ &&
         body_->ready(chunk)) {
    if (chunk.empty()) {
      add_end();
    } else {
      add_chunk(std::move(chunk));
    }
  }
  if (!std::exchange(is_head_pending_, false)) return;
  // Written last: what was copied behind the head may have moved it.
  vectors_[0] = {const_cast<char*>(head_.view().data()), head_.size()};
  if (vector_count_ == 0) vector_count_ = 1;
}

bool ContentSender::fits_behind_head(std::size_t size) const noexcept {
  return is_head_pending_ && vector_count_ <= 1 && head_.size() + size <= kCopiedBytes;
}

void ContentSender::add_chunk(Chunk chunk) {
  const std::size_t size = chunk.size();
  gathered_ += size;
  if (framing_.kind == codec::BodyFraming::Kind::length) {
    if (size > left_) {
      failure_ = Error(Errc::bad_message, Origin::gateway, "more content than announced");
      return;
    }
    left_ -= size;
  }
  const bool is_chunked = framing_.kind == codec::BodyFraming::Kind::chunked;
  auto& size_line = size_lines_[chunk_count_];
  const std::size_t line_size =
      is_chunked ? codec::write_chunk_head(size, size_line.data()) : std::size_t{0};
  if (fits_behind_head(size)) {
    head_.append({size_line.data(), line_size});
    head_.append(chunk.view());
    if (is_chunked) head_.append(codec::kChunkEnd);
    ++chunk_count_;
    return;
  }
  if (line_size > 0) add_bytes({size_line.data(), line_size});
  add_bytes(chunk.view());
  if (is_chunked) add_bytes(codec::kChunkEnd);
  chunks_[chunk_count_++] = std::move(chunk);
}

void ContentSender::add_end() {
  has_ended_ = true;
  if (framing_.kind == codec::BodyFraming::Kind::length && left_ > 0) {
    failure_ = Error(Errc::bad_message, Origin::gateway, "less content than announced");
  }
  if (framing_.kind != codec::BodyFraming::Kind::chunked) return;
  const Headers* const trailers = body_->trailers();
  if (trailers == nullptr || trailers->empty()) {
    if (fits_behind_head(codec::kLastChunk.size())) {
      head_.append(codec::kLastChunk);
    } else {
      add_bytes(codec::kLastChunk);
    }
    return;
  }
  codec::ByteWriter writer;
  codec::write_last_chunk(writer, *trailers);
  const std::size_t size = writer.size();
  last_chunk_ = writer.take();
  add_bytes({last_chunk_.data(), size});
}

void ContentSender::add_bytes(std::string_view bytes) noexcept {
  // The first place is the head's as long as that waits.
  if (is_head_pending_ && vector_count_ == 0) vector_count_ = 1;
  vectors_[vector_count_++] = {const_cast<char*>(bytes.data()), bytes.size()};
}

/// False where some is left: there is no room now, or failure() tells.
bool ContentSender::send_gathered() {
  for (;;) {
    const net::IoResult result = stream_.send(progress_.vectors, progress_.count);
    if (result.kind == Kind::bytes) {
      bytes_ += result.count;
      if (progress_.advance(result.count)) return true;
      continue;
    }
    if (result.kind != Kind::would_block) {
      failure_ = Error(Errc::reset, Origin::client, std::strerror(result.error));
    }
    return false;
  }
}

}  // namespace gatewaykit::server
