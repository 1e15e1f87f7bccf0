// SPDX-License-Identifier: Apache-2.0
#include "testing/memory_stream.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <limits>

namespace gatewaykit::testing {

using net::IoResult;

MemoryStream::MemoryStream(Executor& executor, const LinkOptions& outgoing)
    : Timer(&MemoryStream::on_time), executor_(executor), outgoing_(outgoing) {}

MemoryStream::~MemoryStream() {
  if (peer_ == nullptr) return;
  if (resets_on_close_ || queued_ > 0) {
    peer_->end_at(End::reset, arrival());
  } else if (!is_shut_ && !is_cut_) {
    peer_->end_at(End::finished, arrival());
  }
  peer_->peer_ = nullptr;
}

void MemoryStream::join(MemoryStream& a, MemoryStream& b) noexcept {
  a.peer_ = &b;
  b.peer_ = &a;
  a.cut_where_due();
  b.cut_where_due();
}

IoResult MemoryStream::receive(char* into, std::size_t size) noexcept {
  assert(size > 0);
  if (!may_receive_) return {IoResult::Kind::would_block};
  const std::size_t most = std::min(size, fragment_);
  std::size_t count = 0;
  while (count < most && has_bytes()) {
    Segment& segment = segments_.front();
    const std::string_view part = segment.rest().substr(0, most - count);
    std::memcpy(into + count, part.data(), part.size());
    count += part.size();
    segment.taken += part.size();
    if (segment.rest().empty()) segments_.pop_front();
  }
  if (count == 0) return receive_end();

  queued_ -= count;
  if (peer_ != nullptr && peer_->wants_room_) peer_->announce_at(executor_.now());
  // Short: drained, as with a socket; what a fragment has left counts as arriving later.
  if (count < size && !half_closed_) {
    may_receive_ = false;
    if (has_bytes()) announce_at(executor_.now());
  }
  return {IoResult::Kind::bytes, count};
}

IoResult MemoryStream::receive_end() noexcept {
  if (!has_ended()) {
    may_receive_ = false;
    return {IoResult::Kind::would_block};
  }
  if (end_ == End::finished) return {IoResult::Kind::end};
  return {IoResult::Kind::failed, 0, ECONNRESET};
}

IoResult MemoryStream::send(const iovec* vectors, int count) noexcept {
  if (!may_send_) return {IoResult::Kind::would_block};
  if (is_shut_ || (end_ == End::reset && has_ended())) return {IoResult::Kind::failed, 0, EPIPE};
  std::size_t total = 0;
  for (int i = 0; i < count; ++i) total += vectors[i].iov_len;
  if (peer_ == nullptr && end_ != End::reset) end_at(End::reset, arrival());
  if (peer_ == nullptr || is_cut_) return {IoResult::Kind::bytes, total};  // Nobody receives it.

  const std::size_t accepted = std::min(total, room());
  if (accepted < total) {
    may_send_ = false;
    wants_room_ = true;
    if (accepted == 0) return {IoResult::Kind::would_block};
  }
  std::size_t left = accepted;
  for (int i = 0; left > 0; ++i) {
    const std::size_t part = std::min(left, vectors[i].iov_len);
    pass_on(std::string_view(static_cast<const char*>(vectors[i].iov_base), part));
    left -= part;
  }
  return {IoResult::Kind::bytes, accepted};
}

void MemoryStream::pass_on(std::string_view bytes) {
  const std::uint64_t left = cut_at() - sent_;
  if (bytes.size() > left) bytes = bytes.substr(0, static_cast<std::size_t>(left));
  sent_ += bytes.size();
  if (!bytes.empty()) {
    peer_->segments_.push_back(Segment(bytes, arrival()));
    peer_->queued_ += bytes.size();
    peer_->announce_at(arrival());
  }
  cut_where_due();
}

void MemoryStream::cut_where_due() noexcept {
  if (is_cut_ || sent_ < cut_at()) return;
  is_cut_ = true;
  const bool resets = sent_ >= outgoing_.reset_after.value_or(kNoCut);
  peer_->end_at(resets ? End::reset : End::finished, arrival());
  if (resets) end_at(End::reset, arrival());
}

std::uint64_t MemoryStream::cut_at() const noexcept {
  return std::min(outgoing_.cut_after.value_or(kNoCut), outgoing_.reset_after.value_or(kNoCut));
}

std::size_t MemoryStream::room() const noexcept {
  if (peer_ == nullptr) return outgoing_.capacity;
  return outgoing_.capacity - std::min(outgoing_.capacity, peer_->queued_);
}

void MemoryStream::shutdown_send() noexcept {
  if (is_shut_) return;
  is_shut_ = true;
  if (peer_ != nullptr && !is_cut_) peer_->end_at(End::finished, arrival());
  announce_at(executor_.now());  // A poller sees each change of the socket's state.
}

void MemoryStream::end_at(End end, TimePoint arrival) noexcept {
  if (end_ == End::reset) return;
  end_ = end;
  end_arrival_ = arrival;
  announce_at(arrival);
}

TimePoint MemoryStream::arrival() const noexcept { return executor_.now() + outgoing_.latency; }

void MemoryStream::announce_at(TimePoint when) noexcept {
  if (when < deadline()) set(executor_.timers(), when);
}

void MemoryStream::on_time(Timer& timer) noexcept { static_cast<MemoryStream&>(timer).announce(); }

void MemoryStream::announce_next_arrival() noexcept {
  for (const Segment& segment : segments_) {
    if (has_arrived(segment.arrival)) continue;
    announce_at(segment.arrival);
    break;
  }
  if (end_ != End::none && !has_ended()) announce_at(end_arrival_);
}

// The events that a poller would report now, handed out as SocketStream hands them out.
void MemoryStream::announce() noexcept {
  announce_next_arrival();
  const bool ended = has_ended();
  const bool gone = ended && (end_ == End::reset || is_shut_);
  const bool can_read = ended || has_bytes();
  if (can_read) wake_reader();
  if (gone || room() > 0) {
    wants_room_ = false;
    wake_writer();
  }
  half_closed_ = ended;
  net::StreamObserver* const observer = observer_;
  if (observer == nullptr) return;
  // The observer may destroy this stream: nothing of it is touched from here on.
  if (gone) {
    observer->on_disconnect();
  } else if (ended) {
    observer->on_half_close();
  } else if (can_read) {
    observer->on_readable();
  }
}

MemoryStreamPair make_memory_pair(Executor& executor, const ConnectionOptions& options) {
  MemoryStreamPair pair;
  pair.client = std::make_unique<MemoryStream>(executor, options.to_server);
  pair.server = std::make_unique<MemoryStream>(executor, options.to_client);
  pair.client->fragment_ = std::max<std::size_t>(1, options.to_client.fragment);
  pair.server->fragment_ = std::max<std::size_t>(1, options.to_server.fragment);
  MemoryStream::join(*pair.client, *pair.server);
  return pair;
}

}  // namespace gatewaykit::testing
