// SPDX-License-Identifier: Apache-2.0
#include "server/http2_connection.hpp"

#include <fmt/format.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "codec/http2_fields.hpp"
#include "gatewaykit/core/async.hpp"
#include "gatewaykit/core/executor.hpp"
#include "server/http2_exchange.hpp"
#include "server/worker.hpp"

namespace gatewaykit::server {

using codec::as_text;
using codec::kHttp2FrameHead;

namespace {

constexpr int kReceivesPerTurn = 16;
constexpr std::size_t kReceiveRoom = std::size_t{16} << 10;
/// What leaves in one send, about.
constexpr std::size_t kOutputSize = std::size_t{64} << 10;
/// Between the two GOAWAYs of a drain: requests that are under way when the first one leaves are
/// still served (RFC 9113 section 6.8).
constexpr Duration kGoodbyeDelay = std::chrono::milliseconds(500);

}  // namespace

/// What nghttp2 calls. Nothing may be thrown through it.
struct Http2Connection::Callbacks {
  static const nghttp2_session_callbacks* all() {
    static const codec::Http2CallbacksPtr callbacks = make();
    return callbacks.get();
  }

 private:
  static codec::Http2CallbacksPtr make() {
    codec::Http2CallbacksPtr made = codec::make_http2_callbacks();
    nghttp2_session_callbacks* const to = made.get();
    nghttp2_session_callbacks_set_on_begin_frame_callback(to, &on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(to, &on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(to, &on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(to, &on_frame_received);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(to, &on_content);
    nghttp2_session_callbacks_set_on_frame_send_callback(to, &on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(to, &on_frame_not_sent);
    nghttp2_session_callbacks_set_send_data_callback(to, &on_send_content);
    nghttp2_session_callbacks_set_on_stream_close_callback(to, &on_stream_closed);
    return made;
  }

  static Http2Connection& self(void* data) noexcept { return *static_cast<Http2Connection*>(data); }
  static Http2Exchange* exchange(nghttp2_session* session, std::int32_t stream,
                                 void* data) noexcept {
    return self(data).exchange_of_.find(session, stream);
  }
  template <class Action>
  static int guarded(Action action) noexcept try {
    return action();
  } catch (const std::exception&) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int on_begin_frame(nghttp2_session* session, const nghttp2_frame_hd* head, void* data) {
    return guarded([&] {
      Http2Connection& connection = self(data);
      connection.accounted_ += kHttp2FrameHead + head->length;
      const Http2Exchange* const found = exchange(session, head->stream_id, data);
      if (!connection.allows(*head, found)) connection.send_away();
      return 0;
    });
  }

  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
    return guarded([&]() -> int {
      Http2Connection& connection = self(data);
      connection.begin_section(frame->hd.stream_id);
      if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
      Http2Exchange* const made = connection.add_exchange(frame->hd.stream_id);
      if (made == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      connection.exchange_of_.set(session, frame->hd.stream_id, made);
      return 0;
    });
  }

  static int on_header(nghttp2_session* session, const nghttp2_frame* frame,
                       const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                       std::size_t value_size, std::uint8_t, void* data) {
    return guarded([&] {
      if (Http2Exchange* const found = exchange(session, frame->hd.stream_id, data)) {
        found->add_line(as_text(name, name_size), as_text(value, value_size));
      }
      return 0;
    });
  }

  static int on_frame_received(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
    return guarded([&] {
      Http2Connection& connection = self(data);
      const bool is_section = frame->hd.type == NGHTTP2_HEADERS;
      if (is_section) connection.end_section(frame->hd.stream_id);
      if (!is_section && frame->hd.type != NGHTTP2_DATA) return 0;
      Http2Exchange* const found = exchange(session, frame->hd.stream_id, data);
      if (found == nullptr) return 0;
      found->count_received(frame->hd.length + kHttp2FrameHead);
      const bool ends_stream = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
      const bool is_well_formed =
          is_section ? found->end_section(ends_stream) : !ends_stream || found->end_content();
      if (is_section) connection.count_header_bytes(*found);
      if (!is_well_formed) {
        connection.reset(*found, NGHTTP2_PROTOCOL_ERROR);
      } else if (is_section && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        connection.take_request(*found);
      } else if (is_section && !connection.may_hold(*found)) {
        found->is_declined = true;  // For its trailers.
        connection.reset(*found, NGHTTP2_ENHANCE_YOUR_CALM);
      }
      return 0;
    });
  }

  static int on_content(nghttp2_session* session, std::uint8_t, std::int32_t stream,
                        const std::uint8_t* bytes, std::size_t size, void* data) {
    return guarded([&] {
      Http2Exchange* const found = exchange(session, stream, data);
      if (found != nullptr) {
        Http2Connection& connection = self(data);
        connection.guard_.note_work();
        if (!found->receive(as_text(bytes, size))) {
          connection.reset(*found, NGHTTP2_PROTOCOL_ERROR);
        }
      } else {
        nghttp2_session_consume_connection(session, size);
      }
      return 0;
    });
  }

  static int on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
    return guarded([&] {
      Http2Connection& connection = self(data);
      if (frame->hd.type == NGHTTP2_RST_STREAM) {
        connection.end_section(frame->hd.stream_id);
        const std::uint32_t code = frame->rst_stream.error_code;
        const Http2Exchange* const found = exchange(session, frame->hd.stream_id, data);
        const bool is_ours = code == NGHTTP2_NO_ERROR || code == NGHTTP2_INTERNAL_ERROR ||
                             (found != nullptr && found->is_declined);
        const TimePoint now = connection.worker().loop().now();
        if (!is_ours && !connection.guard_.allow_reset(now)) connection.send_away();
        return 0;
      }
      if (frame->hd.type == NGHTTP2_GOAWAY && std::exchange(connection.says_goodbye_, false)) {
        connection.wake();
      }
      if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
      connection.guard_.note_work();
      Http2Exchange* const found = exchange(session, frame->hd.stream_id, data);
      if (found != nullptr) found->sent(*frame);
      return 0;
    });
  }

  static ssize_t on_provide(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t size,
                            std::uint32_t* flags, nghttp2_data_source* source, void*) noexcept try {
    return static_cast<Http2Exchange*>(source->ptr)->provide(size, *flags);
  } catch (const std::exception& bug) {
    static_cast<Http2Exchange*>(source->ptr)
        ->give_up(Error(Errc::cancelled, Origin::gateway, bug.what()));
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int on_send_content(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head,
                             std::size_t size, nghttp2_data_source* source, void* data) {
    return guarded([&] {
      // It would go on as long as there is content and a window, however full the output is.
      if (!self(data).has_room(kHttp2FrameHead + size)) return int{NGHTTP2_ERR_WOULDBLOCK};
      self(data).append_output(as_text(head, kHttp2FrameHead));
      self(data).append_output(
          static_cast<Http2Exchange*>(source->ptr)->provided().substr(0, size));
      return 0;
    });
  }

  /// A head that is too large, or whose stream is gone.
  static int on_frame_not_sent(nghttp2_session* session, const nghttp2_frame* frame, int,
                               void* data) {
    return guarded([&] {
      Http2Exchange* const found = exchange(session, frame->hd.stream_id, data);
      if (frame->hd.type == NGHTTP2_HEADERS && found != nullptr) {
        found->give_up(Error(Errc::bad_message, Origin::gateway, "fields that cannot be sent"));
      }
      return 0;
    });
  }

  static int on_stream_closed(nghttp2_session* session, std::int32_t stream, std::uint32_t,
                              void* data) {
    return guarded([&] {
      Http2Exchange* const found = exchange(session, stream, data);
      if (found == nullptr) return 0;
      self(data).exchange_of_.set(session, stream, nullptr);
      self(data).end_section(stream);
      found->closed();
      if (!found->has_task) self(data).remove_exchange(*found);
      return 0;
    });
  }

  friend class Http2Connection;
};

Http2Connection::Http2Connection(Worker& worker, net::StreamPtr stream, Peer peer,
                                 std::shared_ptr<const ListenConfig> config,
                                 std::unique_ptr<const TlsSession> tls)
    : ClientConnection(worker, std::move(stream), std::move(peer), std::move(config),
                       std::move(tls)),
      guard_(this->config().http2, worker.loop().now()),
      section_deadline_(kNever),
      idle_since_(worker.loop().now()) {
  start_session();
}

Http2Connection::Http2Connection(ClientConnection&& other)
    : ClientConnection(std::move(other)),
      guard_(config().http2, worker().loop().now()),
      section_deadline_(kNever),
      idle_since_(worker().loop().now()) {
  start_session();
}

Http2Connection::~Http2Connection() = default;

void Http2Connection::start_session() {
  const codec::Http2OptionPtr options = codec::make_http2_options();
  nghttp2_session* session = nullptr;
  if (nghttp2_session_server_new3(&session, Callbacks::all(), this, options.get(),
                                  codec::http2_memory()) != 0) {
    throw std::bad_alloc();
  }
  session_.reset(session);
  const Http2Options& wanted = config().http2;
  const auto section_size = static_cast<std::uint32_t>(config().head_limits.section.bytes);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, wanted.streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, wanted.stream_window},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, wanted.frame_size},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, section_size},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(wanted.connection_window));
}

Task<void> Http2Connection::run() {
  const Env env = co_await current_env();
  CancelScope scope(env.scope);
  scope_ = &scope;
  scope.spawn(env, send_output());
  want_output();
  for (;;) {
    const bool goes_on = receive();
    open_exchanges();
    is_over_ = goes_on && is_over();
    if (!goes_on || is_over_) break;
    if (is_tired_) {
      const Result<> turn = co_await next_turn();
      if (!turn) break;
      continue;
    }
    if (exchange_count_ == 0) worker().connection_idle(*this);
    Event& event = output_begin_ < output_end_ ? output_sent_ : stream().readable();
    const Wake wake = co_await event.wait(next_deadline());
    worker().connection_busy(*this);
    if (wake == Wake::cancelled) break;
    // What it waited for may have come meanwhile.
    const TimePoint now = env.executor->now();
    if (wake == Wake::timeout && next_deadline() <= now) meet_deadline(now);
  }
  for (Http2Exchange* each = exchanges_; each != nullptr; each = each->next) each->client_gone();
  scope.cancel();
  co_await scope.join();
  scope_ = nullptr;
  session_.reset();
  while (exchanges_ != nullptr) remove_exchange(*exchanges_);
  // Clients open windows while they take in what was sent: to close meanwhile would lose it.
  const Duration patience = is_sent_away_ ? Duration() : config().limits.send_idle;
  const bool ends_in_order = is_over_ && !gives_way_;
  if ((ends_in_order || is_sent_away_) && !is_broken_) co_await linger(patience);
}

/// Feeds the session with what can be received, up to a bound: others have their turn. False where
/// nothing more will come.
bool Http2Connection::receive() {
  is_tired_ = false;
  for (int left = kReceivesPerTurn;
       !is_broken_ && !is_sent_away_ && !says_goodbye_ && output_begin_ == output_end_;) {
    is_tired_ = left-- == 0;
    if (is_tired_) break;
    if (input().empty()) {
      if (!stream().may_receive()) break;
      const net::IoResult result = input().receive(stream(), kReceiveRoom);
      if (result.kind == net::IoResult::Kind::would_block) break;
      if (result.kind != net::IoResult::Kind::bytes) return false;
    }
    const std::string_view bytes = input().pending();
    const ssize_t taken = nghttp2_session_mem_recv(
        session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    received_ += bytes.size();
    input().drop(bytes.size());
    want_output();
    if (taken < 0 || !allows_unaccounted()) {
      send_away();
      break;
    }
  }
  input().release_if_empty();
  return !is_broken_;
}

/// What a frame costs its sender, before anything is done for it.
bool Http2Connection::allows(const nghttp2_frame_hd& frame,
                             const Http2Exchange* exchange) noexcept {
  const TimePoint now = worker().loop().now();
  // Padding may be all that there is; content behind it is work, and makes up for the frame.
  const bool has_content = frame.length > 0 && (frame.flags & NGHTTP2_FLAG_PADDED) == 0;
  const bool ends_stream = (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (frame.type == NGHTTP2_DATA && (has_content || ends_stream)) return true;
  // To reset what was answered is what a reader does that has seen enough.
  const bool is_in_vain = exchange != nullptr && !exchange->has_answered();
  if (frame.type == NGHTTP2_RST_STREAM && is_in_vain) return guard_.allow_reset(now);
  return guard_.allow_idle_frame(now);
}

/// Frames that nghttp2 skips without a word (of unknown types, on streams that are closed).
bool Http2Connection::allows_unaccounted() noexcept {
  constexpr std::uint64_t kPerFrame = 1024;
  const TimePoint now = worker().loop().now();
  while (received_ > accounted_ + kPerFrame) {
    accounted_ += kPerFrame;
    if (!guard_.allow_idle_frame(now)) return false;
  }
  return true;
}

void Http2Connection::begin_section(std::int32_t stream) noexcept {
  section_stream_ = stream;
  section_deadline_ = worker().loop().now() + config().limits.header_timeout;
}

void Http2Connection::end_section(std::int32_t stream) noexcept {
  if (stream == section_stream_) section_deadline_ = kNever;
}

void Http2Connection::take_request(Http2Exchange& exchange) {
  if (!may_hold(exchange)) {
    exchange.is_declined = true;
    return reset(exchange, NGHTTP2_REFUSED_STREAM);
  }
  guard_.note_work();
  opened_.push_back(&exchange);
}

bool Http2Connection::may_hold(const Http2Exchange& exchange) const noexcept {
  const bool is_alone = held_header_bytes_ == exchange.counted_bytes;
  return is_alone || held_header_bytes_ <= config().http2.held_header_bytes;
}

void Http2Connection::count_header_bytes(Http2Exchange& exchange) noexcept {
  held_header_bytes_ -= exchange.counted_bytes;
  exchange.counted_bytes = exchange.header_bytes();
  held_header_bytes_ += exchange.counted_bytes;
}

/// Those whose client has not taken the request back in the same breath.
void Http2Connection::open_exchanges() {
  for (std::size_t i = 0; i < opened_.size(); ++i) {
    Http2Exchange& exchange = *opened_[i];
    has_requests_ = exchange.has_task = true;
    scope_->spawn(worker().env(), serve(exchange));
  }
  opened_.clear();
}

Task<void> Http2Connection::serve(Http2Exchange& exchange) {
  try {
    co_await exchange.run();
  } catch (const std::exception& bug) {
    worker().shared().options.log(LogLevel::error,
                                  fmt::format("an exchange was given up: {}", bug.what()));
    if (exchange.is_open()) reset(exchange, NGHTTP2_INTERNAL_ERROR);
  }
  exchange.has_task = false;
  if (!exchange.is_open()) remove_exchange(exchange);
}

Http2Exchange* Http2Connection::add_exchange(std::int32_t stream) {
  // Those that were reset still wind up.
  if (exchange_count_ >= std::size_t{2} * config().http2.streams) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_REFUSED_STREAM);
    return nullptr;
  }
  auto* const made = new Http2Exchange(*this, stream);
  made->next = exchanges_;
  if (exchanges_ != nullptr) exchanges_->previous = made;
  exchanges_ = made;
  ++exchange_count_;
  return made;
}

void Http2Connection::remove_exchange(Http2Exchange& exchange) noexcept {
  std::erase(opened_, &exchange);
  (exchange.previous == nullptr ? exchanges_ : exchange.previous->next) = exchange.next;
  if (exchange.next != nullptr) exchange.next->previous = exchange.previous;
  --exchange_count_;
  held_header_bytes_ -= exchange.counted_bytes;
  if (session_) {
    nghttp2_session_consume_connection(session_.get(), exchange.held());
    want_output();
  }
  delete &exchange;
  if (exchange_count_ > 0) return;
  idle_since_ = worker().loop().now();
  wake();
}

bool Http2Connection::submit_response(Http2Exchange& exchange, const codec::Http2FieldList& lines,
                                      bool has_content) {
  nghttp2_data_provider provider{{.ptr = &exchange}, &Callbacks::on_provide};
  want_output();
  return nghttp2_submit_response(session_.get(), exchange.stream(), lines.data(), lines.size(),
                                 has_content ? &provider : nullptr) == 0;
}

void Http2Connection::submit_interim(Http2Exchange& exchange, Status status,
                                     const Headers& headers) {
  const std::string digits = std::to_string(code(status));
  codec::Http2FieldList lines;
  lines.add_copied(":status", digits);
  lines.add_copied(headers);
  nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, exchange.stream(), nullptr,
                         lines.data(), lines.size(), nullptr);
  want_output();
}

bool Http2Connection::submit_trailers(Http2Exchange& exchange, const Headers& trailers) {
  codec::Http2FieldList lines;
  lines.add_copied(trailers);
  want_output();
  return nghttp2_submit_trailer(session_.get(), exchange.stream(), lines.data(), lines.size()) == 0;
}

void Http2Connection::resume(Http2Exchange& exchange) {
  nghttp2_session_resume_data(session_.get(), exchange.stream());
  want_output();
}

void Http2Connection::reset(Http2Exchange& exchange, std::uint32_t error) noexcept {
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, exchange.stream(), error);
  want_output();
}

void Http2Connection::consume(Http2Exchange& exchange, std::size_t bytes) noexcept {
  if (exchange.is_open()) {
    nghttp2_session_consume(session_.get(), exchange.stream(), bytes);
  } else {
    nghttp2_session_consume_connection(session_.get(), bytes);
  }
  want_output();
}

bool Http2Connection::is_window_closed() const noexcept {
  return nghttp2_session_get_local_window_size(session_.get()) <= 0;
}

void Http2Connection::want_output() noexcept { output_wanted_.set(); }

/// The task in `run` has something to look at.
void Http2Connection::wake() noexcept {
  if (stream().readable().has_waiter()) stream().readable().set();
}

Task<void> Http2Connection::send_output() {
  const Env env = co_await current_env();
  for (;;) {
    const Wake wanted = co_await output_wanted_.wait();
    if (wanted == Wake::cancelled) co_return;
    co_await lastly();
    while (!is_broken_ && fill_output()) {
      iovec vector{output_.data() + output_begin_, output_end_ - output_begin_};
      const net::IoResult result = stream().send(&vector, 1);
      if (result.kind == net::IoResult::Kind::bytes) {
        output_begin_ += result.count;
        continue;
      }
      is_broken_ = result.kind != net::IoResult::Kind::would_block;
      if (is_broken_) break;
      const TimePoint deadline = env.executor->now() + config().limits.send_idle;
      const Wake room = co_await stream().writable().wait(deadline);
      is_broken_ = room != Wake::signalled;
    }
    if (output_sent_.has_waiter()) output_sent_.set();
    if (is_broken_ || is_over()) wake();
  }
}

/// True where there is something to send.
bool Http2Connection::fill_output() {
  if (output_begin_ < output_end_) return true;
  output_begin_ = output_end_ = 0;
  while (output_end_ < kOutputSize) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &bytes);
    if (size < 0) is_broken_ = true;
    if (size > 0) append_output(as_text(bytes, static_cast<std::size_t>(size)));
    // Content goes past what it returns (send_data_callback).
    if (size <= 0) break;
  }
  if (output_end_ == 0) output_ = Buffer();
  return output_end_ > 0;
}

/// A frame that is larger than all of the output fits an empty one.
bool Http2Connection::has_room(std::size_t bytes) const noexcept {
  return output_end_ == 0 || output_end_ + bytes <= kOutputSize;
}

void Http2Connection::append_output(std::string_view bytes) {
  if (output_.capacity() - output_end_ < bytes.size()) {
    Buffer larger = Buffer::allocate(std::max(output_end_ + bytes.size(), kOutputSize));
    if (output_end_ > 0) std::memcpy(larger.data(), output_.data(), output_end_);
    output_ = std::move(larger);
  }
  if (!bytes.empty()) std::memcpy(output_.data() + output_end_, bytes.data(), bytes.size());
  output_end_ += bytes.size();
}

TimePoint Http2Connection::next_deadline() const noexcept {
  if (is_leaving_) return kNever;  // Sending has its own.
  const ListenLimits& limits = config().limits;
  const TimePoint first = idle_since_ + limits.header_timeout;
  TimePoint deadline = std::min(section_deadline_, goodbye_at_);
  if (!has_requests_) deadline = std::min(deadline, first);
  if (exchange_count_ == 0) deadline = std::min(deadline, idle_since_ + limits.idle);
  return deadline;
}

void Http2Connection::meet_deadline(TimePoint now) {
  if (goodbye_at_ <= now) {
    goodbye_at_ = kNever;
    say_goodbye();
    return;
  }
  // It was silent for too long, or within a section.
  is_leaving_ = true;
  nghttp2_session_terminate_session(session_.get(), NGHTTP2_NO_ERROR);
  want_output();
}

bool Http2Connection::is_over() const noexcept {
  const bool has_output = output_begin_ < output_end_;
  return !has_output && nghttp2_session_want_read(session_.get()) == 0 &&
         nghttp2_session_want_write(session_.get()) == 0;
}

void Http2Connection::drain() noexcept {
  if (goodbye_at_ != kNever || !session_) return;
  // Also where nothing is under way: a request may be, which its client could not safely repeat.
  goodbye_at_ = worker().loop().now() + kGoodbyeDelay;
  nghttp2_submit_shutdown_notice(session_.get());
  want_output();
  wake();
}

void Http2Connection::give_way() noexcept {
  gives_way_ = true;
  say_goodbye();
  wake();
}

/// No stream after the last one that was begun.
void Http2Connection::say_goodbye() noexcept {
  const std::int32_t last = nghttp2_session_get_last_proc_stream_id(session_.get());
  // What came before it has left would be served although it tells that nobody did.
  says_goodbye_ = nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR,
                                        nullptr, 0) == 0;
  want_output();
}

void Http2Connection::send_away() {
  if (std::exchange(is_sent_away_, true)) return;
  worker().shared().http2_abuses.fetch_add(1, std::memory_order_relaxed);
  nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
  want_output();
}

}  // namespace gatewaykit::server
