// SPDX-License-Identifier: Apache-2.0
#include "upstream/http2_connection.hpp"

#include <algorithm>
#include <coroutine>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "gatewaykit/core/executor.hpp"
#include "upstream/carrier.hpp"
#include "upstream/http2_stream.hpp"
#include "upstream/worker_pool.hpp"

namespace gatewaykit::upstream {

namespace {

using codec::as_text;
using Kind = net::IoResult::Kind;

constexpr std::size_t kInput = std::size_t{64} << 10;
/// What a target may send of one response that nobody takes, and of all that is on its way.
constexpr std::uint32_t kStreamWindow = 256u << 10;
constexpr std::int32_t kConnectionWindow = 4 << 20;
/// Decoded, names and values; nghttp2 adds 32 bytes a line (RFC 9113 section 6.5.2).
constexpr std::uint32_t kSectionSize = 64u << 10;
/// Of requests: servers end a connection at the ninth CONTINUATION, whatever they have said.
constexpr std::size_t kLargestSection = std::size_t{128} << 10;
/// Receives before others have their turn.
constexpr int kReceivesPerTurn = 16;
/// Frames without content that a target may send in a second, beside those that answer ours.
constexpr std::uint64_t kFrameBudget = 10'000;
constexpr std::uint64_t kFramesPerSent = 4;
constexpr Duration kBudgetTime = std::chrono::seconds(1);
/// Servers end a connection on which many streams are reset: nghttp2, and with it Node, beyond
/// 1,000 and 33 a second. It is left before that, so that clients who leave end nobody else's
/// exchange.
constexpr std::int64_t kResets = 400;
constexpr std::int64_t kLeastResets = 50;
constexpr std::int64_t kResetsRenewed = 20;  // In so many seconds.

/// All that is open then may be taken back as well.
std::int64_t resets_of(std::int64_t most_streams) noexcept {
  return std::clamp(900 - most_streams, kLeastResets, kResets);
}

/// A target that says nothing for so long while it has work is asked whether it is there.
constexpr Duration kPingAfter = std::chrono::seconds(15);
constexpr Duration kPingPatience = std::chrono::seconds(10);

/// Resumed once all else of this turn was, also where there is nothing else yet.
struct TurnEnd {
  Executor& executor;
  static bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> coroutine) const { executor.make_last(coroutine); }
  static void await_resume() noexcept {}
};

/// A coroutine that nobody waits for; it never outlives its turn.
struct Detached {
  struct promise_type {
    static void* operator new(std::size_t size) { return pool_allocate(size); }
    static void operator delete(void* frame, std::size_t size) noexcept {
      pool_deallocate(frame, size);
    }
    static Detached get_return_object() noexcept { return {}; }
    static std::suspend_never initial_suspend() noexcept { return {}; }
    static std::suspend_never final_suspend() noexcept { return {}; }
    static void return_void() noexcept {}
    static void unhandled_exception() noexcept { std::terminate(); }
  };
};

template <class Act>
Detached at_turn_end(Executor& executor, Act act) {
  const TurnEnd turn_end{executor};
  co_await turn_end;
  act();
}

}  // namespace

/// While the session works it is not to be destroyed, and neither is the connection.
class Http2Connection::Busy {
 public:
  explicit Busy(Http2Connection& connection) noexcept
      : connection_(connection), was_busy_(std::exchange(connection.is_busy_, true)) {}
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() {
    connection_.is_busy_ = was_busy_;
    connection_.end_if_over();
  }

 private:
  Http2Connection& connection_;
  bool was_busy_;
};

/// What the session tells, handed to the connection and to its streams.
struct Http2Callbacks {
  static Http2Connection& self(void* user) noexcept { return *static_cast<Http2Connection*>(user); }

  static Http2Stream* stream(nghttp2_session* session, std::int32_t id, void* user) noexcept {
    return self(user).stream_of_.find(session, id);
  }

  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* frame, void* user) noexcept {
    return self(user).count_frame(*frame) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame,
                              void* user) try {
    Http2Stream* const its = stream(session, frame->hd.stream_id, user);
    if (its != nullptr) its->section_begins();
    return 0;
  } catch (const std::bad_alloc&) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int on_header(nghttp2_session* session, const nghttp2_frame* frame,
                       const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                       std::size_t value_size, std::uint8_t, void* user) try {
    Http2Stream* const its = stream(session, frame->hd.stream_id, user);
    const bool goes_on =
        its != nullptr && its->line_received(as_text(name, name_size), as_text(value, value_size));
    return goes_on ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  } catch (const std::bad_alloc&) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) try {
    self(user).frame_received(*frame);
    return 0;
  } catch (const std::bad_alloc&) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t id,
                     const std::uint8_t* data, std::size_t size, void* user) try {
    nghttp2_session_consume_connection(session, size);
    // Content makes up for a frame that could have been padding alone.
    ++self(user).frames_budget_;
    Http2Stream* const its = stream(session, id, user);
    if (its != nullptr) its->content_received(self(user).pinnable_input(), as_text(data, size));
    return 0;
  } catch (const std::bad_alloc&) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int on_close(nghttp2_session* session, std::int32_t id, std::uint32_t code,
                      void* user) try {
    Http2Stream* const its = stream(session, id, user);
    if (its != nullptr) {
      self(user).stream_of_.set(session, id, nullptr);
      its->closed(code, self(user).complaint_);
    }
    self(user).complaint_.clear();
    self(user).stream_closed();
    return 0;
  } catch (const std::bad_alloc&) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) noexcept {
    Http2Connection& connection = self(user);
    if (frame->hd.type == NGHTTP2_HEADERS) {
      connection.gathered_id_ = std::max(connection.gathered_id_, frame->hd.stream_id);
    } else if (frame->hd.type == NGHTTP2_RST_STREAM) {
      const TimePoint now = connection.lane_.pool().executor().now();
      if (!connection.resets_.take(now)) connection.make_way();
    }
    // Not for what answers the target: each of those would pay for more than its question.
    const bool asks = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (asks) connection.frames_budget_ += kFramesPerSent;
    return 0;
  }

  static int send_data(nghttp2_session* session, nghttp2_frame* frame, const std::uint8_t* head,
                       std::size_t size, nghttp2_data_source*, void* user) try {
    Http2Stream* const its = stream(session, frame->hd.stream_id, user);
    if (its == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    Http2Output& output = self(user).output_;
    output.append(as_text(head, codec::kHttp2FrameHead));
    output.append(its->take_provided(size));
    return output.is_full() ? NGHTTP2_ERR_PAUSE : 0;
  } catch (const std::bad_alloc&) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int on_complaint(nghttp2_session*, int, const char* text, std::size_t size,
                          void* user) try {
    self(user).complaint_.assign(text, std::min<std::size_t>(size, 256));
    return 0;
  } catch (const std::bad_alloc&) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static codec::Http2CallbacksPtr make() {
    codec::Http2CallbacksPtr made = codec::make_http2_callbacks();
    nghttp2_session_callbacks* const all = made.get();
    nghttp2_session_callbacks_set_on_begin_frame_callback(all, &on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(all, &on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(all, &on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(all, &on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, &on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(all, &on_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(all, &on_frame_sent);
    nghttp2_session_callbacks_set_send_data_callback(all, &send_data);
    nghttp2_session_callbacks_set_error_callback2(all, &on_complaint);
    return made;
  }
};

namespace {

codec::Http2SessionPtr make_session(Http2Connection& connection) {
  static const codec::Http2CallbacksPtr callbacks = Http2Callbacks::make();
  const codec::Http2OptionPtr options = codec::make_http2_options();
  nghttp2_session* session = nullptr;
  if (nghttp2_session_client_new3(&session, callbacks.get(), &connection, options.get(),
                                  codec::http2_memory()) != 0) {
    throw std::bad_alloc();
  }
  return codec::Http2SessionPtr(session);
}

}  // namespace

Http2Connection::Http2Connection(Lane& lane, net::StreamPtr stream, const IpAddress& address,
                                 std::uint64_t address_version)
    : Timer(&Http2Connection::on_timer),
      lane_(lane),
      stream_(std::move(stream)),
      address_(address),
      address_version_(address_version),
      session_(make_session(*this)),
      most_streams_(lane.assumed_streams()),
      idle_since_(lane.pool().executor().now()),
      last_received_(idle_since_),
      budget_begin_(idle_since_),
      frames_budget_(kFrameBudget),
      resets_(resets_of(lane.pool().options().http2_streams), kResetsRenewed, idle_since_) {
  submit_settings();
  stream_->set_observer(this);
  schedule_flush();
}

Http2Connection::~Http2Connection() = default;

void Http2Connection::submit_settings() {
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kSectionSize},
  };
  const bool is_done = nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings,
                                               std::size(settings)) == 0 &&
                       nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0,
                                                             kConnectionWindow) == 0;
  if (!is_done) throw std::bad_alloc();
}

std::size_t Http2Connection::largest_section() const noexcept {
  const std::size_t asked_for =
      nghttp2_session_get_remote_settings(session_.get(), NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
  return std::min(asked_for, kLargestSection);
}

Lease Http2Connection::open_stream() {
  auto* const stream = new Http2Stream(*this);
  stream->older = newest_;
  if (newest_ != nullptr) newest_->newer = stream;
  newest_ = stream;
  ++open_streams_;
  lane_.pool().add_user();
  if (++streams_ == 1) watch();
  return Lease(*stream);
}

/// One without streams is looked at when it has some again.
void Http2Connection::watch() noexcept {
  leave_if_clogged();
  Executor& executor = lane_.pool().executor();
  const TimePoint now = executor.now();
  // What was unused for long may be gone without a word.
  const bool is_doubtful = now - last_received_ >= kPingAfter;
  if (is_doubtful && !std::exchange(has_pinged_, true)) {
    nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
    waits_since_ = now;
  }
  Timer::set(executor.timers(), now + (is_doubtful ? kPingPatience : kPingAfter));
}

void Http2Connection::on_timer(Timer& timer) noexcept {
  auto& self = static_cast<Http2Connection&>(timer);
  const Busy busy(self);
  if (!self.is_dead_ && self.stream_->may_receive()) self.receive();
  if (self.streams_ == 0 || self.is_dead_) return;
  self.leave_if_clogged();
  Executor& executor = self.lane_.pool().executor();
  const TimePoint now = executor.now();
  const Target& target = self.lane_.target();
  const Duration idle = self.lane_.pool().options().timeouts.idle;
  if (self.is_stalled_ && now - self.waits_since_ >= idle) {
    return self.fail(Error(Errc::idle_timeout, Origin::upstream, target.url.text));
  }
  if (self.has_pinged_ && now - self.waits_since_ >= kPingPatience && !self.is_stalled_) {
    return self.fail(Error(Errc::reset, Origin::upstream, target.url.text + ": is not there"));
  }
  TimePoint next = self.last_received_ + kPingAfter;
  if (next <= now) {
    if (!self.is_stalled_ && !std::exchange(self.has_pinged_, true)) {
      nghttp2_submit_ping(self.session_.get(), NGHTTP2_FLAG_NONE, nullptr);
      self.waits_since_ = now;
      self.schedule_flush();
    }
    next = self.waits_since_ + (self.is_stalled_ ? idle : kPingPatience);
  }
  self.set(executor.timers(), next);
}

/// By streams whose exchange is long over and which the target does not end.
void Http2Connection::leave_if_clogged() noexcept {
  if (open_streams_ > streams_ + most_streams_ / 2) make_way();
}

void Http2Connection::on_writable() noexcept {
  if (!std::exchange(is_stalled_, false)) return;
  schedule_flush();
}

void Http2Connection::schedule_flush() {
  if (is_flush_scheduled_ || is_stalled_ || is_dead_) return;
  is_flush_scheduled_ = true;
  at_turn_end(lane_.pool().executor(), [this] { flush(); });
}

void Http2Connection::flush() noexcept {
  is_flush_scheduled_ = false;
  const Busy busy(*this);
  // What came with the handshake is announced by nobody.
  if (!is_dead_ && stream_->may_receive()) receive();
  try {
    while (!is_dead_ && send_some()) {
    }
    if (is_dead_) return;
    nghttp2_session* const session = session_.get();
    const bool is_over =
        nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0;
    const bool has_work = open_streams_ > 0 || !is_going_away_;
    if (is_over && has_work && !is_stalled_) {
      return fail(complaint_of("broke the rules of HTTP/2"));
    }
    if (is_retired_ && streams_ == 0) retire();
  } catch (const std::bad_alloc&) {
    fail(Error(Errc::reset, Origin::gateway, "no memory"));
  }
}

/// False where there is nothing to send, or no room for it.
bool Http2Connection::send_some() {
  if (output_.empty()) gather();
  if (output_.empty() || is_dead_) return false;
  sent_id_ = gathered_id_;  // Also where it fails: a part may have left before.
  const net::IoResult result = output_.send(*stream_);
  if (result.kind == Kind::bytes) return true;
  if (result.kind == Kind::would_block) {
    is_stalled_ = true;
    waits_since_ = lane_.pool().executor().now();
  } else {
    fail(closed(lane_.target(), result));
  }
  return false;
}

void Http2Connection::gather() {
  while (!output_.is_full()) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &data);
    if (size < 0) return fail(broken(lane_.target(), nghttp2_strerror(static_cast<int>(size))));
    if (size == 0) return;
    output_.append(as_text(data, static_cast<std::size_t>(size)));
  }
}

void Http2Connection::receive() noexcept {
  if (is_dead_) return;
  const Busy busy(*this);
  try {
    int left = kReceivesPerTurn;
    while (!is_dead_ && left > 0 && receive_some()) --left;
    if (left == 0) Timer::set(lane_.pool().executor().timers(), last_received_);
    // What was received is pinned by nobody, or by chunks that outlive us.
    input_ = Buffer();
    if (is_dead_) return;
    if (is_retired_ && streams_ == 0) return retire();
    if (nghttp2_session_want_write(session_.get()) != 0) schedule_flush();
  } catch (const std::bad_alloc&) {
    fail(Error(Errc::reset, Origin::gateway, "no memory"));
  }
}

bool Http2Connection::receive_some() {
  if (!stream_->may_receive()) return false;
  if (!input_ || !input_.unique()) input_ = Buffer::allocate(kInput);
  const net::IoResult result = stream_->receive(input_.data(), input_.capacity());
  if (result.kind == Kind::would_block) return false;
  if (result.kind != Kind::bytes) {
    // It may have left because of what we are about to tell it.
    const Target& target = lane_.target();
    fail(complaint_.empty() ? closed(target, result) : broken(target, complaint_));
    return false;
  }
  last_received_ = lane_.pool().executor().now();
  has_pinged_ = false;
  is_pinnable_ = result.count >= kInput / 2;
  const ssize_t used = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<std::uint8_t*>(input_.data()), result.count);
  if (used >= 0) return true;
  fail(complaint_of(nghttp2_strerror(static_cast<int>(used))));
  return false;
}

/// What nghttp2 has said about the target, or `otherwise` where it was silent.
Error Http2Connection::complaint_of(std::string_view otherwise) const {
  return broken(lane_.target(), complaint_.empty() ? otherwise : complaint_);
}

/// Frames that carry no content are counted: a target that sends little else wants to keep us busy.
bool Http2Connection::count_frame(const nghttp2_frame_hd& frame) noexcept {
  const bool is_padded = (frame.flags & NGHTTP2_FLAG_PADDED) != 0;
  if (frame.type == NGHTTP2_DATA && frame.length > 0 && !is_padded) return true;
  const TimePoint now = lane_.pool().executor().now();
  if (now - budget_begin_ >= kBudgetTime) {
    budget_begin_ = now;
    frames_budget_ = kFrameBudget;
  }
  if (frames_budget_ == 0) {
    complaint_ = "a flood of frames";
    return false;
  }
  --frames_budget_;
  return true;
}

void Http2Connection::frame_received(const nghttp2_frame& frame) {
  const auto stream = [&] { return stream_of_.find(session_.get(), frame.hd.stream_id); };
  const bool ends_stream = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      if (Http2Stream* const its = stream()) its->section_ended(ends_stream);
      break;
    case NGHTTP2_DATA:
      if (!ends_stream) break;
      if (Http2Stream* const its = stream()) its->ended();
      break;
    case NGHTTP2_RST_STREAM:
      if (Http2Stream* const its = stream()) its->reset_received();
      break;
    case NGHTTP2_GOAWAY:
      is_going_away_ = true;
      stop_taking();
      break;
    case NGHTTP2_SETTINGS:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) break;
      most_streams_ =
          std::min<std::size_t>(lane_.pool().options().http2_streams,
                                nghttp2_session_get_remote_settings(
                                    session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
      if (most_streams_ > 0) lane_.assume_streams(most_streams_);
      decline_excess();
      lane_.offer(*this);
      break;
    default:
      break;
  }
}

/// Of streams that were to be opened and are more than the target takes: the session would keep
/// them waiting for others to end.
void Http2Connection::decline_excess() {
  std::size_t excess = open_streams_ > most_streams_ ? open_streams_ - most_streams_ : 0;
  for (Http2Stream* each = newest_; each != nullptr && excess > 0; each = each->older) {
    if (each->decline()) --excess;
  }
}

void Http2Connection::stream_closed() {
  --open_streams_;
  if (is_retired_) return;
  if (nghttp2_session_check_request_allowed(session_.get()) == 0) {
    return stop_taking();
  }
  lane_.offer(*this);
}

void Http2Connection::remove(Http2Stream& stream) noexcept {
  (stream.newer == nullptr ? newest_ : stream.newer->older) = stream.older;
  if (stream.older != nullptr) stream.older->newer = stream.newer;
  --streams_;
  if (is_dead_) return end_if_over();
  // The session never heard of it; another exchange may have its place.
  if (!stream.was_submitted()) stream_closed();
  if (streams_ > 0) return;
  WorkerPool& pool = lane_.pool();
  idle_since_ = pool.executor().now();
  if (is_retired_ || pool.is_abandoned() || pool.options().max_idle_connections == 0) {
    return retire();
  }
  pool.watch_idle(idle_since_);
}

/// For another one, if there may be one.
void Http2Connection::make_way() noexcept {
  if (lane_.has_slot()) stop_taking();
}

/// New exchanges, that is.
void Http2Connection::stop_taking() noexcept {
  is_retired_ = true;
  lane_.withdraw(*this);
}

void Http2Connection::retire() noexcept {
  stop_taking();
  if (streams_ > 0 || is_dead_) return;
  const Busy busy(*this);
  say_goodbye();
  fail(Error(Errc::cancelled, Origin::gateway));
}

/// GOAWAY, as far as there is room for it.
void Http2Connection::say_goodbye() noexcept try {
  if (is_stalled_) return;
  nghttp2_session_terminate_session(session_.get(), NGHTTP2_NO_ERROR);
  gather();
  if (!output_.empty() && !is_dead_) output_.send(*stream_);
} catch (const std::bad_alloc&) {
  return;
}

void Http2Connection::fail(Error error) noexcept {
  if (std::exchange(is_dead_, true)) return;
  is_retired_ = true;
  stream_->set_observer(nullptr);
  for (Http2Stream* each = newest_; each != nullptr; each = each->older) each->fail(error);
  lane_.forget(*this);
  if (!is_busy_) end_if_over();
}

void Http2Connection::end_if_over() noexcept {
  if (!is_dead_ || is_busy_) return;
  stream_.reset();
  if (streams_ == 0 && !is_flush_scheduled_) delete this;
}

}  // namespace gatewaykit::upstream
