// SPDX-License-Identifier: Apache-2.0
#include "upstream/http2_body.hpp"

#include <algorithm>
#include <utility>

#include "gatewaykit/core/executor.hpp"
#include "upstream/carrier.hpp"
#include "upstream/http2_connection.hpp"
#include "upstream/http2_stream.hpp"
#include "upstream/worker_pool.hpp"

namespace gatewaykit::upstream {

Http2Body::Http2Body(Http2Stream& stream, Lease lease, const codec::BodyFraming& framing,
                     InFlight in_flight, TimePoint total) noexcept
    : stream_(&stream), lease_(std::move(lease)), in_flight_(std::move(in_flight)), total_(total) {
  if (framing.kind == codec::BodyFraming::Kind::length) left_ = framing.length;
}

/// Those who know the length need not read the end.
Http2Body::~Http2Body() {
  if (is_over_ || failure_ || left_ != 0) return;
  stream_->let_end();
  stream_->connection().lane().target().ejection.succeeded();
}

bool Http2Body::ready(Chunk& chunk) {
  const Step made = step(chunk);
  if (made == Step::end) chunk = Chunk();
  return made == Step::chunk || made == Step::end;
}

Task<Result<Chunk>> Http2Body::read() {
  const Env env = co_await current_env();
  for (;;) {
    Chunk chunk;
    const Step made = step(chunk);
    if (made == Step::failed) co_return *failure_;
    if (made != Step::nothing) co_return chunk;
    Lane& lane = stream_->connection().lane();
    const TimePoint patience = env.executor->now() + lane.pool().options().timeouts.idle;
    const Wake wake = co_await stream_->changed().wait(std::min(patience, total_));
    if (wake == Wake::cancelled) fail(Error(Errc::cancelled, Origin::client));
    if (wake == Wake::timeout) {
      fail(late(lane.target(), Errc::idle_timeout, env.executor->now(), total_));
    }
  }
}

Http2Body::Step Http2Body::step(Chunk& chunk) {
  if (failure_) return Step::failed;
  if (is_over_) return Step::end;
  if (stream_->take_content(chunk)) {
    if (left_) *left_ -= std::min<std::uint64_t>(*left_, chunk.size());
    return Step::chunk;
  }
  const std::optional<Error>& failure = stream_->failure();
  // Some targets reset a stream in place of ending it. What has its length is whole even so.
  const bool is_whole = left_ == 0 && failure && failure->code == Errc::reset;
  if (stream_->has_ended() || is_whole) {
    finish();
    return Step::end;
  }
  return failure ? fail(*failure) : Step::nothing;
}

void Http2Body::finish() noexcept {
  is_over_ = true;
  trailers_ = stream_->take_trailers();
  stream_->connection().lane().target().ejection.succeeded();
  // In this order: the lease may be the last that keeps the pool.
  in_flight_ = InFlight();
  lease_.give_up();
}

Http2Body::Step Http2Body::fail(Error error) {
  Lane& lane = stream_->connection().lane();
  if (error.origin == Origin::upstream && error.code != Errc::total_timeout) {
    lane.target().failed(lane.pool().executor().now());
  }
  failure_ = std::move(error);
  in_flight_ = InFlight();
  lease_.give_up();
  return Step::failed;
}

std::optional<std::uint64_t> Http2Body::size() const { return left_; }

}  // namespace gatewaykit::upstream
