// SPDX-License-Identifier: Apache-2.0
#include "server/http1_exchange.hpp"

#include <utility>

#include "server/worker.hpp"

namespace gatewaykit::server {

namespace {

constexpr std::size_t kHeadRoom = 4 * 1024;
constexpr std::uint64_t kDiscardLimit = 256 * 1024;
constexpr Duration kDiscardTime = std::chrono::seconds(2);

}  // namespace

Http1Exchange::Http1Exchange(Http1Connection& connection)
    : Exchange(connection, HttpVersion::http_1_1),
      connection_(connection),
      parser_(connection.config().head_limits),
      body_(connection.stream(), connection.input(), connection.config().limits) {}

Task<Http1Exchange::End> Http1Exchange::run(TimePoint head_deadline) {
  // 1. The head, however many pieces it comes in.
  HeadState state = receive_head();
  while (state == HeadState::incomplete) {
    const Wake wake = co_await connection_.stream().readable().wait(head_deadline);
    if (wake == Wake::cancelled) co_return End::abort;
    state = receive_head();
    if (wake == Wake::timeout && state == HeadState::incomplete) break;
  }
  if (state == HeadState::closed) co_return End::close;
  if (state == HeadState::http2) co_return End::http2;
  if (state == HeadState::incomplete) {
    if (connection_.input().empty()) co_return End::close;
    parser_.describe(connection_.input().pending(), head_);
  }

  // 2. Its route, or why there is none.
  begin();
  const Chain& chain = state == HeadState::complete ? open() : refuse(head_refusal(state));

  // 3. The answer of its chain, sent while it is produced.
  bool is_cut = true;
  {
    Response response;
    try {
      response = co_await Next(chain)(*context_).under(context_->scope());
    } catch (const std::exception& bug) {
      response = connection_.worker().shared().answer_bug(bug, *context_);
    }
    status_ = response.status;
    if (response.error() != nullptr) failure_ = *response.error();
    try {
      if (!is_gone_ && !context_->cancelled()) {
        begin_sending(response);
        co_await lastly();
        // Mostly all of it leaves at once, and needs no task.
        if (!sender_->advance() || response.is_tunnel()) {
          Result<> sent = co_await send(response).under(context_->scope());
          if (!sent) failure_ = std::move(sent.error());
          is_cut = !sent;
        } else {
          if (sender_->failure()) failure_ = sender_->failure();
          is_cut = sender_->failure().has_value();
        }
      }
    } catch (const std::exception& bug) {
      failure_ = connection_.worker().shared().failure_of_bug(bug, *context_);
    }
  }
  // 4. What runs beside it, what is unread, and those who wait for the end.
  if (!is_settled()) co_await settle(is_cut);
  co_return finish(is_cut);
}

Response Http1Exchange::head_refusal(HeadState state) const {
  if (state == HeadState::refused) {
    return Response::problem(parser_.error().status, parser_.error().sentence);
  }
  return Response::failure(
      Error(Errc::client_header_timeout, Origin::client, "the head took too long"));
}

Http1Exchange::HeadState Http1Exchange::receive_head() {
  ReceiveBuffer& input = connection_.input();
  for (;;) {
    if (!input.empty()) {
      const codec::ParseResult result = parser_.parse(input.pending(), head_);
      if (result == codec::ParseResult::done) return HeadState::complete;
      if (result == codec::ParseResult::failed) {
        return connection_.speaks_http2() ? HeadState::http2 : HeadState::refused;
      }
    }
    const net::IoResult result = input.receive(connection_.stream(), kHeadRoom);
    if (result.kind == net::IoResult::Kind::would_block) return HeadState::incomplete;
    if (result.kind != net::IoResult::Kind::bytes) return HeadState::closed;
  }
}

const Chain& Http1Exchange::open() {
  bytes_in_ = head_.size;
  if (head_.minor_version == 0) version_ = HttpVersion::http_1_0;
  NormalisedTarget target;
  std::optional<Response> refusal = refusal_of(head_.method, head_.target, head_.authority, target);
  if (refusal) return refuse(std::move(*refusal));
  keeps_alive_ = head_.keep_alive;
  body_.begin(head_.framing, head_.expects_continue, !head_.upgrade.empty());
  is_refused_ = body_.failure().has_value();
  const Chain& chain = Exchange::open(take_request(target), body_.failure());
  connection_.input().drop(head_.size);
  connection_.input().release_if_empty();
  return chain;
}

Request Http1Exchange::take_request(const NormalisedTarget& target) {
  Request request(head_.method, target.text);
  request.authority = std::move(head_.authority);
  request.protocol = head_.upgrade;
  request.headers = std::move(head_.headers);
  if (!body_.has_ended() || head_.framing.kind == codec::BodyFraming::Kind::chunked) {
    request.body = Body(body_);
  }
  return request;
}

const Chain& Http1Exchange::refuse(Response refusal) {
  is_refused_ = true;
  keeps_alive_ = false;
  return Exchange::refuse(head_.method, head_.target, std::move(refusal));
}

codec::BodyFraming Http1Exchange::framing_of(const Response& response) const {
  if (!allows_content(response)) {
    const std::optional<std::uint64_t> described = described_length(response);
    return described ? codec::BodyFraming::of_length(*described) : codec::BodyFraming::none();
  }
  const std::optional<std::uint64_t> size = response.body.size();
  if (size) return codec::BodyFraming::of_length(*size);
  return is_http_1_0() ? codec::BodyFraming::until_close() : codec::BodyFraming::chunked();
}

/// More content is announced than will be read and thrown away once it is answered.
bool Http1Exchange::is_much_unread() noexcept {
  return !body_.has_ended() && context_->scope().running() == 0 &&
         body_.size().value_or(0) > kDiscardLimit;
}

void Http1Exchange::write_head(codec::ByteWriter& writer, const Response& response) {
  framing_ = framing_of(response);
  if (framing_.kind == codec::BodyFraming::Kind::until_close || is_refused_ || body_.failure() ||
      body_.is_continue_pending() || is_much_unread() || connection_.is_draining()) {
    keeps_alive_ = false;
  }
  codec::write_response_head(writer, {.status = response.status,
                                      .headers = response.headers,
                                      .framing = framing_,
                                      .date = connection_.worker().date(),
                                      .upgrade = response.protocol(),
                                      .closes = !keeps_alive_ && !response.is_tunnel(),
                                      .keeps_alive = keeps_alive_ && is_http_1_0()});
}

void Http1Exchange::begin_sending(Response& response) {
  if (response.wants_rendering()) connection_.worker().shared().render(*context_, response);
  if (!response.is_tunnel()) body_.refuse_tunnel();
  sender_.emplace(connection_.stream(), connection_.config().limits.send_idle);
  write_head(sender_->head(), response);
  is_head_sent_ = true;
  sender_->begin(allows_content(response) ? &response.body : nullptr, framing_);
}

Task<Result<>> Http1Exchange::send(Response& response) {
  Result<> sent = co_await sender_->run();
  if (!sent || !response.is_tunnel()) co_return sent;
  co_return co_await run_tunnel(response);
}

Task<Result<>> Http1Exchange::run_tunnel(Response& response) {
  body_.open_tunnel();
  for (;;) {
    Result<Chunk> chunk = co_await response.body.read();
    if (!chunk) co_return std::move(chunk.error());
    if (chunk->empty()) break;
    Result<> sent = co_await send_bytes(chunk->view());
    if (!sent) co_return sent;
  }
  // Half-close: the other direction goes on until it ends as well.
  connection_.stream().shutdown_send();
  co_await context_->scope().join();
  co_return Result<>();
}

/// Nothing runs beside the exchange and nothing of the request is unread.
bool Http1Exchange::is_settled() noexcept {
  return body_.has_ended() && context_->scope().running() == 0;
}

Task<void> Http1Exchange::settle(bool is_cut) {
  CancelScope& scope = context_->scope();
  if (is_cut || status_ == Status::switching_protocols) scope.cancel();
  const bool may_read = !is_cut && !is_gone_ && !is_refused_ && !body_.failure() &&
                        !body_.is_continue_pending() && scope.running() == 0;
  if (may_read) {
    const TimePoint deadline = connection_.worker().loop().now() + kDiscardTime;
    const bool is_read = co_await body_.discard(kDiscardLimit, deadline);
    if (!is_read) keeps_alive_ = false;
  }
  scope.cancel();
  co_await scope.join();
}

Http1Exchange::End Http1Exchange::finish(bool is_cut) {
  // A send may meet the client's reset before the poller tells of it.
  const bool met_reset =
      is_cut && failure_ && failure_->code == Errc::reset && failure_->origin == Origin::client;
  if (met_reset) is_gone_ = true;
  complete(bytes_in_ + body_.received(), bytes_sent(), is_gone_ && !is_tunnel());
  if (is_cut || is_gone_) return End::abort;
  if (is_tunnel()) return End::close;
  const bool is_clean = keeps_alive_ && !is_refused_ && !body_.failure() && body_.has_ended();
  return is_clean ? End::keep : End::linger;
}

void Http1Exchange::client_gone() noexcept {
  is_gone_ = true;
  if (context_) context_->scope().cancel();
}

Task<Result<>> Http1Exchange::send_bytes(std::string_view bytes) {
  iovec vector{const_cast<char*>(bytes.data()), bytes.size()};
  const net::SendProgress progress{&vector, 1};
  const Duration patience = connection_.config().limits.send_idle;
  bytes_out_ += bytes.size();
  co_return co_await net::send_all(connection_.stream(), progress, patience, Origin::client);
}

Task<Result<>> Http1Exchange::send_interim(Status status, Headers headers) {
  if (is_http_1_0() || is_head_sent_) co_return Result<>();
  codec::ByteWriter writer;
  codec::write_response_head(
      writer, {.status = status, .headers = headers, .framing = {}, .date = {}, .upgrade = {}});
  co_return co_await send_bytes(writer.view());
}

}  // namespace gatewaykit::server
