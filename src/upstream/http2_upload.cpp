// SPDX-License-Identifier: Apache-2.0
#include "upstream/http2_upload.hpp"

#include <algorithm>
#include <utility>

namespace gatewaykit::upstream {

namespace {

using Framing = codec::BodyFraming::Kind;

}  // namespace

void Http2Upload::begin(const codec::BodyFraming& framing, Body& body) {
  framing_ = framing.kind;
  left_ = framing.length;
  if (framing_ == Framing::none) return;
  body_ = std::move(body);
  owns_body_ = true;
  pull_ready();
}

void Http2Upload::begin_tunnel(Body& body) {
  framing_ = Framing::until_close;
  body_ = std::move(body);
  owns_body_ = true;
}

void Http2Upload::return_body(Body& body) noexcept {
  if (std::exchange(owns_body_, false)) body = std::move(body_);
}

void Http2Upload::fail(Error error) {
  if (!failure_) failure_ = std::move(error);
  wanted_.set();
}

bool Http2Upload::pull_ready() {
  Chunk chunk;
  if (is_wanted_ || !body_.ready(chunk)) return false;
  stage(std::move(chunk));
  return true;
}

void Http2Upload::stage(Chunk chunk) {
  took_content_ = true;
  const bool is_by_length = framing_ == Framing::length;
  if (chunk.empty()) {
    if (is_by_length) {
      return fail(Error(Errc::bad_message, Origin::client, "less content than its length"));
    }
    has_ended_ = true;
    wanted_.set();
    return;
  }
  if (is_by_length) {
    if (chunk.size() > left_) {
      return fail(Error(Errc::bad_message, Origin::client, "more content than its length"));
    }
    left_ -= chunk.size();
    has_ended_ = left_ == 0;
    if (has_ended_) wanted_.set();
  }
  staged_ = std::move(chunk);
}

Http2Upload::Piece Http2Upload::next(std::size_t most) {
  if (staged_.empty() && is_open()) pull_ready();
  if (failure_) return {Piece::Kind::failed};
  if (staged_.empty() && !has_ended_) {
    is_wanted_ = true;
    wanted_.set();
    return {Piece::Kind::wait};
  }
  const std::size_t size = std::min(most, staged_.size());
  const bool is_last = has_ended_ && size == staged_.size();
  is_end_taken_ = is_last;
  return {Piece::Kind::bytes, size, is_last};
}

Chunk Http2Upload::take(std::size_t count) {
  Chunk taken = staged_.prefix(count);
  staged_.remove_prefix(count);
  if (staged_.empty()) staged_ = Chunk();
  return taken;
}

Task<bool> Http2Upload::pull() {
  while (is_open() && !is_wanted_) {
    const Wake wake = co_await wanted_.wait();
    if (wake != Wake::signalled) co_return false;
  }
  if (!is_open()) co_return false;
  Chunk next;
  if (!body_.ready(next)) {
    Result<Chunk> read = co_await body_.read();
    if (!read) {
      fail(std::move(read.error()));
      co_return false;
    }
    next = std::move(*read);
  }
  is_wanted_ = false;
  stage(std::move(next));
  co_return true;
}

}  // namespace gatewaykit::upstream
