// SPDX-License-Identifier: Apache-2.0
#include "upstream/upload.hpp"

#include <utility>

#include "codec/http1_writer.hpp"
#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/http/headers.hpp"

namespace gatewaykit::upstream {

namespace {

using Framing = codec::BodyFraming::Kind;

/// The last chunk and the trailer section behind it.
Chunk last_chunk(const Headers* trailers) {
  if (trailers == nullptr || trailers->empty()) return Chunk::of_static(codec::kLastChunk);
  codec::ByteWriter writer;
  codec::write_last_chunk(writer, *trailers);
  const std::string_view bytes = writer.view();
  return Chunk(writer.take(), bytes);
}

}  // namespace

void Upload::begin(net::Stream& stream, Chunk head, const codec::BodyFraming& framing, Body& body,
                   bool holds_content_back) {
  state_ = State::sending;
  framing_ = framing.kind;
  left_ = framing.length;
  progress_ = {vectors_.data(), 0};
  head_ = std::move(head);
  append(head_.view());
  if (framing_ != Framing::none) take_body(body);
  Chunk first;
  if (owns_body_ && !holds_content_back && body_.ready(first)) stage(std::move(first));
  if (state_ == State::sending) try_send(stream);
}

void Upload::begin_tunnel(Body& body) {
  state_ = State::sending;
  framing_ = Framing::until_close;
  end_is_staged_ = false;
  progress_ = {vectors_.data(), 0};
  take_body(body);
}

void Upload::take_body(Body& body) noexcept {
  body_ = std::move(body);
  owns_body_ = true;
}

void Upload::return_body(Body& body) noexcept {
  if (std::exchange(owns_body_, false)) body = std::move(body_);
}

void Upload::try_send(net::Stream& stream) noexcept {
  const int staged = progress_.count;
  const std::size_t first_size = progress_.vectors->iov_len;
  const net::IoResult result = net::try_send_all(stream, progress_);
  const bool sent_some = progress_.count < staged || progress_.vectors->iov_len < first_size;
  sent_any_ = sent_any_ || sent_some;
  if (result.kind == net::IoResult::Kind::would_block) return;
  if (result.kind != net::IoResult::Kind::bytes) {
    state_ = State::refused;
    return;
  }
  note_progress();
}

void Upload::note_progress() noexcept {
  progress_ = {vectors_.data(), 0};
  // Given back while they are still in the caches, for the next that needs a buffer.
  head_ = Chunk();
  chunk_ = Chunk();
  if (is_over()) state_ = State::complete;
}

bool Upload::is_over() const noexcept {
  switch (framing_) {
    case Framing::none:
      return true;
    case Framing::length:
      return left_ == 0;
    case Framing::chunked:
    case Framing::until_close:
      return end_is_staged_;
  }
  return true;
}

Task<void> Upload::run(net::Stream& stream, Duration patience) {
  const Env env = co_await current_env();
  while (state_ == State::sending) {
    if (progress_.count > 0) {
      Result<> sent = co_await net::send_all(stream, progress_, patience, Origin::upstream);
      sent_any_ = true;
      if (!sent) co_return end_send(std::move(sent.error()));
      last_sent_ = env.executor->now();
      note_progress();
      continue;
    }
    Chunk next;
    if (!body_.ready(next)) {
      Result<Chunk> read = co_await body_.read();
      if (!read) co_return fail(std::move(read.error()));
      next = std::move(*read);
    }
    stage(std::move(next));
    if (framing_ == Framing::until_close && end_is_staged_) {
      stream.shutdown_send();
      note_progress();
    }
  }
}

/// A target that does not want the rest may have said why: its answer decides, not the send.
void Upload::end_send(Error error) {
  if (error.code == Errc::reset) {
    state_ = State::refused;
  } else {
    fail(std::move(error));
  }
}

void Upload::fail(Error error) {
  if (state_ == State::failed) return;
  state_ = State::failed;
  failure_ = std::move(error);
}

void Upload::stage(Chunk chunk) {
  took_content_ = true;
  if (chunk.empty()) return stage_end();
  chunk_ = std::move(chunk);
  if (framing_ == Framing::length) {
    if (chunk_.size() > left_) {
      return fail(Error(Errc::bad_message, Origin::client, "more content than its length"));
    }
    left_ -= chunk_.size();
  }
  if (framing_ == Framing::chunked) {
    append({size_line_.data(), codec::write_chunk_head(chunk_.size(), size_line_.data())});
  }
  append(chunk_.view());
  if (framing_ == Framing::chunked) append(codec::kChunkEnd);
}

void Upload::stage_end() {
  if (framing_ == Framing::length) {
    return fail(Error(Errc::bad_message, Origin::client, "less content than its length"));
  }
  end_is_staged_ = true;
  if (framing_ != Framing::chunked) return;
  chunk_ = last_chunk(body_.trailers());
  append(chunk_.view());
}

void Upload::append(std::string_view bytes) noexcept {
  vectors_[static_cast<std::size_t>(progress_.count)] = {const_cast<char*>(bytes.data()),
                                                         bytes.size()};
  ++progress_.count;
}

void Upload::reset() noexcept {
  state_ = State::idle;
  sent_any_ = took_content_ = owns_body_ = end_is_staged_ = false;
  head_ = Chunk();
  chunk_ = Chunk();
  body_ = Body();
  failure_.reset();
}

}  // namespace gatewaykit::upstream
