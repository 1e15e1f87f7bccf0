// SPDX-License-Identifier: Apache-2.0
// One pool used by several workers at once. Run under ThreadSanitizer, too. Catch2 is not
// thread-safe: workers count, the test's own thread checks.
#include <atomic>
#include <thread>

#include "catch.hpp"
#include "gatewaykit/routing/context.hpp"
#include "pool_world.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

/// A worker with targets of its own behind the names that all share.
struct Worker : World {
  FakeUpstream good{network, "http://10.0.0.1:8000"};
  FakeUpstream other{network, "memory:other"};

  Worker() {
    good.answer_all(ok("x"));
    other.answer_all(ok("x"));
    network.set_host("users.example", {"10.0.0.1"});
  }
};

UpstreamOptions shared_options() {
  UpstreamOptions options;
  options.name = "users";
  options.targets = {"http://users.example:8000", "memory:other", "memory:dead"};
  options.dns_interval = 1s;
  return options;
}

}  // namespace

TEST_CASE("workers share what is known of the targets, not their connections") {
  const UpstreamPool pool(shared_options());
  constexpr int kWorkers = 4;
  constexpr int kRequests = 300;
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kWorkers; ++i) {
    threads.emplace_back([&pool, &answered] {
      Worker worker;
      for (int request = 0; request < kRequests; ++request) {
        if (worker.get(pool).status == 200) ++answered;
        worker.executor.advance(10ms);
      }
    });
  }
  while (answered < kWorkers * kRequests / 2) static_cast<void>(pool.stats());
  for (std::thread& thread : threads) thread.join();
  CHECK(answered == kWorkers * kRequests);
  std::uint64_t requests = 0;
  for (const PoolStats::Target& target : pool.stats().targets) {
    requests += target.requests;
    CHECK(target.in_flight == 0);
    CHECK(target.connections == 0);  // Each worker took its own with it.
  }
  CHECK(requests == kWorkers * kRequests + pool.stats().retries);
}

TEST_CASE("a pool's last handle may go on any thread, while workers go on") {
  auto pool = std::make_unique<UpstreamPool>(shared_options());
  std::atomic<bool> is_used{false};
  std::atomic<bool> is_gone{false};
  std::size_t open = 99;
  std::thread thread([&] {
    Worker worker;
    for (int i = 0; i < 10; ++i) static_cast<void>(worker.get(*pool));
    is_used = true;
    while (!is_gone) std::this_thread::yield();
    worker.executor.settle();
    open = worker.good.open_connections() + worker.other.open_connections();
  });
  while (!is_used) std::this_thread::yield();
  pool.reset();
  is_gone = true;
  thread.join();
  CHECK(open == 0);
}
