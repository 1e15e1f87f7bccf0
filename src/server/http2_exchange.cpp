// SPDX-License-Identifier: Apache-2.0
#include "server/http2_exchange.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "codec/trailers.hpp"
#include "gatewaykit/core/async.hpp"
#include "gatewaykit/core/executor.hpp"
#include "http/grpc.hpp"
#include "http/scan.hpp"
#include "server/http2_connection.hpp"
#include "server/websocket_handshake.hpp"
#include "server/worker.hpp"

namespace gatewaykit::server {

Http2Exchange::Http2Exchange(Http2Connection& connection, std::int32_t stream)
    : Exchange(connection, HttpVersion::http_2),
      connection_(connection),
      stream_(stream),
      head_(connection.config().head_limits),
      body_(*this, connection.config().limits) {}

void Http2Exchange::add_line(std::string_view name, std::string_view value) {
  if (!has_head_) return head_.add_line(name, value);
  if (!trailers_) trailers_.emplace(codec::kTrailerLimits);
  trailers_->add_line(name, value);
}

bool Http2Exchange::end_section(bool ends_stream) {
  if (std::exchange(has_head_, true)) {
    if (!ends_stream || (trailers_ && !trailers_->is_valid())) return false;
    return body_.end(trailers_ ? std::move(trailers_->fields()) : Headers());
  }
  head_.finish(!ends_stream);
  is_tunnel_ = head_.is_valid() && !head_.protocol.empty();
  if (!ends_stream) {
    body_.begin(head_.content_length, head_.expects_continue, is_tunnel_);
  }
  return true;
}

std::size_t Http2Exchange::header_bytes() const noexcept {
  const std::size_t head = head_.is_valid() ? head_.bytes() : head_.target.size();
  return head + (trailers_ && trailers_->is_valid() ? trailers_->bytes() : 0);
}

Task<void> Http2Exchange::run() {
  // 1. Its route, or why there is none.
  begin();
  const Chain& chain = open();

  // 2. The answer of its chain.
  {
    Response response;
    try {
      response = co_await Next(chain)(*context_).under(context_->scope());
    } catch (const std::exception& bug) {
      response = connection_.worker().shared().answer_bug(bug, *context_);
    }
    status_ = response.status;
    if (response.error() != nullptr) failure_ = *response.error();
    if (is_open_ && !context_->cancelled()) begin_sending(std::move(response));
  }

  // 3. Its content, as the client takes it; a call of gRPC has until its deadline for all of it.
  if (is_head_submitted_) {
    const bool has_deadline = call_deadline_ != kNever && ends_with_grpc_trailers(response_);
    try {
      Task<void> sending = has_deadline ? send_in_time() : send();
      co_await std::move(sending).under(context_->scope());
    } catch (const std::exception& bug) {
      cut(connection_.worker().shared().failure_of_bug(bug, *context_));
    }
    if (is_cut_) tell_failure();
  }

  // 4. What runs beside it, and those who wait for the end. The other half of a tunnel goes on.
  if (is_tunnel_ && !is_cut_) co_await context_->scope().join();
  settle();
  if (!context_->scope().settled()) co_await context_->scope().join();
  complete(bytes_in_, bytes_out_, is_gone_ && !is_tunnel_);
}

const Chain& Http2Exchange::open() {
  if (!head_.is_valid()) {
    const codec::ParseError& error = head_.error();
    return refuse(head_.method, head_.target, Response::problem(error.status, error.sentence),
                  head_.content_type());
  }
  // Within the gateway an upgrade is what HTTP/1.1 has of it (RFC 8441 section 4).
  if (is_tunnel_) head_.method = Method::get;
  NormalisedTarget target;
  std::optional<Response> refusal = refusal_of(head_.method, head_.target, head_.authority, target);
  if (refusal) {
    const auto type = head_.fields().get(Field::content_type);
    return refuse(head_.method, head_.target, std::move(*refusal), type.value_or(""));
  }
  Request request(head_.method, target.text);
  request.authority = std::move(head_.authority);
  request.protocol = std::move(head_.protocol);
  request.headers = std::move(head_.fields());
  if (!body_.is_empty()) request.body = Body(body_);
  if (is_tunnel_) ask_for_websocket(request);
  return Exchange::open(std::move(request), body_.failure());
}

void Http2Exchange::ask_for_websocket(Request& request) {
  if (!equals_lower(request.protocol, "websocket")) return;
  Random& random = connection_.worker().loop().random();
  websocket_key_ = make_websocket_key(random.next(), random.next());
  request.headers.set("sec-websocket-key", websocket_key_);
}

/// The answer to an extended CONNECT (RFC 8441 section 5): a success that is none, or is not for
/// our key, would open a tunnel that nobody is at the other end of.
void Http2Exchange::check_tunnel() {
  is_tunnel_ = response_.is_tunnel();
  const int digit = code(response_.status) / 100;
  const std::string_view accept = response_.headers.get("sec-websocket-accept").value_or("");
  const bool is_false =
      is_tunnel_ ? !websocket_key_.empty() && accept != websocket_accept_for(websocket_key_)
                 : digit == 2;
  response_.headers.remove("sec-websocket-accept");
  if (!is_false) return;
  is_tunnel_ = false;
  failure_ = Error(Errc::protocol, Origin::upstream, "did not switch protocols as it was asked to");
  response_ = Response::failure(*failure_);
  status_ = response_.status;
}

void Http2Exchange::begin_sending(Response&& response) {
  response_ = std::move(response);
  if (is_tunnel_) check_tunnel();
  if (response_.wants_rendering()) connection_.worker().shared().render(*context_, response_);
  if (is_tunnel_) body_.open_tunnel();

  codec::Http2FieldList lines;
  // The answer to an extended CONNECT that is accepted (RFC 8441 section 5).
  const int code = is_tunnel_ ? 200 : gatewaykit::code(response_.status);
  std::to_chars(status_digits_, status_digits_ + sizeof status_digits_, code);
  lines.add(":status", {status_digits_, sizeof status_digits_});
  lines.add(response_.headers);
  add_framing(lines);
  if (!response_.headers.contains(Field::date)) {
    lines.add_copied("date", connection_.worker().date());
  }
  // A source of no bytes may still have trailers.
  const bool has_content = is_tunnel_ || (allows_content(response_) && !response_.body.empty());
  progressed_at_ = connection_.worker().loop().now();
  is_head_submitted_ = connection_.submit_response(*this, lines, has_content);
}

void Http2Exchange::add_framing(codec::Http2FieldList& lines) {
  if (is_tunnel_) return;
  const bool may_have_content = allows_content(response_);
  if (may_have_content) left_ = response_.body.size();
  const std::optional<std::uint64_t> length =
      may_have_content ? left_ : described_length(response_);
  if (length) {
    const char* const end =
        std::to_chars(length_digits_, length_digits_ + sizeof length_digits_, *length).ptr;
    lines.add("content-length", {length_digits_, static_cast<std::size_t>(end - length_digits_)});
  } else if (const auto described = response_.headers.get(Field::content_length)) {
    if (!may_have_content) lines.add("content-length", *described);
  }
}

Task<void> Http2Exchange::send() {
  const Env env = co_await current_env();
  const Duration patience = connection_.config().limits.send_idle;
  while (!is_done()) {
    if (std::exchange(wants_content_, false)) {
      is_reading_ = true;
      Result<Chunk> read = co_await response_.body.read();
      is_reading_ = false;
      if (!read) {
        co_return cut(std::move(read.error()));
      }
      chunk_ = std::move(*read);
      has_content_ended_ = chunk_.empty();
      progressed_at_ = env.executor->now();  // Until here nobody waited for the client.
      if (is_open_) connection_.resume(*this);
      continue;
    }
    const Wake wake = co_await progress_.wait(progressed_at_ + patience);
    if (wake == Wake::cancelled && !is_done()) cut(Error(Errc::cancelled, Origin::client));
    if (wake == Wake::timeout && env.executor->now() - progressed_at_ >= patience) lose_patience();
  }
}

/// It is the client who holds the content up, unless there was none: that is looked at, once.
void Http2Exchange::lose_patience() {
  if (chunk_.empty() && !has_content_ended_) {
    wants_content_ = true;
  } else {
    cut(Error(Errc::idle_timeout, Origin::client));
  }
}

Task<void> Http2Exchange::send_in_time() {
  const Env env = co_await current_env();
  CancelScope scope(env.scope);
  const detail::DeadlineTimer timer(scope, *env.executor, call_deadline_);
  co_await send().under(scope);
  if (is_cut_ && timer.fired()) {
    cut(Error(Errc::total_timeout, Origin::gateway, "the deadline of the call has passed"));
  }
}

/// What others can only cut, gRPC tells in trailers. They need no window.
void Http2Exchange::tell_failure() {
  if (!is_open_ || is_sent_ || is_lost_ || left_ || !ends_with_grpc_trailers(response_)) return;
  is_told_ = connection_.submit_trailers(*this, grpc_trailers_of(*failure_));
}

void Http2Exchange::give_up(Error error) {
  is_lost_ = true;
  cut(std::move(error));
  progress_.set();
}

/// Content that is there already, where the last piece is used up.
void Http2Exchange::fetch() {
  if (chunk_.empty() && !has_content_ended_ && response_.body.ready(chunk_)) {
    has_content_ended_ = chunk_.empty();
  }
}

ssize_t Http2Exchange::provide(std::size_t most, std::uint32_t& flags) {
  if (is_reading_) return NGHTTP2_ERR_DEFERRED;  // Resumed with what it yields.
  fetch();
  if (is_cut_ || (chunk_.empty() && !has_content_ended_)) {
    wants_content_ = !is_cut_;
    progress_.set();
    return NGHTTP2_ERR_DEFERRED;
  }
  const std::size_t size = std::min(most, chunk_.size());
  provided_ = chunk_.prefix(size);
  chunk_.remove_prefix(size);
  fetch();  // That this is the end is told with the last bytes.
  if (!keeps_length(size)) {
    progress_.set();
    return NGHTTP2_ERR_DEFERRED;
  }
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (chunk_.empty() && has_content_ended_) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    const Headers* const trailers = response_.body.trailers();
    if (trailers != nullptr && connection_.submit_trailers(*this, *trailers)) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    }
  }
  return static_cast<ssize_t>(size);
}

/// What was announced is what is sent, or the response fails.
bool Http2Exchange::keeps_length(std::size_t size) {
  if (!left_) return true;
  const bool is_end = chunk_.empty() && has_content_ended_;
  const bool is_too_much = size > *left_;
  *left_ -= std::min<std::uint64_t>(size, *left_);
  if (!is_too_much && (!is_end || *left_ == 0)) return true;
  cut(Error(Errc::bad_message, Origin::gateway,
            is_too_much ? "more content than announced" : "less content than announced"));
  return false;
}

/// The response has begun, and cannot be completed.
void Http2Exchange::cut(Error error) {
  is_cut_ = true;
  failure_ = std::move(error);
}

void Http2Exchange::sent(const nghttp2_frame& frame) noexcept {
  bytes_out_ += frame.hd.length + codec::kHttp2FrameHead;
  progressed_at_ = connection_.worker().loop().now();
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return;
  is_sent_ = true;
  if (is_told_) end_request();
  progress_.set();
}

void Http2Exchange::closed() noexcept {
  is_open_ = false;
  body_.cut();
  client_gone();
}

void Http2Exchange::client_gone() noexcept {
  if (!is_sent_) is_gone_ = true;
  if (context_ && (is_gone_ || is_tunnel_)) context_->scope().cancel();
  progress_.set();
}

void Http2Exchange::settle() noexcept {
  // A reset would overtake the trailers.
  if (is_open_ && !is_sent_ && !is_told_) connection_.reset(*this, NGHTTP2_INTERNAL_ERROR);
  if (is_sent_) end_request();
  response_.body = Body();
  context_->scope().cancel();
}

/// A client that is still sending is told to stop: the answer does not depend on the rest
/// (RFC 9113 section 8.1).
void Http2Exchange::end_request() noexcept {
  if (is_open_ && !body_.has_ended()) connection_.reset(*this, NGHTTP2_NO_ERROR);
}

void Http2Exchange::consumed(std::size_t bytes) noexcept { connection_.consume(*this, bytes); }

bool Http2Exchange::may_client_send() const noexcept { return !connection_.is_window_closed(); }

void Http2Exchange::send_continue() {
  if (is_open_ && !is_head_submitted_) {
    connection_.submit_interim(*this, Status::continue_, {});
  }
}

Task<Result<>> Http2Exchange::send_interim(Status status, Headers headers) {
  if (is_open_ && !is_head_submitted_) connection_.submit_interim(*this, status, headers);
  co_return Result<>();
}

}  // namespace gatewaykit::server
