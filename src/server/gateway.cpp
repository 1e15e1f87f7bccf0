// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/server/gateway.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "gatewaykit/routing/context.hpp"
#include "server/in_process.hpp"
#include "server/listening_socket.hpp"
#include "server/tls_server.hpp"
#include "server/worker.hpp"

namespace gatewaykit {

namespace {

/// Half of the descriptors for clients, the other half for their targets, less a reserve for
/// listeners, logs and the host.
std::size_t default_connection_limit() {
  constexpr std::size_t kReserve = 64;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t descriptors =
      limit.rlim_cur == RLIM_INFINITY ? 1 << 20 : static_cast<std::size_t>(limit.rlim_cur);
  return std::max<std::size_t>((descriptors - std::min(descriptors, kReserve)) / 2, 8);
}

unsigned worker_count(unsigned wanted) {
  return wanted != 0 ? wanted : std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

class Gateway::Impl {
  using Workers = std::vector<std::unique_ptr<server::Worker>>;

 public:
  Impl(Router router, GatewayOptions options)
      : shared_(std::make_shared<server::GatewayShared>(RouteSet::compile(std::move(router)),
                                                        std::move(options))) {
    shared_->max_connections =
        shared_->options.max_connections.value_or(default_connection_limit());
    std::vector<std::string> problems;
    if (shared_->options.workers > 1024) problems.push_back("workers must not exceed 1024");
    if (shared_->max_connections == 0) problems.push_back("max_connections must be at least 1");
    if (shared_->options.idle_when_full <= Duration::zero()) {
      problems.push_back("idle_when_full must be greater than zero");
    }
    if (shared_->options.max_handshakes == 0)
      problems.push_back("max_handshakes must be at least 1");
    if (!problems.empty()) throw ConfigError(std::move(problems));
  }

  ~Impl() {
    stop();
    stop();
    if (host_loop_ == nullptr) {
      wait();
    } else if (is_running_) {
      server::Worker::let_go(std::move(workers_.front()),
                             [shared = shared_, on_stopped = std::move(on_stopped_)]() mutable {
                               for (Function<void()>& each : on_stopped) each();
                             });
    }
  }

  void attach(uv_loop_s* loop) {
    const std::lock_guard lock(mutex_);
    if (is_running_) throw std::logic_error("attach while the gateway runs");
    if (shared_->options.workers != 1) {
      throw ConfigError({"a host's loop is served by one worker: workers must be 1"});
    }
    host_loop_ = loop;
  }

  std::uint16_t listen(std::string_view address, const ListenOptions& options) {
    std::vector<std::string> problems;
    auto config =
        std::make_shared<const server::ListenConfig>(server::ListenConfig::from(options, problems));
    if (!problems.empty()) throw ConfigError(std::move(problems));
    const std::lock_guard lock(mutex_);
    if (is_running_) {
      throw ConfigError({fmt::format("cannot listen on '{}': the gateway runs already", address)});
    }
    if (config->tls) tls_.push_back(config->tls);
    sockets_.push_back(socket_for(address, std::move(config)));
    return sockets_.back().port();
  }

  void start() {
    const std::lock_guard lock(mutex_);
    if (is_running_) return;
    make_workers();
    open_listeners();
    is_running_ = true;
    if (stops_on_signals_) {
      workers_.front()->watch_signals([this] { stop(); });
    }
    serving_ = workers_.size();
    for (const std::unique_ptr<server::Worker>& worker : workers_) {
      worker->start([this] { worker_ended(); });
    }
    for (Task<void>& job : std::exchange(jobs_, {})) workers_.front()->run_job(std::move(job));
    take_over();
  }

  void stop(Function<void()> on_stopped = nullptr) {
    {
      const std::lock_guard lock(mutex_);
      for (const std::unique_ptr<server::Worker>& worker : workers_) worker->stop();
      if (serving_ > 0 && on_stopped) on_stopped_.push_back(std::move(on_stopped));
    }
    if (on_stopped) on_stopped();
  }

  void wait() {
    if (host_loop_ != nullptr) throw std::logic_error("wait: the host runs the loop");
    // Joined without the lock, which a stop from inside a worker takes.
    for (const std::unique_ptr<server::Worker>& worker : workers_) worker->join();
    const std::lock_guard lock(mutex_);
    drop_workers();
  }

  void spawn(Task<void> job) {
    const std::lock_guard lock(mutex_);
    if (is_running_) {
      workers_.front()->run_job(std::move(job));
    } else {
      jobs_.push_back(std::move(job));
    }
  }

  void swap_routes(Router router) {
    std::shared_ptr<const RouteSet> routes = RouteSet::compile(std::move(router));
    const std::lock_guard lock(mutex_);
    shared_->set_routes(std::move(routes));
    for (const std::unique_ptr<server::Worker>& worker : workers_) worker->notice_routes();
  }

  Response handle_sync(Request request) {
    std::future<Response> answer;
    {
      const std::lock_guard lock(mutex_);
      for (const std::unique_ptr<server::Worker>& worker : workers_) {
        if (worker->is_own_thread()) throw std::logic_error("handle_sync on a worker's own thread");
      }
      if (is_running_) answer = post_to_worker(std::move(request));
    }
    if (!answer.valid()) return server::handle_on_this_thread(shared_, std::move(request));
    try {
      return answer.get();
    } catch (const std::future_error&) {  // The workers have ended before it was its turn.
      return Response::failure(Error(Errc::cancelled, Origin::gateway, "the gateway has stopped"));
    }
  }

  void reload_certificates() {
    std::vector<std::string> problems;
    const std::lock_guard lock(mutex_);
    for (const std::shared_ptr<server::TlsServer>& tls : tls_) {
      std::vector<std::string> own;
      tls->reload(own);
      std::move(own.begin(), own.end(), std::back_inserter(problems));
    }
    if (!problems.empty()) throw ConfigError(std::move(problems));
  }

  void stop_on_signals() { stops_on_signals_ = true; }

  std::shared_ptr<const server::GatewayShared> shared() const noexcept { return shared_; }

  GatewayStats stats() const {
    const std::lock_guard lock(mutex_);
    GatewayStats stats{shared_->connections_accepted.load(),
                       shared_->connections_open.load(),
                       requests_before_,
                       shared_->tls_failures.load(),
                       shared_->proxy_header_failures.load(),
                       shared_->http2_abuses.load(),
                       shared_->listener_pauses.load()};
    for (const std::unique_ptr<server::Worker>& worker : workers_) {
      stats.requests += worker->requests();
    }
    return stats;
  }

 private:
  server::ListeningSocket socket_for(std::string_view address,
                                     std::shared_ptr<const server::ListenConfig> config) {
    if (server::is_inherited(address)) {
      return {address, std::move(config), server::inherited_sockets(address)};
    }
    const std::string& succession = shared_->options.succession;
    if (!heritage_ && !succession.empty()) heritage_ = server::Heritage::claim(succession);
    if (heritage_) {
      std::vector<net::Fd> inherited = heritage_->take(server::parse_listen_address(address));
      if (!inherited.empty()) return {address, std::move(config), std::move(inherited)};
    }
    return {address, std::move(config)};
  }

  std::future<Response> post_to_worker(Request request) {
    std::promise<Response> promise;
    std::future<Response> answer = promise.get_future();
    workers_.front()->run_task(answer_to(std::move(promise), shared_, std::move(request)));
    return answer;
  }

  static Task<void> answer_to(std::promise<Response> promise,
                              std::shared_ptr<const server::GatewayShared> shared,
                              Request request) {
    Response answer = co_await server::handle_in_process(std::move(shared), std::move(request));
    promise.set_value(std::move(answer));
  }

  /// Before any thread runs: who is told that it has started can connect.
  void open_listeners() {
    std::vector<server::ListeningSocket> sockets = std::exchange(sockets_, {});
    try {
      for (server::ListeningSocket& socket : sockets) add_listeners(socket);
      if (!shared_->options.succession.empty()) bequeath();
    } catch (...) {
      estate_ = {};
      drop_workers();
      throw;
    }
  }

  void add_listeners(server::ListeningSocket& socket) {
    std::vector<net::Fd> fds = std::move(socket).listen(workers_.size());
    if (!socket.is_inherited() && !shared_->options.succession.empty()) {
      for (const net::Fd& fd : fds) estate_.sockets.push_back(net::duplicate(fd.get()));
      if (socket.path()) estate_.paths.push_back(socket.path());
    }
    for (std::size_t i = 0; i < fds.size(); ++i) {
      workers_[i % workers_.size()]->add_listener(std::move(fds[i]), socket.path(),
                                                  socket.config());
    }
  }

  void bequeath() {
    paths_ = estate_.paths;
    workers_.front()->bequeath(shared_->options.succession, std::exchange(estate_, {}),
                               [this] { retire(); });
  }

  /// From now on the clients of a predecessor are ours.
  void take_over() {
    for (const std::shared_ptr<server::UnixPath>& path : std::exchange(paths_, {})) path->claim();
    if (heritage_) heritage_->tell_serving();
    heritage_.reset();
  }

  void retire() {
    const std::lock_guard lock(mutex_);
    for (const std::unique_ptr<server::Worker>& worker : workers_) worker->retire();
  }

  /// Workers serve once: a gateway that starts again has new ones.
  void make_workers() {
    const unsigned count = worker_count(shared_->options.workers);
    for (unsigned i = 0; i < count; ++i) {
      workers_.push_back(std::make_unique<server::Worker>(*shared_, i, host_loop_));
    }
  }

  Workers drop_workers() {
    is_running_ = false;
    tls_.clear();
    for (const std::unique_ptr<server::Worker>& worker : workers_) {
      requests_before_ += worker->requests();
    }
    return std::exchange(workers_, {});
  }

  /// On the worker's thread. Those with a thread of their own are dropped by `wait`.
  void worker_ended() {
    Workers ended;
    std::vector<Function<void()>> on_stopped;
    {
      const std::lock_guard lock(mutex_);
      if (--serving_ > 0) return;
      on_stopped.swap(on_stopped_);
      if (host_loop_ != nullptr) ended = drop_workers();
    }
    for (Function<void()>& each : on_stopped) each();
  }

  std::shared_ptr<server::GatewayShared> shared_;
  mutable std::mutex mutex_;  // Guards what follows.
  uv_loop_s* host_loop_ = nullptr;
  Workers workers_;               // Empty but while it runs.
  std::size_t serving_ = 0;       // Workers that have not ended.
  std::vector<Task<void>> jobs_;  // For the next start.
  std::vector<Function<void()>> on_stopped_;
  std::vector<std::shared_ptr<server::TlsServer>> tls_;   // Of the listeners.
  std::vector<server::ListeningSocket> sockets_;          // For the next start.
  std::optional<server::Heritage> heritage_;              // Once a predecessor was looked for.
  server::Bequest::Estate estate_;                        // While listeners are opened.
  std::vector<std::shared_ptr<server::UnixPath>> paths_;  // Of the predecessor, until we serve.
  std::uint64_t requests_before_ = 0;
  bool is_running_ = false;
  bool stops_on_signals_ = false;
};

Handler ready() {
  return [](Context& ctx) -> Task<Response> {
    Response answer = ctx.is_stopping()
                          ? Response::problem(Status::service_unavailable, "It is to stop.")
                          : Response::text(Status::ok, "ready\n");
    answer.headers.set("cache-control", "no-store");
    co_return answer;
  };
}

Gateway::Gateway(Router router, GatewayOptions options)
    : impl_(std::make_unique<Impl>(std::move(router), std::move(options))) {}

Gateway::~Gateway() = default;

std::uint16_t Gateway::listen(std::string_view address, ListenOptions options) {
  return impl_->listen(address, options);
}

void Gateway::attach(uv_loop_s* loop) { impl_->attach(loop); }

void Gateway::start() { impl_->start(); }

void Gateway::stop() { impl_->stop(); }

void Gateway::stop(Function<void()> on_stopped) { impl_->stop(std::move(on_stopped)); }

void Gateway::spawn(Task<void> job) { impl_->spawn(std::move(job)); }

void Gateway::wait() { impl_->wait(); }

int Gateway::run() {
  start();
  wait();
  return 0;
}

void Gateway::reload_certificates() { impl_->reload_certificates(); }

void Gateway::swap_routes(Router router) { impl_->swap_routes(std::move(router)); }

void Gateway::stop_on_signals() { impl_->stop_on_signals(); }

Task<Response> Gateway::handle(Request request) const {
  return server::handle_in_process(impl_->shared(), std::move(request));
}

Response Gateway::handle_sync(Request request) const {
  return impl_->handle_sync(std::move(request));
}

Explanation Gateway::explain(const Request& request, EncodedSlash encoded_slash) const {
  return impl_->shared()->routes()->explain(request, encoded_slash);
}

GatewayStats Gateway::stats() const { return impl_->stats(); }

}  // namespace gatewaykit
