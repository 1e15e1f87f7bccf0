// SPDX-License-Identifier: Apache-2.0
#include "upstream/response_body.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "codec/chunked_decoder.hpp"
#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/core/pool.hpp"
#include "gatewaykit/routing/context.hpp"
#include "upstream/http1_connection.hpp"
#include "upstream/lane.hpp"
#include "upstream/worker_pool.hpp"

namespace gatewaykit::upstream {

namespace {

using Kind = net::IoResult::Kind;
using Framing = codec::BodyFraming::Kind;

/// Beyond this, a body of unknown length is received into large buffers.
constexpr std::uint64_t kLargeBody = std::uint64_t{32} << 10;

/// What follows a 101 are the raw bytes of a tunnel.
codec::BodyFraming framing_of(const codec::ResponseHead& head) noexcept {
  return head.status == Status::switching_protocols ? codec::BodyFraming::until_close()
                                                    : head.framing;
}

/// Content that is still being received.
class ResponseBody final : public BodySource {
 public:
  ResponseBody(const codec::ResponseHead& head, Http1Connection& connection, Lease lease,
               InFlight in_flight, TimePoint total) noexcept
      : connection_(&connection),
        lease_(std::move(lease)),
        in_flight_(std::move(in_flight)),
        total_(total),
        framing_(framing_of(head).kind),
        decoder_(framing_of(head)),
        keeps_alive_(head.keep_alive),
        is_tunnel_(head.status == Status::switching_protocols) {}

  static void* operator new(std::size_t size) { return pool_allocate(size); }
  static void operator delete(void* block, std::size_t size) noexcept {
    pool_deallocate(block, size);
  }

  Task<Result<Chunk>> read() override;
  bool ready(Chunk& chunk) override;
  std::optional<std::uint64_t> size() const override;
  const Headers* trailers() const override;

  /// The whole content, where it has been received; the connection is given up then.
  bool take_whole(Chunk& content);

 private:
  enum class Step : std::uint8_t { chunk, end, nothing, failed };

  Step step(Chunk& chunk);
  Step receive();
  Step decode(Chunk& chunk);
  Step closed(const net::IoResult& result);
  Step fail(Error error);
  void finish() noexcept;

  Http1Connection* connection_;  // As long as we have the lease.
  Lease lease_;
  InFlight in_flight_;
  TimePoint total_;
  std::uint64_t received_ = 0;
  Framing framing_;
  codec::BodyDecoder decoder_;
  Headers trailers_;
  bool keeps_alive_;
  bool is_tunnel_;
  bool is_over_ = false;
  Chunk looked_ahead_;  // Decoded by take_whole, which then found that there is more to come.
  std::optional<Error> failure_;
};

bool ResponseBody::ready(Chunk& chunk) {
  const Step made = step(chunk);
  if (made == Step::end) chunk = Chunk();
  return made == Step::chunk || made == Step::end;
}

Task<Result<Chunk>> ResponseBody::read() {
  const Env env = co_await current_env();
  for (;;) {
    Chunk chunk;
    const Step made = step(chunk);
    if (made == Step::failed) co_return *failure_;
    if (made != Step::nothing) co_return chunk;
    const Duration idle = connection_->lane().pool().options().timeouts.idle;
    const TimePoint patience = is_tunnel_ ? kNever : env.executor->now() + idle;
    const Wake wake = co_await connection_->stream().readable().wait(std::min(patience, total_));
    if (wake == Wake::cancelled) fail(Error(Errc::cancelled, Origin::client));
    if (wake == Wake::timeout) {
      const Target& target = connection_->lane().target();
      fail(late(target, Errc::idle_timeout, env.executor->now(), total_));
    }
  }
}

ResponseBody::Step ResponseBody::step(Chunk& chunk) {
  if (!looked_ahead_.empty()) {
    chunk = std::exchange(looked_ahead_, Chunk());
    return Step::chunk;
  }
  for (;;) {
    if (failure_) return Step::failed;
    if (is_over_) return Step::end;
    if (connection_->has_pending()) {
      if (const Step made = decode(chunk); made != Step::nothing) return made;
    }
    if (const Step made = receive(); made != Step::chunk) return made;
  }
}

/// `chunk`: something was received, which is yet to be decoded.
ResponseBody::Step ResponseBody::receive() {
  std::uint64_t expected = decoder_.left();
  if (framing_ != Framing::length) expected = received_ > kLargeBody ? UINT64_MAX : 1;
  const net::IoResult result = connection_->receive(expected);
  if (result.kind == Kind::bytes) {
    received_ += result.count;
    return Step::chunk;
  }
  if (connection_->upload().failure()) return fail(*connection_->upload().failure());
  return result.kind == Kind::would_block ? Step::nothing : closed(result);
}

/// `nothing`: more has to be received.
ResponseBody::Step ResponseBody::decode(Chunk& chunk) {
  const std::string_view pending = connection_->pending();
  const codec::BodyStep made = decoder_.next(pending);
  if (made.kind == codec::BodyStep::Kind::data) {
    connection_->drop(static_cast<std::size_t>(made.data.data() - pending.data()));
    chunk = connection_->take(made.data.size());
    // At the last byte of a known length the connection is free, before the client has got it.
    if (framing_ == Framing::length && decoder_.left() == 0) finish();
    return Step::chunk;
  }
  connection_->drop(made.consumed);
  switch (made.kind) {
    case codec::BodyStep::Kind::end:
      trailers_ = std::move(decoder_.trailers());
      finish();
      return Step::end;
    case codec::BodyStep::Kind::failed:
      return fail(broken(connection_->lane().target(), decoder_.error().sentence));
    case codec::BodyStep::Kind::data:
    case codec::BodyStep::Kind::need_more:
      break;
  }
  return Step::nothing;
}

ResponseBody::Step ResponseBody::closed(const net::IoResult& result) {
  if (result.kind == Kind::end && framing_ == Framing::until_close) {
    finish();
    return Step::end;
  }
  return fail(upstream::closed(connection_->lane().target(), result));
}

/// All is received: the connection is free before the client has got the last byte.
void ResponseBody::finish() noexcept {
  is_over_ = true;
  connection_->lane().target().ejection.succeeded();
  connection_->finish(keeps_alive_ && framing_ != Framing::until_close);
  // In this order: the lease may be the last that keeps the pool.
  in_flight_ = InFlight();
  lease_.give_up();
}

ResponseBody::Step ResponseBody::fail(Error error) {
  Lane& lane = connection_->lane();
  const bool is_targets_fault =
      error.origin == Origin::upstream && !is_tunnel_ && error.code != Errc::total_timeout;
  if (is_targets_fault) {
    lane.target().failed(lane.pool().executor().now());
  }
  failure_ = std::move(error);
  in_flight_ = InFlight();
  lease_.give_up();
  return Step::failed;
}

std::optional<std::uint64_t> ResponseBody::size() const {
  if (framing_ != Framing::length) return std::nullopt;
  return decoder_.left();
}

const Headers* ResponseBody::trailers() const { return trailers_.empty() ? nullptr : &trailers_; }

bool ResponseBody::take_whole(Chunk& content) {
  // The usual answer of a server that did not know the length: one chunk, then the last one.
  if (framing_ != Framing::chunked || !connection_->has_pending()) return false;
  const Step first = decode(content);
  if (first != Step::chunk) return first == Step::end;
  if (connection_->pending() == "\r\n0\r\n\r\n") {
    Chunk none;
    if (decode(none) == Step::end) return true;
  }
  looked_ahead_ = std::move(content);
  return false;
}

/// The content that is there whole with the head; nothing where more is to come.
std::optional<Body> whole_content(const codec::ResponseHead& head, Http1Connection& connection,
                                  Lease& lease) {
  Chunk content;
  if (head.framing.kind == Framing::length) {
    if (connection.pending().size() < head.framing.length) return std::nullopt;
    content = connection.take(static_cast<std::size_t>(head.framing.length));
  } else if (head.framing.kind != Framing::none) {
    return std::nullopt;
  }
  connection.lane().target().ejection.succeeded();
  connection.finish(head.keep_alive);
  lease.give_up();
  return Body(std::move(content));
}

}  // namespace

Response make_response(Http1Connection& connection, codec::ResponseHead head, Lease lease,
                       Context& ctx, Request& request, InFlight in_flight, TimePoint total) {
  if (head.status == Status::switching_protocols) {
    connection.open_tunnel(ctx, request.body);
    Response response = Response::switching_to(
        head.upgrade,
        Body(*new ResponseBody(head, connection, std::move(lease), std::move(in_flight), kNever)));
    response.headers = std::move(head.headers);
    return response;
  }
  Response response(head.status);
  response.headers = std::move(head.headers);
  if (std::optional<Body> whole = whole_content(head, connection, lease)) {
    response.body = std::move(*whole);
    return response;
  }
  auto* const source =
      new ResponseBody(head, connection, std::move(lease), std::move(in_flight), total);
  response.body = Body(*source);
  if (Chunk content; source->take_whole(content)) response.body = Body(std::move(content));
  return response;
}

}  // namespace gatewaykit::upstream
