// SPDX-License-Identifier: Apache-2.0
// CancelScope: a subtree of work that is cancelled and awaited together.
#include "gatewaykit/core/cancel_scope.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/async.hpp"
#include "gatewaykit/core/event.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using gatewaykit::CancelScope;
using gatewaykit::current_env;
using gatewaykit::Duration;
using gatewaykit::Env;
using gatewaykit::Event;
using gatewaykit::Result;
using gatewaykit::sleep_for;
using gatewaykit::Task;
using gatewaykit::Wake;
using gatewaykit::testing::VirtualExecutor;
using namespace std::chrono_literals;

namespace {

Task<void> wait_and_note(Event& event, std::vector<Wake>& wakes) {
  const Wake wake = co_await event.wait();
  wakes.push_back(wake);
}

Task<void> sleep_and_count(Duration duration, int& completed) {
  const Result<> slept = co_await sleep_for(duration);
  if (slept) ++completed;
}

Task<void> fail_after(Duration duration, std::string what) {
  if (duration > 0s) {
    const Result<> slept = co_await sleep_for(duration);
    if (!slept) co_return;
  }
  throw std::runtime_error(what);
}

Task<std::string> join_and_catch(CancelScope& scope) {
  try {
    co_await scope.join();
  } catch (const std::runtime_error& error) {
    co_return error.what();
  }
  co_return "";
}

}  // namespace

TEST_CASE("a spawned task runs at once, up to its first suspension") {
  VirtualExecutor executor;
  CancelScope scope;
  Event event;
  bool has_begun = false;
  bool has_ended = false;
  const auto task = [&]() -> Task<void> {
    has_begun = true;
    co_await event.wait();
    has_ended = true;
  };
  scope.spawn(executor.env(), task());
  CHECK(has_begun);
  CHECK_FALSE(has_ended);
  CHECK(scope.running() == 1);
  event.set();
  executor.settle();
  CHECK(has_ended);
  CHECK(scope.running() == 0);
}

TEST_CASE("a spawned task runs in the scope that it was spawned in, on the given executor") {
  VirtualExecutor executor;
  CancelScope scope;
  Env seen;
  const auto task = [&seen]() -> Task<void> { seen = co_await current_env(); };
  scope.spawn(executor.env(), task());
  CHECK(seen.scope == &scope);
  CHECK(seen.executor == &executor);
}

TEST_CASE("cancelling wakes every leaf, in the order in which they wait, and none inline") {
  VirtualExecutor executor;
  CancelScope scope;
  Event first;
  Event second;
  std::vector<Wake> wakes;
  scope.spawn(executor.env(), wait_and_note(first, wakes));
  scope.spawn(executor.env(), wait_and_note(second, wakes));
  scope.cancel();
  CHECK(scope.cancelled());
  CHECK(wakes.empty());
  CHECK(scope.running() == 2);
  executor.settle();
  CHECK(wakes == std::vector<Wake>{Wake::cancelled, Wake::cancelled});
  CHECK(scope.running() == 0);
}

TEST_CASE("cancelling twice is cancelling once") {
  VirtualExecutor executor;
  CancelScope scope;
  Event event;
  std::vector<Wake> wakes;
  scope.spawn(executor.env(), wait_and_note(event, wakes));
  scope.cancel();
  scope.cancel();
  executor.settle();
  CHECK(wakes.size() == 1);
}

TEST_CASE("a task spawned in a cancelled scope still runs to its end, and waits for nothing") {
  VirtualExecutor executor;
  CancelScope scope;
  scope.cancel();
  Event event;
  std::vector<Wake> wakes;
  scope.spawn(executor.env(), wait_and_note(event, wakes));
  CHECK(wakes == std::vector<Wake>{Wake::cancelled});
  CHECK(scope.running() == 0);
}

TEST_CASE("a cancelled task may go on waiting for what cancellation does not reach") {
  VirtualExecutor executor;
  CancelScope scope;
  Event event;
  bool has_cleaned_up = false;
  const auto task = [&]() -> Task<void> {
    const Wake wake = co_await event.wait();
    CHECK(wake == Wake::cancelled);
    Result<> slept = co_await shield(sleep_for(3s));
    has_cleaned_up = slept.has_value();
  };
  scope.spawn(executor.env(), task());
  scope.cancel();
  executor.advance(2s);
  CHECK(scope.running() == 1);
  CHECK_FALSE(has_cleaned_up);
  executor.advance(1s);
  CHECK(has_cleaned_up);
  CHECK(scope.running() == 0);
}

TEST_CASE("cancelling a scope cancels those below it, however deep, and none above") {
  VirtualExecutor executor;
  CancelScope parent;
  CancelScope child(&parent);
  CancelScope grandchild(&child);
  CancelScope sibling(&parent);
  Event event;
  std::vector<Wake> wakes;
  grandchild.spawn(executor.env(), wait_and_note(event, wakes));
  child.cancel();
  CHECK(grandchild.cancelled());
  CHECK_FALSE(parent.cancelled());
  CHECK_FALSE(sibling.cancelled());
  parent.cancel();
  CHECK(sibling.cancelled());
  executor.settle();
  CHECK(wakes == std::vector<Wake>{Wake::cancelled});
}

TEST_CASE("a scope that joins a cancelled one is cancelled from the beginning") {
  CancelScope parent;
  parent.cancel();
  const CancelScope child(&parent);
  CHECK(child.cancelled());
}

TEST_CASE("a scope may go before its parent is cancelled") {
  CancelScope parent;
  {
    const CancelScope child(&parent);
    const CancelScope other(&parent);
  }
  parent.cancel();
  CHECK(parent.cancelled());
}

TEST_CASE("join waits for every task, and only for those") {
  VirtualExecutor executor;
  CancelScope scope;
  int completed = 0;
  scope.spawn(executor.env(), sleep_and_count(1s, completed));
  scope.spawn(executor.env(), sleep_and_count(3s, completed));
  scope.spawn(executor.env(), sleep_and_count(2s, completed));
  const auto start = executor.now();
  executor.run(scope.join());
  CHECK(completed == 3);
  CHECK(executor.now() - start == 3s);
  executor.run(scope.join());
  CHECK(executor.now() - start == 3s);
}

TEST_CASE("join waits for tasks that running tasks spawn meanwhile") {
  VirtualExecutor executor;
  CancelScope scope;
  int completed = 0;
  const auto spawner = [&]() -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      const Result<> slept = co_await sleep_for(1s);
      CHECK(slept);
      scope.spawn(executor.env(), sleep_and_count(10s, completed));
    }
  };
  scope.spawn(executor.env(), spawner());
  executor.run(scope.join());
  CHECK(completed == 3);
}

TEST_CASE("join is not cut short by the cancellation of those who join") {
  VirtualExecutor executor;
  CancelScope inner;
  CancelScope outer;
  int completed = 0;
  bool has_joined = false;
  const auto joiner = [&]() -> Task<void> {
    co_await inner.join();
    has_joined = true;
  };
  inner.spawn(executor.env(), sleep_and_count(5s, completed));
  outer.spawn(executor.env(), joiner());
  outer.cancel();
  executor.advance(4s);
  CHECK_FALSE(has_joined);
  executor.advance(1s);
  CHECK(has_joined);
  CHECK(completed == 1);
}

TEST_CASE("an exception of one task cancels the others, and join throws it when all have ended") {
  VirtualExecutor executor;
  CancelScope scope;
  int completed = 0;
  Event event;
  std::vector<Wake> wakes;
  scope.spawn(executor.env(), sleep_and_count(1s, completed));
  scope.spawn(executor.env(), fail_after(2s, "the first"));
  scope.spawn(executor.env(), sleep_and_count(3s, completed));
  scope.spawn(executor.env(), wait_and_note(event, wakes));
  CHECK(executor.run(join_and_catch(scope)) == "the first");
  CHECK(scope.running() == 0);
  CHECK(completed == 1);
  CHECK(wakes == std::vector<Wake>{Wake::cancelled});
}

TEST_CASE("of several exceptions join throws the first, and throws it once") {
  VirtualExecutor executor;
  CancelScope scope;
  scope.spawn(executor.env(), fail_after(0s, "at once"));
  scope.spawn(executor.env(), fail_after(0s, "a moment later"));
  CHECK(executor.run(join_and_catch(scope)) == "at once");
  CHECK(executor.run(join_and_catch(scope)) == "");
}

TEST_CASE("an exception before the first suspension does not leave spawn") {
  VirtualExecutor executor;
  CancelScope scope;
  CHECK_NOTHROW(scope.spawn(executor.env(), fail_after(0s, "inside")));
  CHECK(scope.running() == 0);
  CHECK(scope.cancelled());
  CHECK(executor.run(join_and_catch(scope)) == "inside");
}

TEST_CASE("a spawned task frees what it was given when it ends") {
  VirtualExecutor executor;
  CancelScope scope;
  const auto held = std::make_shared<int>(1);
  Event event;
  const auto task = [](std::shared_ptr<int>, Event& its_event) -> Task<void> {
    co_await its_event.wait();
  };
  scope.spawn(executor.env(), task(held, event));
  CHECK(held.use_count() == 2);
  event.set();
  executor.settle();
  CHECK(held.use_count() == 1);
}

TEST_CASE("ten thousand tasks are cancelled and joined") {
  VirtualExecutor executor;
  CancelScope scope;
  std::vector<std::unique_ptr<Event>> events;
  std::vector<Wake> wakes;
  for (int i = 0; i < 10'000; ++i) {
    events.push_back(std::make_unique<Event>());
    scope.spawn(executor.env(), wait_and_note(*events.back(), wakes));
  }
  for (std::size_t i = 0; i < events.size(); i += 2) events[i]->set();
  scope.cancel();
  executor.run(scope.join());
  CHECK(wakes.size() == 10'000);
  CHECK(std::count(wakes.begin(), wakes.end(), Wake::signalled) == 5'000);
}

TEST_CASE("a task may cancel the scope that it runs in") {
  VirtualExecutor executor;
  CancelScope scope;
  Event event;
  std::vector<Wake> wakes;
  const auto canceller = [&]() -> Task<void> {
    const Result<> slept = co_await sleep_for(1s);
    CHECK(slept);
    scope.cancel();
    const Result<> cancelled = co_await sleep_for(1s);
    CHECK_FALSE(cancelled);
  };
  scope.spawn(executor.env(), wait_and_note(event, wakes));
  scope.spawn(executor.env(), canceller());
  const auto start = executor.now();
  executor.run(scope.join());
  CHECK(executor.now() - start == 1s);
  CHECK(wakes == std::vector<Wake>{Wake::cancelled});
}
