// SPDX-License-Identifier: Apache-2.0
#include "server/http2_request_body.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "gatewaykit/core/executor.hpp"
#include "server/http2_exchange.hpp"

namespace gatewaykit::server {

void Http2RequestBody::begin(std::optional<std::uint64_t> length, bool expects_continue,
                             bool is_tunnel) {
  if (!is_tunnel) length_ = length;
  answers_continue_ = expects_continue;
  is_tunnel_ = is_tunnel;
  has_ended_ = false;
  if (limits_.body && length.value_or(0) > *limits_.body) {
    fail(Error(Errc::body_too_large, Origin::client, "Content-Length is above the limit"));
  }
}

bool Http2RequestBody::receive(std::string_view bytes) {
  received_ += bytes.size();
  held_ += bytes.size();
  if (limits_.body && !is_tunnel_ && received_ > *limits_.body) {
    fail(Error(Errc::body_too_large, Origin::client, "the content is above the limit"));
  }
  if (failure_) return true;  // It stays held: no window opens for it.
  if (received_ > length_.value_or(received_)) {
    fail(Error(Errc::protocol, Origin::client, "more content than announced"));
    return false;
  }
  keep(bytes);
  return true;
}

void Http2RequestBody::keep(std::string_view bytes) {
  while (!bytes.empty()) {
    if (pieces_.empty() || pieces_.back().size == pieces_.back().buffer.capacity()) {
      pieces_.push_back({Buffer::allocate(std::max(bytes.size(), kPiece))});
    }
    Piece& last = pieces_.back();
    const std::size_t count = std::min(bytes.size(), last.buffer.capacity() - last.size);
    std::memcpy(last.buffer.data() + last.size, bytes.data(), count);
    last.size += count;
    bytes.remove_prefix(count);
  }
  wake();
}

bool Http2RequestBody::end(Headers trailers) {
  if (!failure_ && received_ != length_.value_or(received_)) {
    fail(Error(Errc::protocol, Origin::client, "less content than announced"));
    return false;
  }
  trailers_ = std::move(trailers);
  has_ended_ = true;
  wake();
  return true;
}

void Http2RequestBody::cut() noexcept {
  if (!has_ended_ && !failure_) {
    failure_ = Error(Errc::cancelled, Origin::client, "the stream was reset");
  }
  wake();
}

void Http2RequestBody::fail(Error error) {
  if (!failure_) failure_ = std::move(error);
  wake();
}

bool Http2RequestBody::ready(Chunk& chunk) { return !failure_ && !is_closed() && take(chunk); }

bool Http2RequestBody::take(Chunk& chunk) {
  if (pieces_.empty()) {
    if (has_ended_) chunk = Chunk();
    return has_ended_;
  }
  Piece& first = pieces_[taken_];
  const std::size_t size = first.size;
  const std::string_view bytes(first.buffer.data(), size);
  chunk = Chunk(std::move(first.buffer), bytes);
  constexpr std::size_t kMostTaken = 64;  // Moving the others down is worth it.
  if (++taken_ == pieces_.size() || taken_ == kMostTaken) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
  }
  held_ -= size;
  exchange_.consumed(size);
  return true;
}

Task<Result<Chunk>> Http2RequestBody::read() {
  const Env env = co_await current_env();
  for (;;) {
    Chunk chunk;
    if (failure_) co_return *failure_;
    if (!is_closed() && take(chunk)) co_return chunk;
    if (!is_closed() && take_expectation()) exchange_.send_continue();
    const TimePoint begun = env.executor->now();
    const TimePoint deadline = is_tunnel_ ? kNever : begun + limits_.body_idle;
    const bool may_come = exchange_.may_client_send();
    const Wake wake = co_await arrived_.wait(deadline);
    if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::client);
    // Others of its connection may hold all that it may have on the way: not this one's fault.
    if (!may_come || (wake == Wake::timeout && !exchange_.may_client_send())) continue;
    pace_.add_wait(env.executor->now() - begun);
    const bool is_late = wake == Wake::timeout;
    if (is_late || (!is_tunnel_ && !has_ended_ && pace_.is_too_slow(received_, limits_))) {
      fail(Error(Errc::client_body_timeout, Origin::client,
                 is_late ? "the content stopped coming" : "the content comes too slowly"));
    }
  }
}

std::optional<std::uint64_t> Http2RequestBody::size() const {
  // With a length there are no trailers in HTTP/1.1.
  if (is_tunnel_ || !trailers_.empty()) return std::nullopt;
  if (has_ended_) return held_;
  if (!length_) return std::nullopt;
  return *length_ - (received_ - held_);
}

const Headers* Http2RequestBody::trailers() const {
  return has_ended_ && !trailers_.empty() ? &trailers_ : nullptr;
}

bool Http2RequestBody::take_expectation() noexcept {
  return std::exchange(answers_continue_, false) && received_ == 0;
}

void Http2RequestBody::open_tunnel() noexcept {
  is_tunnel_open_ = true;
  wake();
}

}  // namespace gatewaykit::server
