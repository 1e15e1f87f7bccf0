// SPDX-License-Identifier: Apache-2.0
#include "upstream/http2_stream.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "codec/trailers.hpp"
#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/routing/context.hpp"
#include "upstream/http2_body.hpp"
#include "upstream/http2_connection.hpp"
#include "upstream/worker_pool.hpp"

namespace gatewaykit::upstream {

namespace {

using Framing = codec::BodyFraming::Kind;

/// Content from this size on pins the buffer that it was received into; less is copied, so that a
/// few bytes never hold a large buffer.
constexpr std::size_t kPinned = std::size_t{8} << 10;
constexpr std::size_t kTail = std::size_t{4} << 10;
/// Chunks that were taken are forgotten by so many at a time.
constexpr std::size_t kForgotten = 64;

ssize_t provide_content(nghttp2_session* session, std::int32_t id, std::uint8_t*, std::size_t most,
                        std::uint32_t* flags, nghttp2_data_source*, void*) {
  auto* const stream = static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  try {
    return stream->provide(most, *flags);
  } catch (const std::exception& bug) {  // Of the host's body source.
    stream->fail(Error(Errc::cancelled, Origin::gateway, bug.what()));
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
}

/// RFC 9110 section 6.4.1: these end with their head, whatever their fields say.
bool has_no_content(Status status, const Method& method) noexcept {
  return status == Status::no_content || status == Status::not_modified || method == Method::head;
}

}  // namespace

const Target& Http2Stream::target() const noexcept { return connection_.lane().target(); }

TimePoint Http2Stream::now() const noexcept { return connection_.lane().pool().executor().now(); }

/// The session still knows it.
bool Http2Stream::is_open() const noexcept {
  return id_ > 0 && !is_closed_ && !connection_.is_dead();
}

bool Http2Stream::is_reused() const noexcept {
  return id_ > 1 && (connection_.is_dead() || connection_.is_going_away());
}

bool Http2Stream::is_unprocessed() const noexcept {
  return is_refused_ || !connection_.may_have_sent(id_);
}

void Http2Stream::start(Context& ctx, Request& request) {
  method_ = request.method;
  begun_at_ = now();
  if (!request.protocol.empty()) {
    return fail(Error(Errc::protocol, Origin::gateway, "tunnels are made in HTTP/1.1 alone"));
  }
  awaits_continue_ = pass_expectation(request);
  const codec::BodyFraming framing = framing_of(request);
  upload_.note_move(begun_at_);
  upload_.begin(framing, request.body);
  submit(request, framing);
  if (!is_open() || !upload_.is_open()) return;
  upload_runs_ = true;
  ctx.spawn(run_upload());
}

void Http2Stream::submit(Request& request, const codec::BodyFraming& framing) {
  const TargetUrl& url = target().url;
  const std::string_view authority =
      request.authority.empty() ? std::string_view(url.authority) : request.authority;
  const fmt::format_int length(framing.length);
  codec::Http2FieldList fields;
  fields.add(":method", request.method.name());
  fields.add(":scheme", url.is_secure ? "https" : "http");
  fields.add(":authority", authority);
  fields.add(":path", request.target);
  fields.add(request.headers);
  if (framing.kind == Framing::length) {
    fields.add_copied("content-length", {length.data(), length.size()});
  }
  fields.add("te", "trailers");
  // A target that is sent more may end the connection, with all that others have asked for.
  if (fields.section_size() > connection_.largest_section()) {
    return fail(Error(Errc::head_too_large, Origin::client, url.text + " takes smaller heads"));
  }
  nghttp2_data_provider content{};
  content.read_callback = &provide_content;
  const bool has_content = upload_.has_content();
  const std::int32_t id =
      nghttp2_submit_request(connection_.session(), nullptr, fields.data(), fields.size(),
                             has_content ? &content : nullptr, this);
  if (id < 0) {
    is_refused_ = true;
    return fail(Error(Errc::reset, Origin::upstream, nghttp2_strerror(id), true));
  }
  id_ = id;
  connection_.schedule_flush();
}

Task<void> Http2Stream::run_upload() {
  // Ends the upload even where the host's body source throws.
  struct Ending {
    Http2Stream& stream;
    ~Ending() { stream.upload_ended(); }
  };
  const Ending ending{*this};
  const Env env = co_await current_env();
  CancelScope scope(env.scope);
  upload_scope_ = &scope;
  co_await pump().under(scope);
}

Task<void> Http2Stream::pump() {
  for (;;) {
    const bool is_there = co_await upload_.pull();
    if (!is_there || !is_open()) break;
    upload_.note_move(now());
    nghttp2_session_resume_data(connection_.session(), id_);
    connection_.schedule_flush();
  }
  if (upload_.failure()) fail(*upload_.failure());
}

void Http2Stream::upload_ended() noexcept {
  upload_scope_ = nullptr;
  upload_runs_ = false;
  if (is_released_) return end();
  if (upload_end_.has_waiter()) upload_end_.set();
}

ssize_t Http2Stream::provide(std::size_t most, std::uint32_t& flags) {
  const Http2Upload::Piece piece = upload_.next(most);
  if (piece.kind == Http2Upload::Piece::Kind::wait) return NGHTTP2_ERR_DEFERRED;
  if (piece.kind == Http2Upload::Piece::Kind::failed) {
    fail(*upload_.failure());
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  upload_.note_move(now());
  if (piece.size > 0) flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (!piece.is_last) return static_cast<ssize_t>(piece.size);
  flags |= NGHTTP2_DATA_FLAG_EOF;
  if (const Headers* const trailers = upload_.trailers(); trailers && !trailers->empty()) {
    codec::Http2FieldList fields;
    fields.add_copied(*trailers);
    flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    nghttp2_submit_trailer(connection_.session(), id_, fields.data(), fields.size());
  }
  changed_.set();  // The clock of the first byte starts.
  return static_cast<ssize_t>(piece.size);
}

Chunk Http2Stream::take_provided(std::size_t count) { return upload_.take(count); }

Task<bool> Http2Stream::recall(Request& request) {
  detach(true);
  if (upload_runs_) {
    upload_scope_->cancel();
    co_await upload_end_.wait();
  }
  if (upload_runs_) co_return false;  // We are cancelled, too.
  co_return upload_.return_body(request.body);
}

Task<Result<codec::ResponseHead>> Http2Stream::await_head(Context& ctx, TimePoint total) {
  for (;;) {
    if (next_interim_ < interim_.size()) {
      codec::ResponseHead& head = interim_[next_interim_++];
      if (head.status == Status::continue_) awaits_continue_ = false;
      Result<> passed = co_await ctx.send_interim(head.status, std::move(head.headers));
      if (!passed) co_return std::move(passed.error());
      continue;
    }
    if (has_head_) co_return std::move(head_);
    if (failure_) co_return *failure_;
    const Wake wake = co_await changed_.wait(head_deadline(total));
    if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::client);
    if (wake == Wake::timeout && head_deadline(total) <= now()) co_return late_head(now(), total);
  }
}

/// The clock of the first byte runs once the request was handed over; while a slow upload makes
/// progress it does not, unless the target still has to ask for the content.
TimePoint Http2Stream::head_deadline(TimePoint total) const noexcept {
  const UpstreamTimeouts& timeouts = connection_.lane().pool().options().timeouts;
  if (upload_.is_complete()) return std::min(total, upload_.last_moved() + timeouts.first_byte);
  if (awaits_continue_) return std::min(total, begun_at_ + timeouts.first_byte);
  const TimePoint since = upload_.is_blocked() ? upload_.last_moved() : now();
  return std::min(total, since + timeouts.idle);
}

Error Http2Stream::late_head(TimePoint now, TimePoint total) const {
  const bool is_first_byte = upload_.is_complete() || awaits_continue_;
  const Errc phase = is_first_byte ? Errc::first_byte_timeout : Errc::idle_timeout;
  return late(target(), phase, now, total);
}

void Http2Stream::section_begins() {
  received_any_ = true;
  if (has_head_) {
    section_.emplace<codec::Http2Trailers>(codec::kTrailerLimits);
  } else {
    section_.emplace<codec::Http2ResponseHead>(codec::kResponseLimits);
  }
}

bool Http2Stream::line_received(std::string_view name, std::string_view value) {
  const auto add = [&](auto& section) {
    section.add_line(name, value);
    if (!section.is_valid()) refuse(section.error().sentence);
    return section.is_valid();
  };
  if (auto* const head = std::get_if<codec::Http2ResponseHead>(&section_)) return add(*head);
  if (auto* const trailers = std::get_if<codec::Http2Trailers>(&section_)) return add(*trailers);
  return false;
}

void Http2Stream::section_ended(bool ends_stream) {
  if (auto* const trailers = std::get_if<codec::Http2Trailers>(&section_)) {
    if (!ends_stream) refuse("trailers that are not the end");
    trailers_ = std::move(trailers->fields());
  } else if (auto* const head = std::get_if<codec::Http2ResponseHead>(&section_)) {
    head_ended(*head);
  }
  section_.emplace<std::monostate>();
  if (ends_stream) ended();
}

void Http2Stream::head_ended(codec::Http2ResponseHead& lines) {
  lines.finish();
  if (!lines.is_valid()) return refuse(lines.error().sentence);
  if (!is_interim(lines.status)) {
    take_head(lines);
  } else if (++interim_count_ > kMostInterim) {
    refuse("too many interim responses");
  } else {
    codec::ResponseHead& interim = interim_.emplace_back();
    interim.status = lines.status;
    interim.headers = std::move(lines.fields());
  }
  changed_.set();
}

void Http2Stream::take_head(codec::Http2ResponseHead& lines) {
  has_head_ = true;
  upload_.forget();
  head_.version = HttpVersion::http_2;
  head_.status = lines.status;
  head_.headers = std::move(lines.fields());
  const auto length = lines.content_length;
  if (!has_no_content(head_.status, method_)) {
    head_.framing = length ? codec::BodyFraming::of_length(*length) : codec::BodyFraming::chunked();
  } else if (length && head_.status != Status::no_content) {
    // The length that a GET would have had.
    const fmt::format_int digits(*length);
    head_.headers.add_checked(Field::content_length, "content-length",
                              {digits.data(), digits.size()});
  }
}

void Http2Stream::content_received(const Buffer* owner, std::string_view bytes) {
  if (failure_ || !may_receive(bytes.size())) return;
  if (owner != nullptr && bytes.size() >= kPinned) {
    content_.push_back(Chunk(*owner, bytes));
  } else {
    keep_copy(bytes);
  }
  changed_.set();
}

/// RFC 9113 section 8.1.1: content comes behind the head, and no more than that has announced.
bool Http2Stream::may_receive(std::size_t bytes) {
  received_ += bytes;
  if (!has_head_) {
    refuse("content before the head of the response");
  } else if (bytes > 0 && head_.framing.kind == Framing::none) {
    refuse("content where the response has none");
  } else if (head_.framing.kind == Framing::length && received_ > head_.framing.length) {
    refuse("more content than announced");
  }
  return !failure_;
}

/// Small pieces come together in one chunk where nobody took it yet.
void Http2Stream::keep_copy(std::string_view bytes) {
  if (!tail_ || tail_.capacity() - tail_used_ < bytes.size()) {
    const bool is_small = head_.framing.kind == Framing::length && head_.framing.length < kTail;
    const std::size_t room = is_small ? static_cast<std::size_t>(head_.framing.length) : kTail;
    tail_ = Buffer::allocate(std::max(room, bytes.size()));
    tail_used_ = 0;
  }
  char* const to = tail_.data() + tail_used_;
  std::memcpy(to, bytes.data(), bytes.size());
  tail_used_ += bytes.size();
  if (next_content_ < content_.size()) {
    Chunk& last = content_.back();
    if (last.data() + last.size() == to) {
      last = Chunk(tail_, {last.data(), last.size() + bytes.size()});
      return;
    }
  }
  content_.push_back(Chunk(tail_, {to, bytes.size()}));
}

bool Http2Stream::take_content(Chunk& content) {
  if (next_content_ == content_.size()) return false;
  content = std::move(content_[next_content_++]);
  if (next_content_ == content_.size() || next_content_ == kForgotten) {
    content_.erase(content_.begin(), content_.begin() + static_cast<std::ptrdiff_t>(next_content_));
    next_content_ = 0;
  }
  if (!has_ended_ && is_open()) {
    nghttp2_session_consume_stream(connection_.session(), id_, content.size());
    if (nghttp2_session_want_write(connection_.session()) != 0) connection_.schedule_flush();
  }
  return true;
}

void Http2Stream::ended() {
  if (!has_head_) return refuse("the stream ends without a response");
  if (head_.framing.kind == Framing::length && received_ < head_.framing.length) {
    return refuse("less content than announced");
  }
  has_ended_ = !failure_;
  changed_.set();
}

void Http2Stream::closed(std::uint32_t code, std::string_view complaint) {
  is_closed_ = true;
  if (has_ended_) return;
  is_refused_ = is_refused_ || code == NGHTTP2_REFUSED_STREAM;
  if (!was_reset_ && !is_refused_) {
    return refuse(complaint.empty() ? nghttp2_http2_strerror(code) : complaint);
  }
  const std::string_view why = is_refused_ ? "did not process the request" : "reset the stream";
  fail(Error(Errc::reset, Origin::upstream,
             fmt::format("{}: {} ({})", target().url.text, why, nghttp2_http2_strerror(code)),
             is_refused_));
}

bool Http2Stream::decline() {
  if (!was_submitted() || connection_.may_have_sent(id_) || failure_) return false;
  is_refused_ = true;
  fail(Error(Errc::reset, Origin::upstream, target().url.text + ": takes fewer streams", true));
  return true;
}

void Http2Stream::refuse(std::string_view why) { fail(broken(target(), why)); }

void Http2Stream::fail(Error error) noexcept {
  if (!failure_) failure_ = std::move(error);
  changed_.set();
}

Response Http2Stream::answer(codec::ResponseHead head, Lease lease, Context&, Request&,
                             InFlight in_flight, TimePoint total) {
  Response response(head.status);
  response.headers = std::move(head.headers);
  if (head.framing.kind == Framing::none) {
    let_end();
  } else if (std::optional<Body> whole = whole_content()) {
    response.body = std::move(*whole);
  } else {
    response.body =
        Body(*new Http2Body(*this, std::move(lease), head.framing, std::move(in_flight), total));
    return response;
  }
  connection_.lane().target().ejection.succeeded();
  return response;
}

/// What is there to its end, in one piece.
std::optional<Body> Http2Stream::whole_content() {
  if (!has_ended_ || !trailers_.empty() || content_.size() > 1) return std::nullopt;
  return content_.empty() ? Body() : Body(std::move(content_.front()));
}

/// The session forgets us, and with it the target unless all has been said.
void Http2Stream::detach(bool resets) noexcept {
  if (!is_open()) return;
  nghttp2_session* const session = connection_.session();
  connection_.forget(id_);
  if (resets) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id_, NGHTTP2_CANCEL);
    connection_.schedule_flush();
  }
  is_closed_ = true;
}

void Http2Stream::release() noexcept {
  detach(!(has_ended_ || may_end_alone_) || !upload_.is_complete());
  if (!upload_runs_) return end();
  is_released_ = true;
  upload_scope_->cancel();
}

void Http2Stream::end() noexcept {
  WorkerPool& pool = connection_.lane().pool();
  connection_.remove(*this);
  delete this;
  pool.drop_user();
}

}  // namespace gatewaykit::upstream
