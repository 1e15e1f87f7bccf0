// SPDX-License-Identifier: Apache-2.0
#include "server/worker.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <csignal>

#include "codec/http1_writer.hpp"
#include "gatewaykit/core/async.hpp"
#include "gatewaykit/core/pool.hpp"
#include "server/http1_connection.hpp"
#include "server/http2_connection.hpp"
#include "server/proxy_header.hpp"
#include "server/tls_server.hpp"

namespace gatewaykit::server {

namespace {

constexpr Duration kTrimInterval = std::chrono::seconds(10);

/// A connection of a client that counts for as long as this lives.
class Counted {
 public:
  explicit Counted(Worker& worker) noexcept : worker_(&worker) { worker.count_opened(); }
  Counted(Counted&& other) noexcept : worker_(std::exchange(other.worker_, nullptr)) {}
  Counted& operator=(Counted&&) = delete;
  ~Counted() {
    if (worker_ != nullptr) worker_->count_closed();
  }

 private:
  Worker* worker_;
};

Task<void> run_connection(Worker& worker, std::unique_ptr<Connection> connection,
                          Counted /*counted*/) {
  while (connection != nullptr) {
    worker.connection_opened(*connection);
    try {
      co_await connection->run();
    } catch (const std::exception& bug) {
      worker.shared().options.log(LogLevel::error,
                                  fmt::format("a connection was given up: {}", bug.what()));
    }
    worker.connection_closed(*connection);
    connection = connection->successor();
  }
}

constexpr std::string_view kClearTextAnswer =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    "Content-Length: 44\r\n\r\nThis port speaks HTTP over TLS: use https.\r\n";

/// Once it is its turn. It may have to give way meanwhile.
Task<Result<>> shake_hands(Worker& worker, net::TlsStream& stream, TimePoint deadline) {
  Newcomer newcomer(worker);
  const bool has_turn =
      co_await worker.handshakes().enter(newcomer, deadline).under(newcomer.scope());
  if (!has_turn) co_return Error(Errc::tls_timeout, Origin::client, "others shook hands");
  co_return co_await stream.handshake(deadline, Origin::client).under(newcomer.scope());
}

/// Shakes hands first.
Task<void> run_tls(Worker& worker, std::unique_ptr<net::TlsStream> stream, Peer peer,
                   std::shared_ptr<const ListenConfig> config, Counted counted) {
  const TimePoint deadline = worker.loop().now() + config->tls->handshake_timeout();
  const Result<> done = co_await shake_hands(worker, *stream, deadline);
  if (!done) {
    worker.shared().tls_failures.fetch_add(1, std::memory_order_relaxed);
    if (!stream->met_clear_text()) co_return;
    Newcomer newcomer(worker);
    const TimePoint end = worker.loop().now() + std::chrono::seconds(2);
    co_await stream->answer_in_clear(kClearTextAnswer, end).under(newcomer.scope());
    co_return;
  }
  auto session = std::make_unique<const TlsSession>(config->tls->session_of(*stream));
  std::unique_ptr<Connection> connection;
  if (session->is_http2()) {
    connection = std::make_unique<Http2Connection>(worker, std::move(stream), std::move(peer),
                                                   std::move(config), std::move(session));
  } else {
    connection = std::make_unique<Http1Connection>(worker, std::move(stream), std::move(peer),
                                                   std::move(config), std::move(session));
  }
  co_await run_connection(worker, std::move(connection), std::move(counted));
}

void open_connection(Worker& worker, net::Fd fd, Peer peer,
                     const std::shared_ptr<const ListenConfig>& config, Counted counted) {
  const Env env = worker.env();
  if (config->tls) {
    std::unique_ptr<net::TlsStream> secured =
        config->tls->accept(worker.number(), std::move(fd), worker.loop().poller());
    if (secured == nullptr || !secured->ok()) return;
    env.scope->spawn(
        env, run_tls(worker, std::move(secured), std::move(peer), config, std::move(counted)));
    return;
  }
  auto stream = std::make_unique<net::SocketStream>(std::move(fd), worker.loop().poller());
  if (!stream->ok()) return;
  auto connection =
      std::make_unique<Http1Connection>(worker, std::move(stream), std::move(peer), config);
  env.scope->spawn(env, run_connection(worker, std::move(connection), std::move(counted)));
}

/// Learns first whose connection it is.
Task<void> run_announced(Worker& worker, net::Fd fd, Peer peer,
                         std::shared_ptr<const ListenConfig> config, Counted counted) {
  std::optional<Peer> client = co_await learn_client(worker, fd.get(), std::move(peer), *config);
  if (client) {
    open_connection(worker, std::move(fd), std::move(*client), config, std::move(counted));
  } else {
    worker.shared().proxy_header_failures.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace

/// SIGTERM and SIGINT on the worker's loop. libuv restores the handlers once both are closed.
struct Worker::SignalWatch {
  SignalWatch(net::Loop& where, Function<void()> what) : loop(where), on_signal(std::move(what)) {}

  net::Loop& loop;
  Function<void()> on_signal;
  uv_signal_t handles[2] = {};
};

Worker::Worker(GatewayShared& shared, std::size_t number, uv_loop_t* host_loop)
    : shared_(shared),
      number_(number),
      loop_(host_loop),
      connector_(loop_),
      routes_([this](std::shared_ptr<const RouteSet> unused) { dispose(std::move(unused)); }),
      trim_timer_(*this),
      delay_timer_(*this),
      drain_timer_(scope_),
      handshakes_(shared.options.max_handshakes, shared.options.idle_when_full) {
  adopt_routes();
}

Worker::~Worker() = default;

void Worker::add_listener(net::Fd fd, std::shared_ptr<UnixPath> path,
                          std::shared_ptr<const ListenConfig> config) {
  listeners_.push_back(
      std::make_unique<Listener>(*this, std::move(fd), std::move(path), std::move(config)));
}

void Worker::bequeath(const std::string& path, Bequest::Estate estate, Function<void()> on_served) {
  bequest_ = std::make_unique<Bequest>(loop_, path, std::move(estate), shared_.options.log,
                                       std::move(on_served));
}

void Worker::watch_signals(Function<void()> on_signal) {
  signals_ = std::make_unique<SignalWatch>(loop_, std::move(on_signal));
  const int numbers[] = {SIGTERM, SIGINT};
  for (int i = 0; i < 2; ++i) {
    uv_signal_t& handle = signals_->handles[i];
    uv_signal_init(loop_.uv(), &handle);
    loop_.hold();
    handle.data = signals_.get();
    uv_signal_start(
        &handle,
        [](uv_signal_t* signal, int) { static_cast<SignalWatch*>(signal->data)->on_signal(); },
        numbers[i]);
  }
}

void Worker::start(Function<void()> on_ended) {
  on_ended_ = std::move(on_ended);
  if (loop_.is_hosted()) {
    thread_id_ = std::this_thread::get_id();
    loop_.turn([this] { begin(); });
  } else {
    thread_ = std::thread([this] { run(); });
    thread_id_ = thread_.get_id();
  }
}

void Worker::let_go(std::unique_ptr<Worker> worker, Function<void()> on_ended) {
  Worker& self = *worker;
  self.on_ended_ = [worker = std::move(worker), on_ended = std::move(on_ended)]() mutable {
    on_ended();
  };
}

void Worker::stop() {
  loop_.post([this] { begin_stop(); });
}

void Worker::retire() {
  loop_.post([this] { begin_retirement(); });
}

void Worker::run_task(Task<void> task) {
  loop_.post([this, task = std::move(task)]() mutable { scope_.spawn(env(), std::move(task)); });
}

void Worker::run_job(Task<void> job) {
  loop_.post(
      [this, job = std::move(job)]() mutable { job_scope_.spawn(env(), guard(std::move(job))); });
}

/// What a job throws must not end the others.
Task<void> Worker::guard(Task<void> job) {
  try {
    co_await std::move(job);
  } catch (const std::exception& bug) {
    shared_.options.log(LogLevel::error, fmt::format("a job of the host threw: {}", bug.what()));
  }
}

/// Many routes take a while to destroy, and a log among their layers writes what it still holds.
void Worker::dispose(std::shared_ptr<const RouteSet> unused) {
  if (!is_running_) return;
  loop_.offload([unused = std::move(unused)]() mutable { unused.reset(); });
}

void Worker::notice_routes() {
  loop_.post([this] {
    if (shared_.swaps() != swaps_) adopt_routes();
  });
}

/// Where they are swapped between the two lines, the next request adopts them again.
void Worker::adopt_routes() {
  swaps_ = shared_.swaps();
  routes_.swap(shared_.routes());
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::run() {
  // Signals are for the host's threads; and libuv 1.44 writes without MSG_NOSIGNAL.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  begin();
  loop_.run();
  end();
  on_ended_();
}

void Worker::begin() {
  trim_timer_.set(loop_.timers(), loop_.now() + kTrimInterval);
  is_running_ = true;
}

void Worker::end() {
  is_running_ = false;
  trim_timer_.clear();
  listeners_.clear();
  bequest_.reset();
  loop_.locals().clear(loop_);
}

/// In a turn of its own: the task that has drained still runs in this one.
void Worker::leave_loop() {
  loop_.post([this] {
    end();
    loop_.close([this] {
      Function<void()> on_ended = std::move(on_ended_);
      on_ended();
    });
  });
}

void Worker::begin_stop() {
  const bool is_repeated = std::exchange(is_stop_asked_, true);
  is_stopping_ = true;
  bequest_.reset();
  if (!is_repeated && !is_draining_ && shared_.options.drain_delay > Duration::zero()) {
    delay_timer_.set(loop_.timers(), loop_.now() + shared_.options.drain_delay);
    return;
  }
  begin_drain();
  if (is_repeated) scope_.cancel();
}

void Worker::begin_drain() {
  delay_timer_.clear();
  const bool is_repeated = std::exchange(is_draining_, true);
  for (const std::unique_ptr<Listener>& listener : listeners_) listener->close();
  for (const ConnectionList* const list : {&busy_, &idle_}) {
    for (Listed* each = list->first(); each != nullptr; each = ConnectionList::after(*each)) {
      each->drain();
    }
  }
  if (!is_repeated) drain_within_timeout();
}

void Worker::begin_retirement() {
  if (is_draining_) return;
  delay_timer_.clear();
  bequest_.reset();
  is_stopping_ = is_draining_ = true;
  for (const std::unique_ptr<Listener>& listener : listeners_) listener->drop();
  for (const ConnectionList* const list : {&busy_, &idle_}) {
    for (Listed* each = list->first(); each != nullptr; each = ConnectionList::after(*each)) {
      each->retire();
    }
  }
  drain_within_timeout();
}

void Worker::drain_within_timeout() {
  drain_timer_.set(loop_.timers(), loop_.now() + shared_.options.drain_timeout);
  drain_scope_.spawn({&loop_, nullptr, &connector_}, drain());
}

Task<void> Worker::drain() {
  co_await scope_.join();
  job_scope_.cancel();
  co_await job_scope_.join();
  drain_timer_.clear();
  close_signals();
  if (loop_.is_hosted()) {
    leave_loop();
  } else {
    loop_.stop();
  }
}

void Worker::close_signals() noexcept {
  if (signals_ == nullptr) return;
  for (uv_signal_t& handle : signals_->handles) {
    uv_close(reinterpret_cast<uv_handle_t*>(&handle),
             [](uv_handle_t* closed) { static_cast<SignalWatch*>(closed->data)->loop.release(); });
  }
}

void Worker::serve(net::Fd fd, const net::SocketAddress& peer,
                   const std::shared_ptr<const ListenConfig>& config) {
  net::set_no_delay(fd.get());
  Counted counted(*this);
  if (config->proxy_protocol) {
    scope_.spawn(env(),
                 run_announced(*this, std::move(fd), peer.to_peer(), config, std::move(counted)));
  } else {
    open_connection(*this, std::move(fd), peer.to_peer(), config, std::move(counted));
  }
}

void Worker::count_opened() noexcept {
  shared_.connections_accepted.fetch_add(1, std::memory_order_relaxed);
  shared_.connections_open.fetch_add(1, std::memory_order_relaxed);
}

void Worker::count_closed() noexcept {
  shared_.connections_open.fetch_sub(1, std::memory_order_relaxed);
  for (const std::unique_ptr<Listener>& listener : listeners_) listener->resume();
}

void Worker::connection_opened(Listed& connection) {
  busy_.add(connection);
  if (is_draining_) connection.drain();
}

void Worker::connection_closed(Listed& connection) noexcept {
  list_of(connection).remove(connection);
}

ConnectionList& Worker::list_of(const Listed& connection) noexcept {
  return connection.idle_since_ == kNever ? busy_ : idle_;
}

void Worker::connection_idle(Listed& connection) noexcept {
  list_of(connection).remove(connection);
  connection.idle_since_ = loop_.now();
  idle_.add(connection);
}

void Worker::connection_busy(Listed& connection) noexcept {
  list_of(connection).remove(connection);
  connection.idle_since_ = kNever;
  busy_.add(connection);
}

void Worker::make_room() noexcept {
  Listed* const longest = idle_.first();
  if (longest == nullptr) return;
  if (loop_.now() - longest->idle_since_ < shared_.options.idle_when_full) return;
  connection_busy(*longest);  // Until it has ended, so that the next one to give way is another.
  longest->give_way();
}

std::string_view Worker::date() noexcept {
  const auto now = std::chrono::system_clock::to_time_t(loop_.wall_now());
  if (now != date_second_) {
    date_second_ = now;
    date_size_ = codec::write_date(now, date_);
  }
  return {date_, date_size_};
}

void Worker::on_trim_timer(Timer& timer) noexcept {
  Worker& self = static_cast<TrimTimer&>(timer).worker;
  pool_trim();
  self.trim_timer_.set(self.loop_.timers(), self.loop_.now() + kTrimInterval);
}

}  // namespace gatewaykit::server
