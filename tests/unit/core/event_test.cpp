// SPDX-License-Identifier: Apache-2.0
// Event: a signal that is kept for the waiter to come, a deadline, and the end by cancellation.
#include "gatewaykit/core/event.hpp"

#include <chrono>
#include <optional>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/cancel_scope.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using gatewaykit::CancelScope;
using gatewaykit::Event;
using gatewaykit::kNever;
using gatewaykit::Task;
using gatewaykit::TimePoint;
using gatewaykit::Wake;
using gatewaykit::testing::VirtualExecutor;
using namespace std::chrono_literals;

namespace {

Task<Wake> wait_for(Event& event, TimePoint deadline = kNever) {
  co_return co_await event.wait(deadline);
}

Task<void> wait_and_store(Event& event, std::optional<Wake>& wake, TimePoint deadline = kNever) {
  wake = co_await event.wait(deadline);
}

}  // namespace

TEST_CASE("a signal is kept until somebody waits for it") {
  VirtualExecutor executor;
  Event event;
  event.set();
  CHECK_FALSE(event.has_waiter());
  CHECK(executor.run(wait_for(event)) == Wake::signalled);
}

TEST_CASE("several signals before a wait count as one") {
  VirtualExecutor executor;
  Event event;
  event.set();
  event.set();
  CHECK(executor.run(wait_for(event)) == Wake::signalled);
  CHECK(executor.run(wait_for(event, executor.now() + 1s)) == Wake::timeout);
}

TEST_CASE("reset() forgets a signal that nobody has waited for") {
  VirtualExecutor executor;
  Event event;
  event.set();
  event.reset();
  CHECK(executor.run(wait_for(event, executor.now() + 1s)) == Wake::timeout);
}

TEST_CASE("set() wakes the waiter through the ready queue, never inline") {
  VirtualExecutor executor;
  Event event;
  std::optional<Wake> wake;
  executor.spawn(wait_and_store(event, wake));
  REQUIRE(event.has_waiter());
  event.set();
  CHECK_FALSE(wake.has_value());
  CHECK_FALSE(event.has_waiter());
  executor.settle();
  CHECK(wake == Wake::signalled);
}

TEST_CASE("a signal between a wake and the resumption is kept for the next wait") {
  VirtualExecutor executor;
  Event event;
  std::optional<Wake> wake;
  executor.spawn(wait_and_store(event, wake));
  event.set();
  event.set();
  executor.settle();
  CHECK(executor.run(wait_for(event, executor.now() + 1s)) == Wake::signalled);
}

TEST_CASE("a wait ends at its deadline, and not before") {
  VirtualExecutor executor;
  Event event;
  std::optional<Wake> wake;
  executor.spawn(wait_and_store(event, wake, executor.now() + 5s));
  executor.advance(5s - 1ns);
  CHECK_FALSE(wake.has_value());
  executor.advance(1ns);
  CHECK(wake == Wake::timeout);
}

TEST_CASE("a deadline that has passed ends the wait without suspending") {
  VirtualExecutor executor;
  Event event;
  std::optional<Wake> wake;
  executor.spawn(wait_and_store(event, wake, executor.now()));
  CHECK(wake == Wake::timeout);
  CHECK_FALSE(event.has_waiter());
}

TEST_CASE("a signal that is there wins over a deadline that has passed and over cancellation") {
  VirtualExecutor executor;
  CancelScope scope;
  scope.cancel();
  Event event;
  event.set();
  CHECK(executor.run(wait_for(event, executor.now()), scope) == Wake::signalled);
}

TEST_CASE("a wait in a scope that is cancelled already ends at once") {
  VirtualExecutor executor;
  CancelScope scope;
  scope.cancel();
  Event event;
  CHECK(executor.run(wait_for(event), scope) == Wake::cancelled);
}

TEST_CASE("cancelling wakes the waiter through the ready queue, never inline") {
  VirtualExecutor executor;
  CancelScope scope;
  Event event;
  std::optional<Wake> wake;
  scope.spawn(executor.env(), wait_and_store(event, wake));
  scope.cancel();
  CHECK_FALSE(wake.has_value());
  executor.settle();
  CHECK(wake == Wake::cancelled);
}

TEST_CASE("of a signal and a cancellation in one turn the first one counts") {
  VirtualExecutor executor;
  CancelScope scope;
  Event event;
  std::optional<Wake> wake;
  scope.spawn(executor.env(), wait_and_store(event, wake));
  event.set();
  scope.cancel();
  executor.settle();
  CHECK(wake == Wake::signalled);
}

TEST_CASE("without a scope a wait cannot be cancelled") {
  VirtualExecutor executor;
  CancelScope outer;
  Event event;
  std::optional<Wake> wake;
  gatewaykit::Env env = executor.env();
  CancelScope unrelated;
  unrelated.spawn(env, wait_and_store(event, wake));
  outer.cancel();
  executor.settle();
  CHECK_FALSE(wake.has_value());
  event.set();
  executor.settle();
  CHECK(wake == Wake::signalled);
}

TEST_CASE("the deadline of one wait has no effect on the next") {
  VirtualExecutor executor;
  Event event;
  const TimePoint start = executor.now();
  const auto script = [&]() -> Task<void> {
    Wake wake = co_await event.wait(start + 10s);
    CHECK(wake == Wake::signalled);
    // The old deadline comes round while this one waits longer …
    wake = co_await event.wait(start + 20s);
    CHECK(wake == Wake::timeout);
    CHECK(executor.now() == start + 20s);
    // … and this one waits for an earlier one than any before.
    wake = co_await event.wait(start + 21s);
    CHECK(wake == Wake::timeout);
    CHECK(executor.now() == start + 21s);
  };
  executor.post([&event] { event.set(); });
  executor.run(script());
}

TEST_CASE("a wait without a deadline is not ended by the one before it") {
  VirtualExecutor executor;
  Event event;
  std::vector<Wake> wakes;
  const auto script = [&]() -> Task<void> {
    for (int i = 0; i < 2; ++i) {
      const TimePoint deadline = i == 0 ? executor.now() + 1s : kNever;
      const Wake wake = co_await event.wait(deadline);
      wakes.push_back(wake);
    }
  };
  executor.spawn(script());
  event.set();
  executor.advance(1h);
  CHECK(wakes == std::vector<Wake>{Wake::signalled});
  event.set();
  executor.settle();
  CHECK(wakes == std::vector<Wake>{Wake::signalled, Wake::signalled});
}

TEST_CASE("an event can be waited for again after a timeout and after a cancellation") {
  VirtualExecutor executor;
  Event event;
  CHECK(executor.run(wait_for(event, executor.now() + 1s)) == Wake::timeout);
  {
    CancelScope scope;
    std::optional<Wake> wake;
    scope.spawn(executor.env(), wait_and_store(event, wake));
    scope.cancel();
    executor.settle();
    CHECK(wake == Wake::cancelled);
  }
  executor.post([&event] { event.set(); });
  CHECK(executor.run(wait_for(event)) == Wake::signalled);
}

TEST_CASE("a waiter may set the event that it was woken by") {
  VirtualExecutor executor;
  Event event;
  int turns = 0;
  const auto script = [&]() -> Task<void> {
    while (turns < 100) {
      co_await event.wait();
      ++turns;
      event.set();
    }
  };
  event.set();
  executor.run(script());
  CHECK(turns == 100);
}
