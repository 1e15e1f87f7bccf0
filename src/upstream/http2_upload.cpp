// SPDX-License-Identifier: Apache-2.0
#include "upstream/http2_upload.hpp"

#include <algorithm>
#include <utility>

namespace gatewaykit::upstream {

namespace {

using Framing = codec::BodyFraming::Kind;

/// For another attempt, where the target says that it did nothing. Few, since each may pin a
/// buffer.
constexpr std::size_t kMostKept = std::size_t{64} << 10;
constexpr std::size_t kMostKeptChunks = 16;

/// A body whose first chunks were taken before.
class Replayed final : public BodyFilter {
 public:
  Replayed(Body rest, std::vector<Chunk, PoolAllocator<Chunk>> first)
      : BodyFilter(std::move(rest)), first_(std::move(first)) {}

  Task<Result<Chunk>> read() override {
    Chunk chunk;
    if (take_first(chunk)) co_return chunk;
    co_return co_await inner().read();
  }
  bool ready(Chunk& chunk) override { return take_first(chunk) || inner().ready(chunk); }
  std::optional<std::uint64_t> size() const override {
    std::optional<std::uint64_t> size = BodyFilter::size();
    for (std::size_t i = next_; size && i < first_.size(); ++i) *size += first_[i].size();
    return size;
  }

 private:
  bool take_first(Chunk& chunk) {
    if (next_ == first_.size()) return false;
    chunk = std::move(first_[next_++]);
    return true;
  }

  std::vector<Chunk, PoolAllocator<Chunk>> first_;
  std::size_t next_ = 0;
};

}  // namespace

void Http2Upload::begin(const codec::BodyFraming& framing, Body& body) {
  framing_ = framing.kind;
  left_ = framing.length;
  if (framing_ == Framing::none) return;
  body_ = std::move(body);
  owns_body_ = true;
  pull_ready();
}

bool Http2Upload::return_body(Body& body) {
  if (!std::exchange(owns_body_, false)) return true;
  body = std::move(body_);
  if (!took_content_ || body.rewind()) return true;
  if (!keeps_) return false;
  body = Body(*new Replayed(std::move(body), std::move(kept_)));
  return true;
}

void Http2Upload::keep(const Chunk& chunk) {
  if (!keeps_) return;
  kept_size_ += chunk.size();
  if (kept_size_ > kMostKept || kept_.size() == kMostKeptChunks) return forget();
  kept_.push_back(chunk);
}

void Http2Upload::forget() noexcept {
  keeps_ = false;
  kept_.clear();
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
    if (left_ > 0) {
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
  }
  keep(chunk);
  staged_ = std::move(chunk);
  // Trailers may follow: the end is the body's to tell, at once where it is there.
  if (is_by_length && left_ == 0) pull_ready();
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
