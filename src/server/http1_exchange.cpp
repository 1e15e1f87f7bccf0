// SPDX-License-Identifier: Apache-2.0
#include "server/http1_exchange.hpp"

#include <utility>

#include "gatewaykit/http/target.hpp"
#include "server/client_fields.hpp"
#include "server/tls_server.hpp"
#include "server/worker.hpp"

namespace gatewaykit::server {

namespace {

constexpr std::size_t kHeadRoom = 4 * 1024;
constexpr std::uint64_t kDiscardLimit = 256 * 1024;
constexpr Duration kDiscardTime = std::chrono::seconds(2);

}  // namespace

Http1Exchange::Http1Exchange(Http1Connection& connection)
    : connection_(connection),
      parser_(connection.config().head_limits),
      body_(connection.stream(), connection.input(), connection.config().limits),
      started_(connection.worker().loop().now()) {}

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
  if (state == HeadState::incomplete) {
    if (connection_.input().empty()) co_return End::close;
    parser_.describe(connection_.input().pending(), head_);
  }

  // 2. Its route, or why there is none.
  connection_.worker().count_request();
  routes_ = connection_.worker().routes();
  const Chain& chain = state == HeadState::complete ? open() : refuse(refusal_of(state));

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
  }
  // 4. What runs beside it, what is unread, and those who wait for the end.
  if (!is_settled()) co_await settle(is_cut);
  co_return finish(is_cut);
}

Response Http1Exchange::refusal_of(HeadState state) const {
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
      if (result == codec::ParseResult::failed) return HeadState::refused;
    }
    const net::IoResult result = input.receive(connection_.stream(), kHeadRoom);
    if (result.kind == net::IoResult::Kind::would_block) return HeadState::incomplete;
    if (result.kind != net::IoResult::Kind::bytes) return HeadState::closed;
  }
}

const Chain& Http1Exchange::open() {
  bytes_in_ = head_.size;
  is_http_1_0_ = head_.minor_version == 0;
  if (head_.method == Method::connect || head_.method == Method::trace) {
    Response refusal =
        Response::problem(Status::method_not_allowed, "This method is not served here.");
    refusal.headers.set("allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    return refuse(std::move(refusal));
  }
  Result<NormalisedTarget> target =
      normalise_target(head_.target, connection_.config().encoded_slash);
  if (!target) return refuse(Response::problem(Status::bad_request, target.error().detail));
  if (connection_.tls() != nullptr && !connection_.tls()->serves(head_.authority)) {
    return refuse(Response::problem(Status::misdirected_request,
                                    "This host has a certificate of its own: connect for it."));
  }
  keeps_alive_ = head_.keep_alive;
  body_.begin(head_.framing, head_.expects_continue, !head_.upgrade.empty());

  Request request = take_request(*target);
  const Peer& client = client_of(request.headers);
  begin_context(std::move(request), client);
  connection_.input().drop(head_.size);
  connection_.input().release_if_empty();
  if (body_.failure()) {
    is_refused_ = true;
    context_->refuse(Response::failure(*body_.failure()));
    return routes_->refusal_chain();
  }
  return routes_->match(*context_);
}

/// Removes what is not to be believed of what the request says about its client.
const Peer& Http1Exchange::client_of(Headers& fields) {
  if (!connection_.is_trusted()) {
    remove_untrusted_fields(fields);
    return connection_.peer();
  }
  remove_disbelieved_field(fields, connection_.config());
  const std::optional<IpAddress> address = resolve_client(fields, connection_.config());
  return address ? client_.emplace(*address, std::uint16_t{0}) : connection_.peer();
}

Request Http1Exchange::take_request(const NormalisedTarget& target) {
  Request request(head_.method, target.text);
  request.scheme = connection_.tls() == nullptr ? "http" : "https";
  request.authority = std::move(head_.authority);
  request.protocol = head_.upgrade;
  request.headers = std::move(head_.headers);
  if (!body_.has_ended() || head_.framing.kind == codec::BodyFraming::Kind::chunked) {
    request.body = Body(body_);
  }
  return request;
}

void Http1Exchange::begin_context(Request&& request, const Peer& client) {
  context_.emplace(connection_.worker().env(), std::move(request), connection_.peer(), client,
                   connection_.is_trusted(), this);
  const TlsSession* const tls = connection_.tls();
  if (tls != nullptr && tls->client_certificate()) context_->set(*tls->client_certificate());
}

const Chain& Http1Exchange::refuse(Response refusal) {
  is_refused_ = true;
  keeps_alive_ = false;
  Request request(head_.method, head_.target);
  request.scheme = connection_.tls() == nullptr ? "http" : "https";
  begin_context(std::move(request), connection_.peer());
  context_->refuse(std::move(refusal));
  return routes_->refusal_chain();
}

bool Http1Exchange::allows_content(const Response& response) const noexcept {
  return context_->request().method != Method::head && response.status != Status::no_content &&
         response.status != Status::not_modified && !is_interim(response.status);
}

codec::BodyFraming Http1Exchange::framing_of(const Response& response) const {
  const std::optional<std::uint64_t> size = response.body.size();
  if (!allows_content(response)) {
    const bool is_described = response.headers.contains(Field::content_length);
    const bool has_length =
        size && *size > 0 && !is_described && context_->request().method == Method::head;
    return has_length ? codec::BodyFraming::of_length(*size) : codec::BodyFraming::none();
  }
  if (size) return codec::BodyFraming::of_length(*size);
  return is_http_1_0_ ? codec::BodyFraming::until_close() : codec::BodyFraming::chunked();
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
                                      .keeps_alive = keeps_alive_ && is_http_1_0_});
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
  // A tunnel has no other end than that somebody leaves it.
  if (is_gone_ && !is_tunnel()) {
    status_ = Status::client_closed_request;
    if (!failure_) failure_ = Error(Errc::cancelled, Origin::client, "the client went away");
  }
  context_->complete({status_, failure_ ? &*failure_ : nullptr, bytes_in_ + body_.received(),
                      bytes_sent(), connection_.worker().loop().now() - started_});
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

bool Http1Exchange::is_stopping() const noexcept { return connection_.worker().is_stopping(); }

Task<Result<>> Http1Exchange::send_interim(Status status, Headers headers) {
  if (is_http_1_0_ || is_head_sent_) co_return Result<>();
  codec::ByteWriter writer;
  codec::write_response_head(
      writer, {.status = status, .headers = headers, .framing = {}, .date = {}, .upgrade = {}});
  co_return co_await send_bytes(writer.view());
}

}  // namespace gatewaykit::server
