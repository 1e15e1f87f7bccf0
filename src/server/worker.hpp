// SPDX-License-Identifier: Apache-2.0
// Worker: one loop, on a thread of its own or within the host's: its listeners, the connections
// that they accept, the host's jobs, and draining. Everything but the constructor and the posting
// calls runs on the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "gatewaykit/core/cancel_scope.hpp"
#include "net/loop.hpp"
#include "net/socket_connector.hpp"
#include "server/connection.hpp"
#include "server/listener.hpp"
#include "server/newcomer.hpp"
#include "server/served_routes.hpp"
#include "server/shared.hpp"
#include "server/succession.hpp"

namespace gatewaykit::server {

class Worker {
 public:
  /// `number`: from 0, each worker's own. `host_loop`: null for a loop and a thread of its own.
  Worker(GatewayShared& shared, std::size_t number, uv_loop_t* host_loop);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  /// Before `start`. Takes a listening socket over.
  void add_listener(net::Fd fd, std::shared_ptr<UnixPath> path,
                    std::shared_ptr<const ListenConfig> config);
  /// Before `start`. Has a successor take the gateway's place.
  void bequeath(const std::string& path, Bequest::Estate estate, Function<void()> on_served);
  /// SIGTERM and SIGINT call `on_signal` on this worker's thread.
  void watch_signals(Function<void()> on_signal);
  /// Serves until it has been stopped; `on_ended` then comes as the last thing, on the loop's
  /// thread, and may destroy a worker on a host's loop.
  void start(Function<void()> on_ended);
  /// A worker on a host's loop lives on without its owner, until it has stopped.
  static void let_go(std::unique_ptr<Worker> worker, Function<void()> on_ended);
  /// Any thread. The second call ends the drain at once.
  void stop();
  /// Any thread. A successor serves the same sockets: drains without delay, and idle clients may
  /// ask once more.
  void retire();
  /// Waits for the thread, where there is one.
  void join();
  /// Any thread. The shared routes have been swapped: has an idle worker let go of the old ones.
  void notice_routes();
  /// Any thread. Runs `task` within the worker's scope; destroys it unrun where the worker ends.
  void run_task(Task<void> task);
  /// Any thread. The same for a job of the host, which is cancelled once all clients are gone.
  void run_job(Task<void> job);
  bool is_own_thread() const noexcept { return std::this_thread::get_id() == thread_id_; }
  std::uint64_t requests() const noexcept { return requests_.load(std::memory_order_relaxed); }

  // --- For listeners and connections.
  GatewayShared& shared() noexcept { return shared_; }
  std::size_t number() const noexcept { return number_; }
  net::Loop& loop() noexcept { return loop_; }
  /// The routes of now.
  ServedRoutes::Use routes() {
    if (shared_.swaps() != swaps_) adopt_routes();
    return routes_.use();
  }
  /// No new clients, soon or already.
  bool is_stopping() const noexcept { return is_stopping_; }
  Env env() noexcept { return {&loop_, &scope_, &connector_}; }
  /// Serves an accepted socket until its end.
  void serve(net::Fd fd, const net::SocketAddress& peer,
             const std::shared_ptr<const ListenConfig>& config);
  /// A socket was accepted; it has been closed.
  void count_opened() noexcept;
  void count_closed() noexcept;
  void connection_opened(Listed& connection);
  void connection_closed(Listed& connection) noexcept;
  /// It waits for a request; it waits no more.
  void connection_idle(Listed& connection) noexcept;
  void connection_busy(Listed& connection) noexcept;
  /// Ends the connection that has been idle for longest, if that is long enough.
  void make_room() noexcept;
  HandshakeGate& handshakes() noexcept { return handshakes_; }
  void count_request() noexcept {
    // One writer: no locked instruction needed.
    requests_.store(requests_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  /// The value of the Date field now, made once per second (RFC 9110 section 6.6.1).
  std::string_view date() noexcept;

 private:
  void run();
  void begin();
  void end();
  void leave_loop();
  void begin_stop();
  void begin_drain();
  void begin_retirement();
  void drain_within_timeout();
  ConnectionList& list_of(const Listed& connection) noexcept;
  Task<void> drain();
  Task<void> guard(Task<void> job);
  void close_signals() noexcept;
  void adopt_routes();
  void dispose(std::shared_ptr<const RouteSet> unused);
  static void on_trim_timer(Timer& timer) noexcept;

  struct TrimTimer : Timer {
    explicit TrimTimer(Worker& owner) noexcept : Timer(&Worker::on_trim_timer), worker(owner) {}
    Worker& worker;
  };
  struct DelayTimer : Timer {
    explicit DelayTimer(Worker& owner) noexcept
        : Timer(
              [](Timer& timer) noexcept { static_cast<DelayTimer&>(timer).worker.begin_drain(); }),
          worker(owner) {}
    Worker& worker;
  };
  struct DrainTimer : Timer {
    explicit DrainTimer(CancelScope& cancelled) noexcept
        : Timer([](Timer& timer) noexcept { static_cast<DrainTimer&>(timer).scope.cancel(); }),
          scope(cancelled) {}
    CancelScope& scope;
  };
  struct SignalWatch;

  GatewayShared& shared_;
  const std::size_t number_;
  std::unique_ptr<SignalWatch> signals_;  // Outlives the loop, which closes its handles.
  net::Loop loop_;
  net::SocketConnector connector_;
  ServedRoutes routes_;
  std::uint64_t swaps_ = 0;  // As of routes_.
  CancelScope scope_;        // Of all connections.
  CancelScope job_scope_;    // Of the host's jobs.
  CancelScope drain_scope_;  // Of the task that ends the worker.
  TrimTimer trim_timer_;
  DelayTimer delay_timer_;
  DrainTimer drain_timer_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unique_ptr<Bequest> bequest_;
  ConnectionList busy_;
  ConnectionList idle_;  // Those that have been idle for longest come first.
  HandshakeGate handshakes_;
  std::atomic<std::uint64_t> requests_{0};
  bool is_stop_asked_ = false;
  bool is_stopping_ = false;
  bool is_draining_ = false;
  bool is_running_ = false;
  Function<void()> on_ended_;
  std::thread thread_;
  std::thread::id thread_id_;

  std::int64_t date_second_ = -1;
  char date_[32] = {};
  std::size_t date_size_ = 0;
};

}  // namespace gatewaykit::server
