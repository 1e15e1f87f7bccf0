// SPDX-License-Identifier: Apache-2.0
#include "upstream/http1_connection.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "codec/http1_writer.hpp"
#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/routing/context.hpp"
#include "upstream/lane.hpp"
#include "upstream/response_body.hpp"
#include "upstream/worker_pool.hpp"

namespace gatewaykit::upstream {

namespace {

using Kind = net::IoResult::Kind;

constexpr std::size_t kSmallBuffer = std::size_t{16} << 10;
constexpr std::size_t kLargeBuffer = std::size_t{64} << 10;
/// For a target that fills the large one: each send wakes the client.
constexpr std::size_t kFastBuffer = std::size_t{256} << 10;
/// Where the watch over the whole tunnel decides.
constexpr Duration kForEver = std::chrono::hours(24 * 365);

Chunk head_of(const Request& request, const codec::BodyFraming& framing,
              std::string_view own_authority) {
  codec::ByteWriter writer;
  const codec::RequestParts parts{
      .method = request.method,
      .target = request.target,
      .authority = request.authority.empty() ? own_authority : std::string_view(request.authority),
      .headers = request.headers,
      .framing = framing,
      .upgrade = request.protocol};
  codec::write_request_head(writer, parts);
  const std::string_view bytes = writer.view();
  return Chunk(writer.take(), bytes);
}

}  // namespace

Http1Connection::Http1Connection(Lane& lane, net::StreamPtr stream, const IpAddress& address,
                                 std::uint64_t address_version) noexcept
    : Timer(&Http1Connection::on_tunnel_timer),
      lane_(lane),
      stream_(std::move(stream)),
      address_(address),
      address_version_(address_version) {
  stream_->set_observer(this);
}

Http1Connection::~Http1Connection() { stream_->set_observer(nullptr); }

void Http1Connection::begin_idle(TimePoint now) noexcept {
  idle_since_ = now;
  is_idle_ = true;
}

bool Http1Connection::is_fit() noexcept {
  if (!stream_->may_receive()) return true;
  char unexpected = 0;
  return stream_->receive(&unexpected, 1).kind == Kind::would_block;
}

/// Whatever comes while it is idle, the end or bytes that nobody asked for, makes it useless.
void Http1Connection::check_idle() noexcept {
  if (is_idle_ && !is_fit()) lane_.drop_idle(*this);
}

void Http1Connection::start(Context& ctx, Request& request) {
  is_idle_ = false;
  is_started_ = true;
  method_ = request.method;
  asks_upgrade_ = !request.protocol.empty();

  awaits_continue_ = pass_expectation(request);
  const codec::BodyFraming framing = framing_of(request);
  const std::string& own_authority = lane_.target().url.authority;
  upload_.begin(*stream_, head_of(request, framing, own_authority), framing, request.body,
                awaits_continue_);
  begun_at_ = sent_at_ = lane_.pool().executor().now();
  if (upload_.is_sending()) start_upload(ctx);
}

void Http1Connection::start_upload(Context& ctx) {
  upload_runs_ = true;
  ctx.spawn(run_upload(is_tunnel_ ? kForEver : lane_.pool().options().timeouts.idle));
}

Task<void> Http1Connection::run_upload(Duration patience) {
  // Ends the upload even where the host's body source throws.
  struct Ending {
    Http1Connection& connection;
    ~Ending() { connection.upload_ended(); }
  };
  const Ending ending{*this};
  const Env env = co_await current_env();
  CancelScope scope(env.scope);
  upload_scope_ = &scope;
  co_await upload_.run(*stream_, patience).under(scope);
}

void Http1Connection::upload_ended() noexcept {
  upload_scope_ = nullptr;
  upload_runs_ = false;
  sent_at_ = lane_.pool().executor().now();
  if (upload_.is_sending()) upload_.fail(Error(Errc::cancelled, Origin::client));
  if (is_released_) {
    close();
    return;
  }
  if (upload_end_.has_waiter()) upload_end_.set();
  // The one that waits for the response starts its clock now, or learns of the failure.
  if (stream_->readable().has_waiter()) stream_->readable().set();
}

Response Http1Connection::answer(codec::ResponseHead head, Lease lease, Context& ctx,
                                 Request& request, InFlight in_flight, TimePoint total) {
  return make_response(*this, std::move(head), std::move(lease), ctx, request, std::move(in_flight),
                       total);
}

Task<bool> Http1Connection::recall(Request& request) {
  if (upload_runs_) {
    upload_scope_->cancel();
    co_await upload_end_.wait();
  }
  if (upload_runs_) co_return false;  // We are cancelled, too.
  const bool is_untouched = !upload_.took_content();
  upload_.return_body(request.body);
  co_return is_untouched || request.body.rewind();
}

Task<Result<codec::ResponseHead>> Http1Connection::await_head(Context& ctx, TimePoint total) {
  int interim = 0;
  for (;;) {
    if (std::optional<Result<codec::ResponseHead>> parsed = parse_head()) {
      if (!*parsed || !is_interim((*parsed)->status)) co_return std::move(*parsed);
      codec::ResponseHead& head = **parsed;
      if (head.status == Status::switching_protocols) co_return check_switch(std::move(head));
      if (++interim > kMostInterim) co_return broken(lane_.target(), "too many interim responses");
      if (head.status == Status::continue_) awaits_continue_ = false;
      Result<> passed = co_await ctx.send_interim(head.status, std::move(head.headers));
      if (!passed) co_return std::move(passed.error());
      continue;
    }
    const net::IoResult result = receive(1);
    if (result.kind == Kind::bytes) {
      received_any_ = true;
      continue;
    }
    if (upload_.failure()) co_return *upload_.failure();
    if (result.kind != Kind::would_block) co_return closed(lane_.target(), result);
    const Wake wake = co_await stream_->readable().wait(head_deadline(total));
    if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::client);
    if (wake == Wake::timeout) {
      const TimePoint now = lane_.pool().executor().now();
      co_return late(lane_.target(), Errc::first_byte_timeout, now, total);
    }
  }
}

/// The clock of the first byte runs once the request was written; while a slow upload makes
/// progress it does not, unless the target still has to ask for the content.
TimePoint Http1Connection::head_deadline(TimePoint total) const noexcept {
  const UpstreamTimeouts& timeouts = lane_.pool().options().timeouts;
  if (upload_runs_ && !awaits_continue_) return total;
  const TimePoint since = upload_runs_ ? begun_at_ : sent_at_;
  return std::min(total, since + timeouts.first_byte);
}

std::optional<Result<codec::ResponseHead>> Http1Connection::parse_head() {
  if (!has_pending()) return std::nullopt;
  codec::ResponseHead head;
  switch (parser_.parse(pending(), method_, head)) {
    case codec::ParseResult::need_more:
      return std::nullopt;
    case codec::ParseResult::failed:
      return broken(lane_.target(), parser_.error().sentence);
    case codec::ParseResult::done:
      break;
  }
  drop(head.size);
  return Result<codec::ResponseHead>(std::move(head));
}

Result<codec::ResponseHead> Http1Connection::check_switch(codec::ResponseHead head) const {
  if (!asks_upgrade_) return broken(lane_.target(), "switches protocols without being asked");
  if (upload_.state() != Upload::State::complete)
    return broken(lane_.target(), "switches protocols too early");
  return head;
}

Chunk Http1Connection::take(std::size_t count) noexcept {
  const std::string_view bytes = pending().substr(0, count);
  drop(count);
  return Chunk(buffer_, bytes);
}

net::IoResult Http1Connection::receive(std::uint64_t expected) {
  if (!stream_->may_receive()) return {Kind::would_block};
  make_room(expected);
  const net::IoResult result = stream_->receive(buffer_.data() + end_, buffer_.capacity() - end_);
  if (result.kind == Kind::bytes) {
    end_ += static_cast<std::uint32_t>(result.count);
    is_fast_ = result.count >= kLargeBuffer;
    if (is_tunnel_) last_received_ = lane_.pool().executor().now();
  }
  return result;
}

/// Chunks that were handed out pin the buffer: their bytes stay untouched.
void Http1Connection::make_room(std::uint64_t expected) {
  const std::size_t large = is_fast_ ? kFastBuffer : kLargeBuffer;
  const std::size_t wanted = expected > kSmallBuffer ? large : kSmallBuffer;
  const std::size_t held = end_ - begin_;
  if (buffer_) {
    const bool is_free = held == 0 && buffer_.unique();
    if (is_free) begin_ = end_ = 0;
    const bool is_small = is_free && buffer_.capacity() < wanted;
    // A receive into much less room than wanted is not worth its system call.
    if (!is_small && buffer_.capacity() - end_ >= wanted / 4) return;
  }
  Buffer larger = Buffer::allocate(std::max(wanted, std::min(2 * held, 2 * kLargeBuffer)));
  std::memcpy(larger.data(), pending().data(), held);
  buffer_ = std::move(larger);
  begin_ = 0;
  end_ = static_cast<std::uint32_t>(held);
}

void Http1Connection::finish(bool keeps_alive) noexcept {
  is_finished_ = true;
  keeps_alive_ =
      keeps_alive && !has_pending() && !asks_upgrade_ && upload_.state() == Upload::State::complete;
  buffer_ = Buffer();
  begin_ = end_ = 0;
}

void Http1Connection::release() noexcept {
  if (!is_started_ || (is_finished_ && keeps_alive_)) {
    reset_exchange();
    lane_.give_back(*this);
    return;
  }
  if (!upload_runs_) {
    close();
    return;
  }
  // The upload's task ends first, then closes. A tunnel whose other direction has ended in order
  // goes on until the client ends, too.
  is_released_ = true;
  if (!is_tunnel_ || !is_finished_) upload_scope_->cancel();
}

/// An incomplete request must not look like one that has ended (a body until close never does).
void Http1Connection::close() noexcept {
  if (upload_.state() != Upload::State::complete) stream_->reset_on_close();
  lane_.close(*this);
}

void Http1Connection::reset_exchange() noexcept {
  if (is_started_) ++served_;
  is_started_ = is_finished_ = keeps_alive_ = received_any_ = awaits_continue_ = false;
  upload_.reset();
  parser_.reset();
}

void Http1Connection::open_tunnel(Context& ctx, Body& body) {
  is_tunnel_ = true;
  Executor& executor = lane_.pool().executor();
  last_received_ = executor.now();
  Timer::set(executor.timers(), last_received_ + lane_.pool().options().timeouts.idle);
  upload_.begin_tunnel(body);
  start_upload(ctx);
}

/// A tunnel is idle when nothing passes in either direction.
void Http1Connection::on_tunnel_timer(Timer& timer) noexcept {
  auto& self = static_cast<Http1Connection&>(timer);
  Executor& executor = self.lane_.pool().executor();
  const TimePoint last = std::max(self.last_received_, self.upload_.last_sent());
  const TimePoint end = last + self.lane_.pool().options().timeouts.idle;
  if (end > executor.now()) {
    self.set(executor.timers(), end);
    return;
  }
  self.upload_.fail(Error(Errc::idle_timeout, Origin::upstream, self.lane_.target().url.text));
  if (self.upload_runs_) self.upload_scope_->cancel();
  if (self.stream_->readable().has_waiter()) self.stream_->readable().set();
}

}  // namespace gatewaykit::upstream
