// SPDX-License-Identifier: Apache-2.0
#include "server/request_body.hpp"

#include <cstring>

#include "gatewaykit/core/executor.hpp"

namespace gatewaykit::server {

namespace {

constexpr std::size_t kSmallRoom = 4 * 1024;
constexpr std::size_t kLargeRoom = 64 * 1024;
// For a client that fills the large room: each send wakes the origin, which costs more than a copy.
constexpr std::size_t kFastRoom = 256 * 1024;

Error client_gone() { return Error(Errc::cancelled, Origin::client, "closed within its request"); }

Error too_late(const char* why) { return Error(Errc::client_body_timeout, Origin::client, why); }

}  // namespace

void RequestBody::begin(codec::BodyFraming framing, bool expects_continue, bool asks_upgrade) {
  framing_ = framing;
  if (framing.has_content()) decoder_.emplace(framing);
  expects_continue_ = answers_continue_ = expects_continue;
  is_tunnel_ = asks_upgrade;
  has_ended_ = !asks_upgrade && !framing.has_content();
  if (limits_.body && framing.kind == codec::BodyFraming::Kind::length &&
      framing.length > *limits_.body) {
    fail(Error(Errc::body_too_large, Origin::client, "Content-Length is above the limit"));
  }
}

bool RequestBody::ready(Chunk& chunk) {
  if (failure_) return false;
  if (is_tunnel_ && !is_tunnel_open_ && !has_ended_) return false;
  return advance(chunk) && !failure_;
}

Task<Result<Chunk>> RequestBody::read() {
  const Env env = co_await current_env();
  Chunk chunk;
  while (is_tunnel_ && !is_tunnel_open_ && !has_ended_) {
    const Wake wake = co_await tunnel_opened_.wait();
    if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::client);
  }
  for (;;) {
    const bool has_step = failure_ || advance(chunk);
    if (!failure_ && is_too_slow()) fail(too_late("the content comes too slowly"));
    if (failure_) co_return *failure_;
    if (has_step) co_return chunk;
    if (take_expectation()) {
      Result<> sent = co_await send_continue();
      if (!sent) fail(std::move(sent.error()));
      continue;
    }
    const TimePoint begun = env.executor->now();
    const TimePoint deadline = is_tunnel_ ? kNever : begun + limits_.body_idle;
    const Wake wake = co_await stream_.readable().wait(deadline);
    pace_.add_wait(env.executor->now() - begun);
    if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::client);
    if (wake == Wake::timeout) fail(too_late("the content stopped coming"));
  }
}

bool RequestBody::advance(Chunk& chunk) {
  for (;;) {
    if (has_ended_) {
      chunk = Chunk();
      return true;
    }
    if (is_tunnel_ ? take_raw(chunk) : take_content(chunk)) return true;
    if (failure_) return true;
    const net::IoResult result = input_.receive(stream_, room());
    if (result.kind == net::IoResult::Kind::would_block) return false;
    if (result.kind == net::IoResult::Kind::bytes) {
      taken_ += result.count;
      is_fast_ = result.count >= kLargeRoom;
      continue;
    }
    if (is_tunnel_ && result.kind == net::IoResult::Kind::end) {
      has_ended_ = true;
    } else {
      fail(client_gone());
    }
  }
}

std::size_t RequestBody::room() const noexcept {
  const std::uint64_t expected =
      framing_.kind == codec::BodyFraming::Kind::length ? decoder_->left() : received_;
  if (expected <= kSmallRoom) return kSmallRoom;
  return is_fast_ ? kFastRoom : kLargeRoom;
}

bool RequestBody::take_raw(Chunk& chunk) {
  const std::string_view bytes = input_.pending();
  if (bytes.empty()) return false;
  chunk = input_.share(bytes);
  input_.drop(bytes.size());
  received_ += bytes.size();
  return true;
}

bool RequestBody::take_content(Chunk& chunk) {
  while (!failure_) {
    const codec::BodyStep step = decoder_->next(input_.pending());
    if (step.kind == codec::BodyStep::Kind::data) chunk = input_.share(step.data);
    input_.drop(step.consumed);
    switch (step.kind) {
      case codec::BodyStep::Kind::data:
        count(step.data.size());
        return true;
      case codec::BodyStep::Kind::end:
        has_ended_ = true;
        chunk = Chunk();
        return true;
      case codec::BodyStep::Kind::failed:
        fail(Error(Errc::bad_message, Origin::client, std::string(decoder_->error().sentence)));
        break;
      case codec::BodyStep::Kind::need_more:
        if (input_.empty()) return false;
        break;
    }
  }
  return false;
}

void RequestBody::count(std::size_t bytes) {
  received_ += bytes;
  if (limits_.body && received_ > *limits_.body) {
    fail(Error(Errc::body_too_large, Origin::client, "the content is above the limit"));
  }
}

bool RequestBody::is_too_slow() const noexcept {
  return !is_tunnel_ && !has_ended_ && pace_.is_too_slow(received_, limits_);
}

Task<Result<>> RequestBody::send_continue() {
  std::string_view line = "HTTP/1.1 100 Continue\r\n\r\n";
  iovec vector{const_cast<char*>(line.data()), line.size()};
  const net::SendProgress progress{&vector, 1};
  co_return co_await net::send_all(stream_, progress, limits_.send_idle, Origin::client);
}

std::optional<std::uint64_t> RequestBody::size() const {
  if (has_ended_) return 0;
  if (!is_tunnel_ && framing_.kind == codec::BodyFraming::Kind::length) return decoder_->left();
  return std::nullopt;
}

const Headers* RequestBody::trailers() const {
  if (!has_ended_ || framing_.kind != codec::BodyFraming::Kind::chunked) return nullptr;
  return &decoder_->trailers();
}

bool RequestBody::take_expectation() noexcept {
  if (!answers_continue_ || received_ > 0) return false;
  answers_continue_ = false;
  return true;
}

void RequestBody::open_tunnel() noexcept {
  is_tunnel_open_ = true;
  tunnel_opened_.set();
}

void RequestBody::refuse_tunnel() noexcept {
  if (!is_tunnel_) return;
  has_ended_ = true;
  tunnel_opened_.set();
}

Task<bool> RequestBody::discard(std::uint64_t limit, TimePoint deadline) {
  const Env env = co_await current_env();
  const std::uint64_t before = taken_;
  answers_continue_ = false;
  for (;;) {
    Chunk chunk;
    const bool has_step = !failure_ && advance(chunk);
    if (failure_ || taken_ - before > limit) co_return false;
    if (has_step && chunk.empty()) co_return true;
    if (has_step) continue;
    const Wake wake = co_await stream_.readable().wait(deadline);
    if (wake != Wake::signalled || env.executor->now() >= deadline) co_return false;
  }
}

}  // namespace gatewaykit::server
