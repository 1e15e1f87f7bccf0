// SPDX-License-Identifier: Apache-2.0
// A gateway on the loop of its host: it serves there, leaves nothing behind, and runs jobs of the
// host's beside the clients.
#include <uv.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "catch.hpp"
#include "gatewaykit/core/async.hpp"
#include "gatewaykit/core/error.hpp"
#include "served.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

const std::string kGet = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";

/// The host's loop. Closing it fails where anything is left on it.
struct HostLoop {
  HostLoop() { uv_loop_init(&loop); }
  HostLoop(const HostLoop&) = delete;
  HostLoop& operator=(const HostLoop&) = delete;
  ~HostLoop() {
    if (!is_closed) uv_loop_close(&loop);
  }
  void run() { uv_run(&loop, UV_RUN_DEFAULT); }
  int close() {
    is_closed = true;
    return uv_loop_close(&loop);
  }

  uv_loop_t loop;
  bool is_closed = false;
};

/// A client on a thread of its own, since the test's thread runs the loop.
class Client {
 public:
  Client(std::uint16_t port, std::function<void()> then)
      : thread_([this, port, then = std::move(then)] {
          SocketPeer peer = SocketPeer::dial(port);
          peer.write(kGet);
          answer_ = peer.read_message();
          then();
        }) {}
  WireMessage answer() {
    thread_.join();
    return answer_;
  }

 private:
  WireMessage answer_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("a gateway serves on the loop of its host, and leaves it empty") {
  HostLoop host;
  Gateway gateway(answering("hosted"));
  gateway.attach(&host.loop);
  const std::uint16_t port = gateway.listen("127.0.0.1:0");
  gateway.start();
  int stopped = 0;
  const auto loop_thread = std::this_thread::get_id();
  Client client(port, [&] {
    gateway.stop([&] {
      ++stopped;
      CHECK(std::this_thread::get_id() == loop_thread);
    });
  });
  host.run();
  CHECK(client.answer().body == "hosted");
  CHECK(stopped == 1);
  CHECK(host.close() == 0);
  CHECK(gateway.stats().requests == 1);
}

TEST_CASE("an attached gateway starts again, also from its own on_stopped") {
  HostLoop host;
  Gateway gateway(answering("again"));
  gateway.attach(&host.loop);
  for (int i = 0; i < 100; ++i) {
    const std::uint16_t port = gateway.listen("127.0.0.1:0");
    gateway.start();
    Client client(port, [&] { gateway.stop(); });
    host.run();
    REQUIRE(client.answer().body == "again");
  }
  std::optional<Client> second;
  gateway.listen("127.0.0.1:0");
  gateway.start();
  gateway.stop([&] {
    const std::uint16_t port = gateway.listen("127.0.0.1:0");
    gateway.start();
    second.emplace(port, [&] { gateway.stop(); });
  });
  host.run();
  CHECK(second->answer().body == "again");
  CHECK(host.close() == 0);
}

TEST_CASE("an attached gateway that is destroyed while it serves lets go of the loop") {
  HostLoop host;
  auto gateway = std::make_unique<Gateway>(answering("short"));
  gateway->attach(&host.loop);
  const std::uint16_t port = gateway->listen("127.0.0.1:0");
  gateway->start();
  SocketPeer idle = SocketPeer::dial(port);
  bool has_stopped = false;
  gateway->stop([&] { has_stopped = true; });
  gateway.reset();
  host.run();
  CHECK(has_stopped);
  CHECK(idle.read_message().is_complete == false);
  CHECK(host.close() == 0);
}

TEST_CASE("on_stopped may destroy the attached gateway") {
  HostLoop host;
  auto gateway = std::make_unique<Gateway>(answering("gone"));
  gateway->attach(&host.loop);
  gateway->start();
  gateway->stop([&] { gateway.reset(); });
  host.run();
  CHECK(gateway == nullptr);
  CHECK(host.close() == 0);
}

TEST_CASE("a loop is not let go of before what was asked of libuv is done") {
  // The name is looked up on libuv's pool, which nobody can interrupt.
  HostLoop host;
  Router router;
  UpstreamOptions options;
  options.targets = {UpstreamTarget("http://nowhere.invalid:1")};
  router.any("/*", proxy(UpstreamPool(std::move(options))));
  GatewayOptions fast;
  fast.drain_timeout = 1ms;
  Gateway gateway(std::move(router), std::move(fast));
  gateway.attach(&host.loop);
  const std::uint16_t port = gateway.listen("127.0.0.1:0");
  gateway.start();
  SocketPeer client = SocketPeer::dial(port);
  client.write(kGet);
  gateway.spawn([](Gateway& self) -> Task<void> {
    while (self.stats().requests == 0) co_await sleep_for(1ms);
    self.stop();
  }(gateway));
  host.run();
  CHECK(host.close() == 0);
}

TEST_CASE("a host's own work goes on beside an attached gateway") {
  HostLoop host;
  Gateway gateway(answering("shared"));
  gateway.attach(&host.loop);
  const std::uint16_t port = gateway.listen("127.0.0.1:0");
  gateway.start();
  uv_timer_t ticker;
  int ticks = 0;
  uv_timer_init(&host.loop, &ticker);
  ticker.data = &ticks;
  uv_timer_start(
      &ticker, [](uv_timer_t* timer) { ++*static_cast<int*>(timer->data); }, 1, 1);
  Client client(port, [&] {
    gateway.stop([&] { uv_close(reinterpret_cast<uv_handle_t*>(&ticker), nullptr); });
  });
  host.run();
  CHECK(client.answer().body == "shared");
  CHECK(host.close() == 0);
}

TEST_CASE("what cannot be with a host's loop is refused with a sentence") {
  HostLoop host;
  SECTION("several workers") {
    GatewayOptions options;
    options.workers = 2;
    Gateway gateway(answering(""), std::move(options));
    CHECK_THROWS_WITH(gateway.attach(&host.loop), Catch::Contains("workers must be 1"));
  }
  SECTION("to wait for it") {
    Gateway gateway(answering(""));
    gateway.attach(&host.loop);
    CHECK_THROWS_AS(gateway.wait(), std::logic_error);
  }
  SECTION("to attach it while it runs") {
    Gateway gateway(answering(""));
    gateway.start();
    CHECK_THROWS_AS(gateway.attach(&host.loop), std::logic_error);
  }
  SECTION("to wait for an answer on the loop's own thread") {
    Gateway gateway(answering(""));
    gateway.attach(&host.loop);
    gateway.start();
    CHECK_THROWS_AS(gateway.handle_sync(Request()), std::logic_error);
  }
  uv_run(&host.loop, UV_RUN_DEFAULT);
  CHECK(host.close() == 0);
}

TEST_CASE("other threads may ask an attached gateway in-process") {
  HostLoop host;
  Gateway gateway(answering("asked"));
  gateway.attach(&host.loop);
  gateway.start();
  Response answer;
  std::thread other([&] {
    Request request;
    request.target = "/";
    answer = gateway.handle_sync(std::move(request));
    gateway.stop();
  });
  host.run();
  other.join();
  CHECK(answer.status == Status::ok);
  CHECK(host.close() == 0);
}

TEST_CASE("on_stopped is told of workers with threads of their own, too") {
  GatewayOptions options;
  options.workers = 3;
  Gateway gateway(answering(""), std::move(options));
  SECTION("once the last one has ended") {
    gateway.start();
    Signal stopped;
    gateway.stop([&] { stopped.set(); });
    stopped.wait();
    gateway.wait();
  }
  SECTION("at once where it does not run") {
    bool is_told = false;
    gateway.stop([&] { is_told = true; });
    CHECK(is_told);
  }
}

TEST_CASE("a host's jobs run beside the clients, and end with the gateway") {
  Gateway gateway(answering(""));
  Signal begun;
  Signal second;
  std::atomic<int> cancelled{0};
  const auto job = [&cancelled](Signal& started) -> Task<void> {
    started.set();
    const Result<> slept = co_await sleep_for(1h);
    if (!slept && slept.error().code == Errc::cancelled) ++cancelled;
  };
  gateway.spawn(job(begun));  // Before the start: waits for it.
  gateway.start();
  begun.wait();
  gateway.spawn(job(second));
  second.wait();
  gateway.stop();
  gateway.wait();
  CHECK(cancelled == 2);
}

TEST_CASE("a job still runs while the last client is served") {
  Signal reached;
  Signal may_answer;
  SocketUpstream origin([&](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    reached.set();
    may_answer.wait();
    gateway.write(kSmallAnswer);
  });
  Served served(forwarding_to(origin));
  std::atomic<bool> is_cancelled{false};
  Signal runs;
  served.gateway().spawn([](Signal& told, std::atomic<bool>& cancelled) -> Task<void> {
    told.set();
    [[maybe_unused]] const Result<> slept = co_await sleep_for(1h);
    cancelled = true;
  }(runs, is_cancelled));
  runs.wait();
  SocketPeer client = served.dial();
  client.write(kGet);
  reached.wait();
  served.gateway().stop();
  CHECK_FALSE(is_cancelled);
  may_answer.set();
  CHECK(client.read_message().body == "ok");
  served.gateway().wait();
  CHECK(is_cancelled);
}

TEST_CASE("a job that throws is told in the log and ends nothing else") {
  std::mutex mutex;
  std::string lines;
  GatewayOptions options;
  options.log = [&](LogLevel, std::string_view line) {
    const std::lock_guard lock(mutex);
    lines += line;
  };
  Gateway gateway(answering("well"), std::move(options));
  const std::uint16_t port = gateway.listen("127.0.0.1:0");
  gateway.spawn([]() -> Task<void> {
    throw std::runtime_error("the key file is gone");
    co_return;
  }());
  gateway.start();
  SocketPeer client = SocketPeer::dial(port);
  client.write(kGet);
  CHECK(client.read_message().body == "well");
  gateway.stop();
  gateway.wait();
  CHECK(lines.find("a job of the host threw: the key file is gone") != std::string::npos);
}
