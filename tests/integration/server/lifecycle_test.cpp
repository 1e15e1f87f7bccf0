// SPDX-License-Identifier: Apache-2.0
// A gateway inside a host's process: it starts, drains, stops and starts again without leaving a
// thread, a descriptor or memory behind, beside others of its kind.
#include <dirent.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"
#include "served.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

const std::string kGet = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// A number of /proc/self/status, such as "Threads" or "VmRSS" (KiB).
long status_of_process(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stol(line.substr(name.size() + 1));
  }
  return -1;
}

int open_descriptors() {
  int count = 0;
  DIR* const folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

void serve_once(std::uint16_t workers) {
  GatewayOptions options;
  options.workers = workers;
  Gateway gateway(answering("ok"), std::move(options));
  const std::uint16_t port = gateway.listen("127.0.0.1:0");
  gateway.start();
  SocketPeer client = SocketPeer::dial(port);
  client.write(kGet);
  if (client.read_message().body != "ok") throw std::runtime_error("not served");
  client.close();
  gateway.stop();
  gateway.wait();
}

std::vector<std::string> problems_of(const std::function<void()>& wiring) {
  try {
    wiring();
  } catch (const ConfigError& error) {
    return error.problems();
  }
  return {};
}

}  // namespace

TEST_CASE("a thousand starts and stops leave nothing behind") {
  for (int i = 0; i < 50; ++i) serve_once(2);
  const long threads = status_of_process("Threads");
  const int descriptors = open_descriptors();
  const long memory = status_of_process("VmRSS");
  for (int i = 0; i < 1000; ++i) serve_once(2);
  CHECK(status_of_process("Threads") == threads);
  CHECK(open_descriptors() == descriptors);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(status_of_process("VmRSS") < memory + 1024);
#else
  static_cast<void>(memory);
#endif
}

TEST_CASE("several gateways live in one process and share a pool") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  const UpstreamPool pool(upstream_of(origin));
  Router first;
  first.any("/*", proxy(pool));
  Router second;
  second.any("/*", proxy(pool));
  Served one(std::move(first));
  {
    Served two(std::move(second));
    CHECK(one.get("/").body == "ok");
    CHECK(two.get("/").body == "ok");
  }
  CHECK(one.get("/").body == "ok");
  CHECK(pool.stats().targets.front().requests == 3);
}

TEST_CASE("draining lets what runs end, ends what is idle and refuses what is new") {
  Signal reached;
  Signal may_answer;
  SocketUpstream origin([&](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    reached.set();
    may_answer.wait();
    gateway.write(kSmallAnswer);
  });
  Served served(forwarding_to(origin));
  SocketPeer idle = served.dial();
  SocketPeer busy = served.dial();
  busy.write(kGet);
  reached.wait();
  served.gateway().stop();
  CHECK(idle.read_bytes().empty());
  CHECK_FALSE(idle.was_reset());
  CHECK_THROWS(served.dial());
  may_answer.set();
  const WireMessage answer = busy.read_message();
  CHECK(answer.body == "ok");
  CHECK(answer.field("connection") == "close");
  served.gateway().wait();
  CHECK(served.gateway().stats().connections_open == 0);
}

TEST_CASE("readiness goes before clients are refused") {
  Router router;
  router.get("/ready", ready());
  GatewayOptions options;
  options.drain_delay = 300ms;
  Served served(std::move(router), {}, std::move(options));
  CHECK(served.get("/ready").status() == 200);
  served.gateway().stop();
  while (served.get("/ready").status() == 200) std::this_thread::yield();
  CHECK(served.get("/ready").status() == 503);
  served.gateway().wait();
  CHECK_THROWS(served.dial());
}

TEST_CASE("a second stop does not wait for the delay") {
  GatewayOptions options;
  options.drain_delay = 1h;
  Served served(answering("x"), {}, std::move(options));
  served.gateway().stop();
  served.gateway().stop();
  served.gateway().wait();
}

TEST_CASE("a host may render failures its own way") {
  GatewayOptions options;
  options.render_error = [](const Context& ctx, Response& response) {
    response.headers.set("content-type", "text/x");
    response.body = Body(Chunk::copy_of(std::string(ctx.request().target) + " " +
                                        std::to_string(code(response.status))));
  };
  Router router = answering("x");
  router.get("/own", [](Context&) -> Task<Response> {
    Response own = Response::problem(Status::conflict, "kept");
    own.body = Body(Chunk::copy_of("own"));
    co_return own;
  });
  Served served(std::move(router), {}, std::move(options));
  const WireMessage missing = served.get("/nowhere");
  CHECK(missing.body == "/nowhere 404");
  CHECK(missing.field("content-type") == "text/x");
  CHECK(served.ask("GET / HTTP/1.1\r\n\r\n").body == "/ 400");
  CHECK(served.get("/own").body == "own");
  VirtualExecutor executor;
  Response in_process = executor.run(served.gateway().handle(Request(Method::get, "/gone")));
  CHECK(*executor.run(in_process.body.collect(100)) == "/gone 404");
}

TEST_CASE("a large download survives the drain") {
  constexpr std::uint64_t kSize = 32 << 20;
  SocketUpstream origin([](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    gateway.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kSize) + "\r\n\r\n");
    for (std::uint64_t sent = 0; sent < kSize; sent += 65536) gateway.write(pattern(sent, 65536));
  });
  Served served(forwarding_to(origin));
  SocketPeer client = served.dial();
  client.write(kGet);
  static_cast<void>(client.read_head());
  served.gateway().stop();
  CHECK(client.read_message().body_size == kSize);
  served.gateway().wait();
}

TEST_CASE("what has not ended by the drain's end is cut, and not taken for complete") {
  SocketUpstream origin([](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    gateway.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    gateway.wait_for_end();
  });
  GatewayOptions options;
  options.drain_timeout = 200ms;
  Served served(forwarding_to(origin), {}, std::move(options));
  SocketPeer client = served.dial();
  client.write(kGet);
  static_cast<void>(client.read_head());
  served.gateway().stop();
  served.gateway().wait();
  CHECK_FALSE(client.read_message().is_complete);
  CHECK(served.endings().next().error);
}

TEST_CASE("a second stop does not wait for the drain") {
  SocketUpstream origin([](SocketPeer& gateway) { gateway.wait_for_end(); });
  GatewayOptions options;
  options.drain_timeout = 1h;
  Served served(forwarding_to(origin), {}, std::move(options));
  SocketPeer client = served.dial();
  client.write(kGet);
  while (origin.connections() == 0) std::this_thread::yield();
  served.gateway().stop();
  served.gateway().stop();
  served.gateway().wait();
  client.wait_for_end();
}

TEST_CASE("a handler may stop its own gateway, and its answer is still sent") {
  Gateway* self = nullptr;
  Router router;
  router.get("/", [&self](Context&) -> Task<Response> {
    self->stop();
    co_return Response::text(Status::ok, "bye");
  });
  Served served(std::move(router));
  self = &served.gateway();
  CHECK(served.get("/").body == "bye");
  served.gateway().wait();
}

TEST_CASE("a gateway that goes while it serves ends its connections") {
  SocketUpstream origin([](SocketPeer& gateway) { gateway.wait_for_end(); });
  std::optional<Served> served(std::in_place, forwarding_to(origin));
  SocketPeer client = served->dial();
  client.write(kGet);
  while (origin.connections() == 0) std::this_thread::yield();
  served.reset();
  client.wait_for_end();
}

TEST_CASE("a gateway serves again after it has stopped") {
  Gateway gateway(answering("again"));
  for (int i = 0; i < 3; ++i) {
    const std::uint16_t port = gateway.listen("127.0.0.1:0");
    gateway.start();
    SocketPeer client = SocketPeer::dial(port);
    client.write(kGet);
    CHECK(client.read_message().body == "again");
    gateway.stop();
    gateway.wait();
  }
  CHECK(gateway.stats().requests == 3);
}

TEST_CASE("routes are swapped under load without a failed request, and old ones go") {
  const auto alive = std::make_shared<int>(0);
  const auto answering_with = [&alive](int generation) {
    Router router;
    router.get("/", [generation, alive](Context&) -> Task<Response> {
      co_return Response::text(Status::ok, std::to_string(generation));
    });
    return router;
  };
  GatewayOptions options;
  options.workers = 2;
  Gateway gateway(answering_with(0), std::move(options));
  const std::uint16_t port = gateway.listen("127.0.0.1:0");
  gateway.start();
  std::atomic<bool> is_over{false};
  std::atomic<int> failed{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back([&] {
      SocketPeer client = SocketPeer::dial(port);
      int latest = 0;
      while (!is_over) {
        client.write(kGet);
        const WireMessage answer = client.read_message();
        // One worker serves a connection: it never goes back to older routes.
        const int seen = answer.status() == 200 ? std::stoi(answer.body) : -1;
        if (seen < latest) ++failed;
        latest = std::max(seen, latest);
      }
    });
  }
  for (int i = 1; i <= 200; ++i) gateway.swap_routes(answering_with(i));
  SocketPeer last = SocketPeer::dial(port);
  for (std::string body; body != "200"; body = last.read_message().body) last.write(kGet);
  is_over = true;
  for (std::thread& client : clients) client.join();
  CHECK(failed == 0);
  // Each router held it; what the workers are done with is destroyed while they run.
  while (alive.use_count() > 3) std::this_thread::yield();
}

TEST_CASE("an exchange goes on by the routes that it began with") {
  Signal entered;
  Signal goes_on;
  SocketUpstream origin([&](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    entered.set();
    goes_on.wait();
    gateway.write(kSmallAnswer);
  });
  Served served(forwarding_to(origin));
  SocketPeer client = served.dial();
  client.write(kGet);
  entered.wait();
  served.gateway().swap_routes(answering("new"));
  CHECK(served.get("/").body == "new");
  goes_on.set();
  CHECK(client.read_message().body == "ok");
  client.write(kGet);
  CHECK(client.read_message().body == "new");
}

TEST_CASE("routes with a mistake change nothing") {
  Served served(answering("old"));
  Router wrong;
  wrong.get("no slash", [](Context&) -> Task<Response> { co_return Response(); });
  CHECK(problems_of([&] { served.gateway().swap_routes(std::move(wrong)); }).size() == 1);
  CHECK(served.get("/").body == "old");
}

TEST_CASE("stop and wait without a start, twice or none, do nothing") {
  Gateway gateway(answering("x"));
  gateway.stop();
  gateway.wait();
  static_cast<void>(gateway.listen("127.0.0.1:0"));
  gateway.stop();
  gateway.wait();
}

TEST_CASE("an address in use, or none, is refused before anything listens") {
  Served served(answering("x"));
  Gateway gateway(answering("y"));
  for (const std::string& address :
       {"127.0.0.1:" + std::to_string(served.port()), std::string("127.0.0.1"),
        std::string("127.0.0.1:99999"), std::string("127.0.0.1:-1"), std::string(":80"),
        std::string("nobody.test:80"), std::string("203.0.113.1:0"), std::string("")}) {
    INFO(address);
    const auto problems = problems_of([&] { static_cast<void>(gateway.listen(address)); });
    REQUIRE(problems.size() == 1);
    CHECK(problems.front().find("'" + address + "'") != std::string::npos);
  }
  const auto problems = problems_of([&] {
    ListenOptions options;
    options.limits.target = 0;
    options.limits.header_timeout = 0s;
    options.trusted_proxies = {"10.0.0.0/8", "nonsense"};
    static_cast<void>(gateway.listen("127.0.0.1:0", options));
  });
  CHECK(problems.size() == 3);
}

TEST_CASE("an address that another gateway serves meanwhile is refused, whoever would share it") {
  const unsigned workers = GENERATE(1U, 2U);
  const auto with_workers = [workers] {
    GatewayOptions options;
    options.workers = workers;
    return options;
  };
  Gateway first(answering("first"), with_workers());
  Gateway second(answering("second"), with_workers());
  const std::string address = "127.0.0.1:" + std::to_string(first.listen("127.0.0.1:0"));
  static_cast<void>(second.listen("127.0.0.1:0"));
  static_cast<void>(second.listen(address));  // Nobody listens there yet.
  first.start();
  const auto problems = problems_of([&] { second.start(); });
  REQUIRE(problems.size() == 1);
  CHECK(problems.front().find("'" + address + "'") != std::string::npos);
  // It can be started all the same, elsewhere.
  const std::uint16_t port = second.listen("127.0.0.1:0");
  second.start();
  SocketPeer client = SocketPeer::dial(port);
  client.write(kGet);
  CHECK(client.read_message().body == "second");
}

TEST_CASE("an address given twice to one gateway is refused at the start") {
  GatewayOptions options;
  options.workers = 2;
  Gateway gateway(answering("x"), std::move(options));
  const std::string address = "127.0.0.1:" + std::to_string(gateway.listen("127.0.0.1:0"));
  static_cast<void>(gateway.listen(address));
  CHECK(problems_of([&] { gateway.start(); }).size() == 1);
}

TEST_CASE("no address is added while a gateway runs") {
  Served served(answering("x"));
  CHECK(problems_of([&] { static_cast<void>(served.gateway().listen("127.0.0.1:0")); }).size() ==
        1);
}

TEST_CASE("port 0 is one port for all workers, and all of them serve it") {
  GatewayOptions options;
  options.workers = 2;
  std::mutex mutex;
  std::vector<std::thread::id> workers;
  Router router;
  router.get("/", [&](Context&) -> Task<Response> {
    const std::lock_guard lock(mutex);
    if (std::find(workers.begin(), workers.end(), std::this_thread::get_id()) == workers.end()) {
      workers.push_back(std::this_thread::get_id());
    }
    co_return Response::text(Status::ok, "ok");
  });
  Served served(std::move(router), {}, std::move(options));
  // The kernel spreads connections by a hash: with two hundred, one side without any is no chance.
  for (int i = 0; i < 200; ++i) CHECK(served.get("/").body == "ok");
  const std::lock_guard lock(mutex);
  CHECK(workers.size() == 2);
}

TEST_CASE("IPv6 is served where it is written in brackets") {
  Gateway gateway(answering("six"));
  const std::uint16_t port = gateway.listen("[::1]:0");
  CHECK(port != 0);
}

TEST_CASE("stats count what was served") {
  Served served(answering("ok"));
  SocketPeer client = served.dial();
  for (int i = 0; i < 3; ++i) {
    client.write(kGet);
    static_cast<void>(client.read_message());
  }
  const GatewayStats stats = served.gateway().stats();
  CHECK(stats.requests == 3);
  CHECK(stats.connections_accepted == 1);
  CHECK(stats.connections_open == 1);
}

TEST_CASE("traffic, stats and a stop from other threads do not disturb each other") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  GatewayOptions options;
  options.workers = 2;
  Served served(forwarding_to(origin), {}, std::move(options));
  std::atomic<int> answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      try {
        for (int n = 0; n < 200; ++n) {
          if (served.get("/").status() == 200) ++answered;
          static_cast<void>(served.gateway().stats());
        }
      } catch (const std::exception&) {
        // The gateway has stopped.
      }
    });
  }
  while (answered < 100) std::this_thread::yield();
  served.gateway().stop();
  for (std::thread& client : clients) client.join();
  served.gateway().wait();
  CHECK(answered >= 100);
}

TEST_CASE("a host without coroutines asks in-process and waits") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  const auto text_of = [](Response& response) {
    VirtualExecutor executor;
    return *executor.run(response.body.collect(100));
  };
  Gateway* self = nullptr;
  Router router = forwarding_to(origin);
  router.get("/asks-itself", [&self](Context&) -> Task<Response> {
    Response answer = self->handle_sync(Request(Method::get, "/"));
    co_return answer;
  });
  Served served(std::move(router));
  self = &served.gateway();
  SECTION("while the gateway runs: on a worker, and from many threads") {
    std::vector<std::thread> hosts;
    std::atomic<int> answered{0};
    for (int i = 0; i < 4; ++i) {
      hosts.emplace_back([&] {
        for (int n = 0; n < 50; ++n) {
          Response answer = served.gateway().handle_sync(Request(Method::get, "/"));
          if (text_of(answer) == "ok") ++answered;
        }
      });
    }
    for (std::thread& host : hosts) host.join();
    CHECK(answered == 200);
    CHECK(served.get("/asks-itself").status() == 500);  // Instead of waiting for itself.
  }
  SECTION("an answer that needs no wait, without a start") {
    const Gateway gateway(answering("at once"));
    Response answer = gateway.handle_sync(Request(Method::get, "/"));
    CHECK(text_of(answer) == "at once");
  }
  SECTION("before it starts, or after it has stopped: on this thread") {
    served.gateway().stop();
    served.gateway().wait();
    Response answer = served.gateway().handle_sync(Request(Method::get, "/"));
    CHECK(text_of(answer) == "ok");
  }
}

TEST_CASE("a request in-process passes the same routes and layers") {
  Router router;
  router.use([](Context& ctx, Next next) -> Task<Response> {
    Response response = co_await next(ctx);
    response.headers.set("x-layer", "1");
    co_return response;
  });
  router.post("/echo", [](Context& ctx) -> Task<Response> {
    Result<std::string> content = co_await ctx.request().body.collect(1000);
    co_return Response::text(Status::ok, *content);
  });
  router.get("/who", [](Context& ctx) -> Task<Response> {
    co_return Response::text(Status::ok, ctx.client().text());
  });
  router.get("/throws", [](Context&) -> Task<Response> {
    throw std::runtime_error("secret");
    co_return Response();
  });
  router.get("/endless", [](Context&) -> Task<Response> {
    Response response;
    response.body = ScriptedBody().fill(20 << 20).body();
    co_return response;
  });
  const Gateway gateway(std::move(router));
  VirtualExecutor executor;
  const auto handle = [&](Request request) {
    return executor.run(gateway.handle(std::move(request)));
  };
  const auto content = [&](Response& response) {
    return *executor.run(response.body.collect(20 << 20));
  };

  Request post(Method::post, "/echo");
  post.body = Body(Chunk::copy_of("hello"));
  Response echoed = handle(std::move(post));
  CHECK(content(echoed) == "hello");
  CHECK(echoed.headers.get("x-layer") == "1");

  Response who = handle(Request(Method::get, "/who"));
  CHECK(content(who) == "unix");

  Response missing = handle(Request(Method::get, "/nowhere"));
  CHECK(missing.status == Status::not_found);
  CHECK(content(missing).find("\"status\":404") != std::string::npos);

  CHECK(handle(Request(Method::get, "/throws")).status == Status::internal_server_error);
  CHECK(handle(Request(Method::get, "/endless")).status == Status::bad_gateway);
}
