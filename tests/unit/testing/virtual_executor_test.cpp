// SPDX-License-Identifier: Apache-2.0
// VirtualExecutor: time moves by deadlines alone, and what cannot go on fails loudly.
#include "gatewaykit/testing/virtual_executor.hpp"

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/async.hpp"
#include "gatewaykit/core/event.hpp"

using gatewaykit::CancelScope;
using gatewaykit::current_env;
using gatewaykit::Duration;
using gatewaykit::Env;
using gatewaykit::Event;
using gatewaykit::Result;
using gatewaykit::shield;
using gatewaykit::sleep_for;
using gatewaykit::Task;
using gatewaykit::TimePoint;
using gatewaykit::Wake;
using gatewaykit::testing::ScriptCancelled;
using gatewaykit::testing::VirtualExecutor;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

Task<void> note_after(Duration duration, std::vector<std::string>& notes, std::string text) {
  const Result<> slept = co_await sleep_for(duration);
  notes.push_back(slept ? text : text + " cancelled");
}

Task<void> wait(Event& event) { co_await event.wait(); }

Task<void> tick_for_ever(Duration period) {
  for (;;) {
    const Result<> slept = co_await sleep_for(period);
    if (!slept) co_return;
  }
}

Task<void> fail_after(Duration duration) {
  const Result<> slept = co_await sleep_for(duration);
  throw std::runtime_error(slept ? "the script failed" : "the script was cancelled");
}

}  // namespace

TEST_CASE("running a task moves time to each of its deadlines and no further") {
  std::vector<std::string> notes;
  VirtualExecutor executor;
  const TimePoint start = executor.now();
  executor.spawn(note_after(3600s, notes, "much later"));
  executor.run(note_after(90s, notes, "done"));
  CHECK(executor.now() - start == 90s);
  CHECK(notes == std::vector<std::string>{"done"});
}

TEST_CASE("the wall clock moves with virtual time") {
  VirtualExecutor executor;
  const auto before = executor.wall_now();
  executor.advance(1500ms);
  CHECK(executor.wall_now() - before == 1500ms);
  VirtualExecutor another;
  CHECK(another.wall_now() == before);
}

TEST_CASE("random numbers are the same in every run, unless the seed differs") {
  VirtualExecutor a;
  VirtualExecutor b;
  VirtualExecutor c(2);
  const std::uint64_t number = a.random().next();
  CHECK(b.random().next() == number);
  CHECK(c.random().next() != number);
}

TEST_CASE("advance() stops at each deadline on its way") {
  std::vector<std::string> notes;
  VirtualExecutor executor;
  std::vector<TimePoint> times;
  const TimePoint start = executor.now();
  const auto script = [&]() -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      const Result<> slept = co_await sleep_for(1s);
      CHECK(slept);
      times.push_back(executor.now());
    }
  };
  executor.spawn(script());
  executor.advance(2500ms);
  CHECK(times == std::vector<TimePoint>{start + 1s, start + 2s});
  CHECK(executor.now() == start + 2500ms);
  executor.advance(500ms);
  CHECK(times.size() == 3);
}

TEST_CASE("settle() lets run what is ready and moves no time") {
  std::vector<std::string> notes;
  VirtualExecutor executor;
  const TimePoint start = executor.now();
  Event event;
  const auto script = [&]() -> Task<void> {
    co_await event.wait();
    notes.emplace_back("woken");
    const Result<> slept = co_await sleep_for(1ns);
    notes.emplace_back(slept ? "later" : "cancelled");
  };
  executor.spawn(script());
  event.set();
  executor.settle();
  CHECK(notes == std::vector<std::string>{"woken"});
  CHECK(executor.now() == start);
}

TEST_CASE("posted jobs run in order, in a later turn, also those posted by jobs") {
  VirtualExecutor executor;
  std::vector<int> order;
  executor.post([&] {
    order.push_back(1);
    executor.post([&order] { order.push_back(3); });
  });
  executor.post([&order] { order.push_back(2); });
  CHECK(order.empty());
  executor.settle();
  CHECK(order == std::vector<int>{1, 2, 3});
}

TEST_CASE("a task runs with the executor, a scope and the connector in its environment") {
  VirtualExecutor executor;
  const auto task = []() -> Task<Env> { co_return co_await current_env(); };
  CancelScope scope;
  const Env env = executor.run(task(), scope);
  CHECK(env.executor == &executor);
  CHECK(env.scope != nullptr);
  CHECK(env.connector == nullptr);
}

TEST_CASE("a deadlock is a failure: nothing is ready and no timer is armed") {
  std::vector<std::string> notes;
  VirtualExecutor executor;
  Event never;
  CHECK_THROWS_WITH(executor.run(wait(never)), Contains("no timer is armed"));
  // The task was cancelled, and the executor is fit for use.
  CHECK_FALSE(never.has_waiter());
  executor.run(note_after(1s, notes, "goes on"));
  CHECK(notes.size() == 1);
}

TEST_CASE("a task that waits for ever while something keeps ticking fails when patience ends") {
  VirtualExecutor executor;
  executor.set_patience(1h);
  executor.spawn(tick_for_ever(1min));
  Event never;
  const TimePoint start = executor.now();
  CHECK_THROWS_WITH(executor.run(wait(never)), Contains("patience"));
  CHECK(executor.now() - start <= 1h);
}

TEST_CASE("a task that fails to end may clean up before the failure is told") {
  VirtualExecutor executor;
  bool is_clean = false;
  const auto task = [&]() -> Task<void> {
    Event never;
    co_await never.wait();
    const Result<> slept = co_await shield(sleep_for(5s));
    is_clean = slept.has_value();
  };
  CHECK_THROWS_AS(executor.run(task()), std::logic_error);
  CHECK(is_clean);
}

TEST_CASE("what a task leaves behind in its scope is cancelled and awaited") {
  std::vector<std::string> notes;
  VirtualExecutor executor;
  const auto task = [&]() -> Task<int> {
    const Env env = co_await current_env();
    env.scope->spawn(env, note_after(60s, notes, "left behind"));
    co_return 7;
  };
  CHECK(executor.run(task()) == 7);
  CHECK(notes == std::vector<std::string>{"left behind cancelled"});
}

TEST_CASE("the exception of a task is thrown by run") {
  VirtualExecutor executor;
  CHECK_THROWS_WITH(executor.run(fail_after(1s)), "the script failed");
}

TEST_CASE("the exception of a spawned task is thrown where the executor is driven next") {
  std::vector<std::string> notes;
  VirtualExecutor executor;
  executor.spawn(fail_after(1s));
  CHECK_THROWS_WITH(executor.run(note_after(5s, notes, "main")), "the script failed");
  CHECK(notes == std::vector<std::string>{"main cancelled"});

  executor.spawn(fail_after(1s));
  CHECK_THROWS_WITH(executor.advance(2s), "the script failed");
}

TEST_CASE("an exception that comes of the executor's end counts for nothing") {
  VirtualExecutor executor;
  executor.spawn(fail_after(1s));
}

TEST_CASE("a spawned script that is cancelled unwinds without a failure") {
  VirtualExecutor executor;
  CancelScope scope;
  const auto script = []() -> Task<void> {
    Event never;
    const Wake wake = co_await never.wait();
    if (wake == Wake::cancelled) throw ScriptCancelled();
  };
  executor.spawn(script(), scope);
  executor.finish(scope);
  CHECK(scope.running() == 0);
  executor.settle();
}

TEST_CASE("an executor that goes cancels and awaits what was spawned") {
  std::vector<std::string> notes;
  {
    VirtualExecutor executor;
    executor.spawn(note_after(60s, notes, "script"));
  }
  CHECK(notes == std::vector<std::string>{"script cancelled"});
}

TEST_CASE("a task must not drive the executor that runs it") {
  VirtualExecutor executor;
  const auto task = [&]() -> Task<void> {
    const Result<> slept = co_await sleep_for(1s);
    CHECK(slept);
    executor.advance(1s);
  };
  CHECK_THROWS_AS(executor.run(task()), std::logic_error);
}
