// SPDX-License-Identifier: Apache-2.0
#include "server/http1_exchange.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <utility>

#include "gatewaykit/http/target.hpp"
#include "gatewaykit/middleware/request_id.hpp"
#include "server/client_fields.hpp"
#include "server/worker.hpp"

namespace gatewaykit::server {

namespace {

constexpr std::size_t kHeadRoom = 4 * 1024;
constexpr std::uint64_t kDiscardLimit = 256 * 1024;
constexpr Duration kDiscardTime = std::chrono::seconds(2);
/// Content that is sent in one call, at most.
constexpr std::size_t kGatherChunks = 4;
constexpr std::size_t kGatherBytes = 128 * 1024;

/// Chunks of content that leave together, with their framing, behind what is left of the head.
class Gathering {
 public:
  explicit Gathering(bool is_chunked) noexcept : is_chunked_(is_chunked) {}

  void add_bytes(std::string_view bytes) noexcept {
    vectors_[count_++] = {const_cast<char*>(bytes.data()), bytes.size()};
    size_ += bytes.size();
  }
  void add(Chunk chunk) noexcept {
    if (is_chunked_) {
      char* const head = heads_[chunks_];
      add_bytes({head, codec::write_chunk_head(chunk.size(), head)});
    }
    add_bytes(chunk.view());
    if (is_chunked_) add_bytes(codec::kChunkEnd);
    content_ += chunk.size();
    held_[chunks_++] = std::move(chunk);
  }
  bool has_room() const noexcept { return chunks_ < kGatherChunks && size_ < kGatherBytes; }
  bool empty() const noexcept { return count_ == 0; }
  std::size_t content() const noexcept { return content_; }
  std::size_t size() const noexcept { return size_; }
  net::SendProgress progress() noexcept { return {vectors_.data(), count_}; }

 private:
  std::array<iovec, 3 * kGatherChunks + 2> vectors_;
  std::array<Chunk, kGatherChunks> held_;
  char heads_[kGatherChunks][codec::kChunkHeadSize];
  int count_ = 0;
  std::size_t chunks_ = 0;
  std::size_t size_ = 0;
  std::size_t content_ = 0;
  bool is_chunked_;
};

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
  if (state == HeadState::incomplete && connection_.input().empty()) co_return End::close;

  // 2. Its route, or why there is none.
  connection_.worker().count_request();
  const Chain& chain = state == HeadState::complete ? open()
                       : state == HeadState::refused
                           ? refuse(parser_.error().status, parser_.error().sentence)
                           : refuse(Status::request_timeout, "The request did not arrive in time.");

  // 3. The answer of its chain, sent while it is produced.
  bool is_cut = false;
  {
    Response response = co_await answer(chain);
    status_ = response.status;
    if (response.error() != nullptr) failure_ = *response.error();
    if (is_gone_ || context_->cancelled()) {
      is_cut = true;
    } else {
      Result<> sent = co_await send(response);
      is_cut = !sent;
      if (!sent) failure_ = std::move(sent.error());
    }
  }
  // 4. What runs beside it, what is unread, and those who wait for the end.
  co_return co_await finish(is_cut);
}

Http1Exchange::HeadState Http1Exchange::receive_head() {
  ReceiveBuffer& input = connection_.input();
  for (;;) {
    if (!input.empty()) {
      head_ = codec::RequestHead();
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
    const Chain& chain = refuse(Status::method_not_allowed, "This method is not served here.");
    return chain;
  }
  Result<NormalisedTarget> target = normalise_target(head_.target, EncodedSlash::reject);
  if (!target) return refuse(Status::bad_request, target.error().detail);
  keeps_alive_ = head_.keep_alive;
  const TimePoint now = connection_.worker().loop().now();
  body_.begin(head_.framing, head_.expects_continue, !head_.upgrade.empty(), now);

  Request request = take_request(*target);
  const Peer* client = &connection_.peer();
  if (!connection_.is_trusted()) {
    remove_untrusted_fields(request.headers);
  } else if (const auto address = resolve_client(request.headers, connection_.config())) {
    client_ = Peer(*address, 0);
    client = &client_;
  }
  begin_context(std::move(request), client);
  connection_.input().drop(head_.size);
  if (body_.failure()) {
    context_->refuse(Response::failure(*body_.failure()));
    is_refused_ = true;
    return connection_.worker().shared().routes->refusal_chain();
  }
  return connection_.worker().shared().routes->match(*context_);
}

Request Http1Exchange::take_request(const NormalisedTarget& target) {
  Request request(head_.method, target.text);
  request.scheme = "http";
  request.authority = std::move(head_.authority);
  request.protocol = head_.upgrade;
  request.headers = std::move(head_.headers);
  if (!body_.has_ended() || head_.framing.kind == codec::BodyFraming::Kind::chunked) {
    request.body = Body(body_);
  }
  return request;
}

void Http1Exchange::begin_context(Request request, const Peer* client) {
  context_.emplace(connection_.worker().env(), std::move(request), connection_.peer(), *client,
                   connection_.is_trusted(), this);
}

const Chain& Http1Exchange::refuse(Status status, std::string_view sentence) {
  is_refused_ = true;
  keeps_alive_ = false;
  Request request(head_.method, head_.target);
  request.scheme = "http";
  begin_context(std::move(request), &connection_.peer());
  context_->refuse(Response::problem(status, sentence));
  return connection_.worker().shared().routes->refusal_chain();
}

Task<Response> Http1Exchange::answer(const Chain& chain) {
  const Next next(chain);
  try {
    co_return co_await next(*context_).under(context_->scope());
  } catch (const std::exception& bug) {
    connection_.worker().shared().options.log(
        LogLevel::error, fmt::format("a handler threw: {} ({} {})", bug.what(),
                                     context_->request().method.name(), context_->route()));
  }
  co_return Response::problem(Status::internal_server_error, "The gateway failed.");
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

void Http1Exchange::render(Response& response) const {
  const RequestId* const id = context_->get<RequestId>();
  const std::string content = render_problem(response.status, response.problem_detail(),
                                             id == nullptr ? std::string_view() : id->value);
  response.headers.set("content-type", "application/problem+json");
  response.body = Body(Chunk::copy_of(content));
}

void Http1Exchange::write_head(codec::ByteWriter& writer, const Response& response) {
  framing_ = framing_of(response);
  if (framing_.kind == codec::BodyFraming::Kind::until_close || is_refused_ || body_.failure() ||
      body_.is_continue_pending() || connection_.worker().is_draining()) {
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

Task<Result<>> Http1Exchange::send(Response& response) {
  if (response.wants_rendering()) render(response);
  codec::ByteWriter writer;
  write_head(writer, response);
  is_head_sent_ = true;
  if (response.is_tunnel()) co_return co_await run_tunnel(response, std::move(writer));
  co_return co_await send_content(response, std::move(writer));
}

Task<Result<>> Http1Exchange::send_bytes(net::SendProgress progress) {
  const Duration patience = connection_.config().limits.send_idle;
  co_return co_await net::send_all(connection_.stream(), progress, patience, Origin::client);
}

Task<Result<>> Http1Exchange::send_content(Response& response, codec::ByteWriter head) {
  const bool is_chunked = framing_.kind == codec::BodyFraming::Kind::chunked;
  const bool has_content = allows_content(response);
  std::string_view unsent_head = head.view();
  std::uint64_t left = framing_.length;
  Chunk next;
  bool has_next = false;
  for (bool has_ended = !has_content;;) {
    Gathering gathering(is_chunked);
    if (!unsent_head.empty()) gathering.add_bytes(std::exchange(unsent_head, {}));
    while (!has_ended && gathering.has_room()) {
      if (!has_next && !response.body.ready(next)) break;
      has_next = false;
      has_ended = next.empty();
      if (!has_ended) gathering.add(std::move(next));
    }
    codec::ByteWriter tail(0);
    if (has_ended && has_content && is_chunked) {
      const Headers* const trailers = response.body.trailers();
      if (trailers != nullptr && !trailers->empty()) {
        codec::write_last_chunk(tail, *trailers);
        gathering.add_bytes(tail.view());
      } else {
        gathering.add_bytes(codec::kLastChunk);
      }
    }
    if (framing_.kind == codec::BodyFraming::Kind::length && has_content) {
      const bool is_wrong = gathering.content() > left || (has_ended && gathering.content() < left);
      if (is_wrong) co_return Error(Errc::bad_message, Origin::gateway, "content unlike its size");
      left -= gathering.content();
    }
    if (!gathering.empty()) {
      bytes_out_ += gathering.size();
      net::SendProgress progress = gathering.progress();
      const net::IoResult sent = net::try_send_all(connection_.stream(), progress);
      if (sent.kind != net::IoResult::Kind::bytes) {
        Result<> rest = co_await send_bytes(progress);
        if (!rest) co_return rest;
      }
    }
    if (has_ended) co_return Result<>();
    Result<Chunk> read = co_await response.body.read();
    if (!read) co_return std::move(read.error());
    next = std::move(*read);
    has_next = true;
  }
}

Task<Result<>> Http1Exchange::run_tunnel(Response& response, codec::ByteWriter head) {
  std::string_view bytes = head.view();
  iovec vector{const_cast<char*>(bytes.data()), bytes.size()};
  const net::SendProgress progress{&vector, 1};
  bytes_out_ += bytes.size();
  Result<> sent = co_await send_bytes(progress);
  if (!sent) co_return sent;
  body_.open_tunnel();
  for (;;) {
    Result<Chunk> chunk = co_await response.body.read();
    if (!chunk) co_return std::move(chunk.error());
    if (chunk->empty()) break;
    vector = {const_cast<char*>(chunk->data()), chunk->size()};
    const net::SendProgress piece{&vector, 1};
    bytes_out_ += chunk->size();
    Result<> written = co_await send_bytes(piece);
    if (!written) co_return written;
  }
  // Half-close: the other direction goes on until it ends as well.
  connection_.stream().shutdown_send();
  co_await context_->scope().join();
  co_return Result<>();
}

Task<Http1Exchange::End> Http1Exchange::finish(bool is_cut) {
  Context& context = *context_;
  if (is_cut || status_ == Status::switching_protocols) context.scope().cancel();
  const bool is_bad = is_cut || is_gone_ || is_refused_ || body_.failure();
  bool is_read = body_.has_ended();
  if (!is_bad && !is_read && context.scope().running() == 0 && !body_.is_continue_pending()) {
    const TimePoint deadline = connection_.worker().loop().now() + kDiscardTime;
    is_read = co_await body_.discard(kDiscardLimit, deadline);
  }
  context.scope().cancel();
  co_await context.scope().join();
  bytes_in_ += body_.received();
  if (is_gone_) {
    status_ = Status::client_closed_request;
    if (!failure_) failure_ = Error(Errc::cancelled, Origin::client, "the client went away");
  }
  const Duration duration = connection_.worker().loop().now() - started_;
  context.complete({status_, failure_ ? &*failure_ : nullptr, bytes_in_, bytes_out_, duration});
  if (is_cut || is_gone_) co_return End::abort;
  if (status_ == Status::switching_protocols) co_return End::close;
  if (is_bad || !is_read) co_return End::linger;
  co_return keeps_alive_ ? End::keep : End::linger;
}

void Http1Exchange::client_gone() noexcept {
  is_gone_ = true;
  if (context_) context_->scope().cancel();
}

Task<Result<>> Http1Exchange::send_interim(Status status, Headers headers) {
  if (is_http_1_0_ || is_head_sent_) co_return Result<>();
  codec::ByteWriter writer;
  codec::write_response_head(
      writer, {.status = status, .headers = headers, .framing = {}, .date = {}, .upgrade = {}});
  const std::string_view bytes = writer.view();
  iovec vector{const_cast<char*>(bytes.data()), bytes.size()};
  const net::SendProgress progress{&vector, 1};
  bytes_out_ += bytes.size();
  co_return co_await send_bytes(progress);
}

}  // namespace gatewaykit::server
