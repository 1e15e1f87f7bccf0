// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/access_log.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/core/random.hpp"
#include "gatewaykit/middleware/request_id.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"
#include "gatewaykit/upstream/upstream_pool.hpp"
#include "strict_json.hpp"

using namespace gatewaykit;
using namespace std::chrono_literals;
using testing::ScriptedNext;
using testing::TestExchange;
using testing::VirtualExecutor;

namespace {

/// What the writer has passed on. The writer's thread may be made to wait.
class Collector {
 public:
  Function<void(std::string_view)> sink() {
    return [this](std::string_view text) {
      std::unique_lock lock(mutex_);
      is_in_call_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return !is_held_; });
      is_in_call_ = false;
      text_ += text;
      changed_.notify_all();
    };
  }
  void hold(bool is_held) {
    const std::lock_guard lock(mutex_);
    is_held_ = is_held;
    changed_.notify_all();
  }
  void wait_for_call() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_in_call_; });
  }
  std::vector<std::string> wait_for_lines(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return split().size() >= count; });
    return split();
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return split();
  }

 private:
  std::vector<std::string> split() const {
    std::vector<std::string> lines;
    for (std::size_t begin = 0; begin < text_.size();) {
      const std::size_t end = std::min(text_.find('\n', begin), text_.size() - 1);
      lines.push_back(text_.substr(begin, end + 1 - begin));
      begin = end + 1;
    }
    return lines;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
  bool is_held_ = false;
  bool is_in_call_ = false;
};

/// A worker with an access log.
class Worker {
 public:
  explicit Worker(AccessLogOptions options) : log_(std::in_place, std::move(options)) {
    layer_ = access_log(*log_);
  }
  /// As a gateway stops: the worker's own half first.
  ~Worker() { stop(); }
  void stop() {
    executor_.locals().clear(executor_);
    layer_.reset();
    log_.reset();
  }

  void log(Request request, const Outcome& outcome, const std::function<void(Context&)>& act = {}) {
    TestExchange exchange(executor_, std::move(request));
    if (act) act(exchange.context());
    ScriptedNext next;
    next.respond(Response());
    exchange.run(*layer_, next);
    exchange.context().complete(outcome);
  }
  void log(std::string_view target = "/") {
    log(Request(Method::get, target), {Status::ok, nullptr, 1, 2, 3ms});
  }

  AccessLog& handle() { return *log_; }
  VirtualExecutor& executor() { return executor_; }

 private:
  VirtualExecutor executor_;
  std::optional<AccessLog> log_;
  MiddlewarePtr layer_;
};

/// The one line that a request leaves behind.
std::string line_of(Request request, const Outcome& outcome = {Status::ok, nullptr, 1, 2, 3ms},
                    const std::function<void(Context&)>& act = {}) {
  Collector collector;
  Worker worker({.sink = collector.sink()});
  worker.log(std::move(request), outcome, act);
  worker.stop();
  const std::vector<std::string> lines = collector.lines();
  REQUIRE(lines.size() == 1);
  return lines[0];
}

std::map<std::string, std::string> members_of(std::string_view line) {
  REQUIRE(line.ends_with('\n'));
  return StrictJson::parse(line.substr(0, line.size() - 1));
}

std::string logged_target(std::string_view target) {
  return members_of(line_of(Request(Method::get, target))).at("target");
}

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "gatewaykit-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("A line tells a request and what became of it, in a fixed order") {
  Request request(Method::post, "/users/7?full=1");
  request.authority = "api.example";
  request.headers.set("user-agent", "curl/8.5");
  const Outcome outcome{Status::created, nullptr, 1234, 56789, 1234567us};
  const std::string line = line_of(std::move(request), outcome, [](Context& ctx) {
    ctx.set_route("/users/{id}", nullptr, 0);
    ctx.set(RequestId{String("id-1")});
    ctx.set(UpstreamReport{"users", "http://10.0.0.1:80", 2, 1200us});
  });
  CHECK(line ==
        R"({"time":"2026-01-01T00:00:00.000Z","id":"id-1","client":"192.0.2.1","method":"POST",)"
        R"("target":"/users/7?full=1","host":"api.example","route":"/users/{id}","status":201,)"
        R"("bytes_in":1234,"bytes_out":56789,"duration":1.234567,"pool":"users",)"
        R"("upstream":"http://10.0.0.1:80","attempts":2,"upstream_time":0.001200,)"
        R"("user_agent":"curl/8.5"})"
        "\n");
}

TEST_CASE("What does not apply is left out") {
  CHECK(line_of(Request(Method::get, "/")) ==
        R"({"time":"2026-01-01T00:00:00.000Z","client":"192.0.2.1","method":"GET","target":"/",)"
        R"("status":200,"bytes_in":1,"bytes_out":2,"duration":0.003000})"
        "\n");
}

TEST_CASE("A failure is told with its code, its side and its detail") {
  const Error error(Errc::first_byte_timeout, Origin::upstream, "http://10.0.0.1 was \"silent\"");
  const auto members =
      members_of(line_of(Request(Method::get, "/"), {Status::gateway_timeout, &error, 1, 2, 3ms}));
  CHECK(members.at("status") == "504");
  CHECK(members.at("error") == "first_byte_timeout");
  CHECK(members.at("error_origin") == "upstream");
  CHECK(members.at("error_detail") == "http://10.0.0.1 was \"silent\"");
}

TEST_CASE("The client is told as it was resolved over trusted proxies") {
  VirtualExecutor executor;
  Collector collector;
  MiddlewarePtr layer = access_log({.sink = collector.sink()});
  {
    TestExchange::Client client;
    client.client = Peer(*IpAddress::parse("2001:db8::1"), 0);
    client.is_trusted = true;
    TestExchange exchange(executor, Request(Method::get, "/"), client);
    ScriptedNext next;
    next.respond(Response());
    exchange.run(*layer, next);
    exchange.complete();
  }
  executor.locals().clear(executor);
  CHECK(members_of(collector.wait_for_lines(1)[0]).at("client") == "2001:db8::1");
}

TEST_CASE("Nothing is logged before the exchange is over") {
  Collector collector;
  VirtualExecutor executor;
  MiddlewarePtr layer = access_log({.sink = collector.sink()});
  TestExchange exchange(executor);
  ScriptedNext next;
  next.respond(Response());
  exchange.run(*layer, next);
  executor.advance(1min);
  CHECK(collector.lines().empty());
  exchange.complete();
  executor.advance(1min);
  CHECK(collector.wait_for_lines(1).size() == 1);
}

TEST_CASE("The time of a line is that of the end") {
  Collector collector;
  Worker worker({.sink = collector.sink()});
  worker.log();
  worker.executor().advance(1500ms);
  worker.log();
  worker.stop();
  const auto lines = collector.lines();
  REQUIRE(lines.size() == 2);
  CHECK(members_of(lines[0]).at("time") == "2026-01-01T00:00:00.000Z");
  CHECK(members_of(lines[1]).at("time") == "2026-01-01T00:00:01.500Z");
}

TEST_CASE("Values of secret query parameters are not logged") {
  CHECK(logged_target("/a?token=abc&x=1") == "/a?token=***&x=1");
  CHECK(logged_target("/a?x=1&ACCESS_TOKEN=abc") == "/a?x=1&ACCESS_TOKEN=***");
  CHECK(logged_target("/a?x=1;password=abc;y=2") == "/a?x=1;password=***;y=2");
  CHECK(logged_target("/a?%74oke%6E=abc") == "/a?%74oke%6E=***");
  CHECK(logged_target("/a?token=a=b?token=c") == "/a?token=***");
  CHECK(logged_target("/a?token=abc&token=def") == "/a?token=***&token=***");
  CHECK(logged_target("/a?X-Amz-Signature=abc") == "/a?X-Amz-Signature=***");
}

TEST_CASE("Other parts of a target are logged as they are") {
  const std::string target =
      GENERATE(as<std::string>{}, "/token=abc", "/a?tokens=abc", "/a?xtoken=abc", "/a?token", "/a?",
               "/a??x=token", "/a?=token", "/a?&&x=1&", "*", "/a?%74oken2=1", "/a?%7=1&%zz=2");
  CHECK(logged_target(target) == target);
}

TEST_CASE("The names of secrets may be chosen") {
  Collector collector;
  Worker worker({.sink = collector.sink(), .redact = {"PIN", std::string(100, 'n')}});
  worker.log("/a?pin=1234&token=abc");
  worker.stop();
  CHECK(members_of(collector.lines()[0]).at("target") == "/a?pin=***&token=abc");
}

TEST_CASE("No value can end its line or its string, or talk to a terminal") {
  Request request(Method::get, "/\"},{\"status\":200}\r\n{\"forged\":1}\x1b[2J");
  request.headers.set("user-agent",
                      "\"}\\ \xc2\x9b"
                      "31m \xff");
  const std::string line = line_of(std::move(request));
  CHECK(line.find('\n') == line.size() - 1);
  for (const char c : line.substr(0, line.size() - 1)) CHECK(static_cast<unsigned char>(c) >= 0x20);
  const auto members = members_of(line);
  CHECK(members.at("target") == "/\"},{\"status\":200}\r\n{\"forged\":1}\x1b[2J");
  CHECK(members.at("user_agent") ==
        "\"}\\ \xc2\x9b"
        "31m \xef\xbf\xbd");
  CHECK(members.at("status") == "200");
}

TEST_CASE("Whatever the bytes of a request, its line is one line of valid JSON") {
  Random random(7);
  const auto bytes = [&random](std::size_t most) {
    constexpr std::string_view kSpicy = "\"\\\r\n?&=;%7\x1b\xc3\xa4\xf0\x9f\x98\x80";
    std::string text(random.below(most), '\0');
    for (char& c : text) {
      c = random.below(2) == 0 ? kSpicy[random.below(kSpicy.size())]
                               : static_cast<char>(random.below(256));
    }
    return text;
  };
  Collector collector;
  Worker worker({.sink = collector.sink(), .buffer = std::size_t{256} << 20});
  constexpr std::size_t kRounds = 3000;
  for (std::size_t round = 0; round < kRounds; ++round) {
    Request request(Method::get, "/" + bytes(round % 100 == 0 ? 20000 : 200));
    request.authority = bytes(60);
    std::string agent = bytes(round % 100 == 0 ? 9000 : 200);
    for (char& c : agent) c = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? 'x' : c;
    request.headers.set("user-agent", agent);
    const std::string detail = bytes(1000);
    const Error error(Errc::reset, Origin::client, detail);
    worker.log(std::move(request), {Status(499), &error, 1, 2, 3ms},
               [&](Context& ctx) { ctx.set(RequestId{String(bytes(300))}); });
  }
  worker.stop();
  const auto lines = collector.lines();
  REQUIRE(lines.size() == kRounds);
  for (const std::string& line : lines) {
    CAPTURE(line);
    REQUIRE(line.size() < 12 * 1024);
    REQUIRE(line.ends_with('\n'));
    REQUIRE(StrictJson::try_parse(line.substr(0, line.size() - 1)));
  }
}

TEST_CASE("Long values are cut, so that a line has a largest size") {
  Request request(Method::get, "/" + std::string(100'000, 'x'));
  request.headers.set("user-agent", std::string(100'000, 'y'));
  const std::string line = line_of(std::move(request));
  CHECK(line.size() < 12 * 1024);
  const auto members = members_of(line);
  CHECK(members.at("target") == "/" + std::string(4095, 'x') + "...");
  CHECK(members.at("user_agent") == std::string(1024, 'y') + "...");
}

TEST_CASE("A worker without further traffic hands its lines over after a while") {
  Collector collector;
  Worker worker({.sink = collector.sink()});
  worker.log();
  worker.executor().advance(99ms);
  CHECK(collector.lines().empty());
  worker.executor().advance(1ms);
  CHECK(collector.wait_for_lines(1).size() == 1);
  worker.log();
  worker.executor().advance(100ms);
  CHECK(collector.wait_for_lines(2).size() == 2);
}

TEST_CASE("Many lines do not wait for the clock") {
  Collector collector;
  Worker worker({.sink = collector.sink()});
  for (int i = 0; i < 1000; ++i) worker.log("/" + std::string(100, 'x'));
  CHECK(collector.wait_for_lines(200).size() >= 200);
}

TEST_CASE("A log that stands still holds up no request; what is lost is counted and told") {
  Collector collector;
  Worker worker({.sink = collector.sink(), .buffer = 1000});
  collector.hold(true);
  worker.log("/first");
  worker.executor().advance(100ms);
  collector.wait_for_call();

  constexpr std::size_t kLines = 2000;
  const std::string target = "/" + std::string(200, 'x');
  for (std::size_t i = 0; i < kLines; ++i) worker.log(target);
  const AccessLogStats stats = worker.handle().stats();
  CHECK(stats.dropped > 0);
  CHECK(stats.dropped < kLines);

  collector.hold(false);
  collector.wait_for_lines(1);
  // What the worker could keep comes, then a line that tells of the rest.
  while (worker.handle().stats().lines < 1) std::this_thread::yield();
  worker.log("/after");
  const std::uint64_t kept = 1 + kLines - stats.dropped;
  while (worker.handle().stats().lines < kept) std::this_thread::yield();
  worker.stop();
  std::uint64_t requests = 0;
  std::uint64_t dropped = 0;
  for (const std::string& line : collector.lines()) {
    const auto members = members_of(line);
    const auto told = members.find("dropped");
    if (told != members.end()) {
      dropped += std::stoull(told->second);
      CHECK(requests == kept);  // It stands where the gap is.
    } else {
      ++requests;
    }
  }
  CHECK(dropped == stats.dropped);
  CHECK(requests + dropped == kLines + 2);
}

TEST_CASE("Workers log beside each other without losing or tearing a line") {
  Collector collector;
  constexpr std::size_t kWorkers = 4;
  constexpr std::size_t kLines = 1500;
  AccessLog log({.sink = collector.sink(), .buffer = std::size_t{64} << 20});
  std::vector<std::thread> threads;
  for (std::size_t w = 0; w < kWorkers; ++w) {
    threads.emplace_back([&log, w] {
      VirtualExecutor executor;
      const MiddlewarePtr layer = access_log(log);
      for (std::size_t i = 0; i < kLines; ++i) {
        TestExchange exchange(executor, Request(Method::get, "/" + std::to_string(w * kLines + i)));
        ScriptedNext next;
        next.respond(Response());
        exchange.run(*layer, next);
        exchange.complete();
      }
      executor.locals().clear(executor);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<bool> seen(kWorkers * kLines);
  for (const std::string& line : collector.wait_for_lines(kWorkers * kLines)) {
    seen.at(std::stoul(members_of(line).at("target").substr(1))) = true;
  }
  CHECK(std::count(seen.begin(), seen.end(), true) == kWorkers * kLines);
  CHECK(log.stats().dropped == 0);
}

TEST_CASE("A log goes to a file, which is opened again on demand") {
  const Folder folder;
  Worker worker({.file = folder.file("log")});
  worker.log("/old");
  worker.executor().advance(100ms);
  while (worker.handle().stats().lines < 1) std::this_thread::yield();
  std::filesystem::rename(folder.file("log"), folder.file("log.1"));
  REQUIRE(worker.handle().reopen());
  worker.log("/new");
  worker.stop();
  const auto content = [&folder](const char* name) {
    std::ifstream in(folder.file(name));
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  CHECK(members_of(content("log.1")).at("target") == "/old");
  CHECK(members_of(content("log")).at("target") == "/new");
}

TEST_CASE("A file that cannot be opened is a mistake of the wiring") {
  const Folder folder;
  CHECK_THROWS_AS(access_log({.file = folder.file("missing/log")}), ConfigError);
}
