// SPDX-License-Identifier: Apache-2.0
// sleep_for, next_turn, with_timeout, when_all, shield: none returns before every child has ended.
#include "gatewaykit/core/async.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/event.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using gatewaykit::CancelScope;
using gatewaykit::Duration;
using gatewaykit::Errc;
using gatewaykit::Error;
using gatewaykit::Event;
using gatewaykit::next_turn;
using gatewaykit::Origin;
using gatewaykit::Result;
using gatewaykit::shield;
using gatewaykit::sleep_for;
using gatewaykit::Task;
using gatewaykit::TimePoint;
using gatewaykit::Wake;
using gatewaykit::when_all;
using gatewaykit::with_timeout;
using gatewaykit::testing::VirtualExecutor;
using namespace std::chrono_literals;

namespace {

Task<Result<int>> answer_after(Duration duration, int value) {
  const Result<> slept = co_await sleep_for(duration);
  if (!slept) co_return Error(Errc::cancelled, Origin::gateway);
  co_return value;
}

/// Takes note of a cancellation, but needs more time to end.
Task<Result<int>> slow_to_stop(Duration clean_up, Result<int> outcome) {
  Event never;
  co_await never.wait();
  const Result<> slept = co_await shield(sleep_for(clean_up));
  CHECK(slept);
  co_return std::move(outcome);
}

Task<int> value_after(Duration duration, int value) {
  const Result<> slept = co_await sleep_for(duration);
  co_return slept ? value : -value;
}

Task<int> throw_after(Duration duration) {
  const Result<> slept = co_await sleep_for(duration);
  CHECK(slept);
  throw std::runtime_error("one failed");
  co_return 0;
}

Task<void> cancel_after(Duration duration, CancelScope& scope) {
  const Result<> slept = co_await sleep_for(duration);
  CHECK(slept);
  scope.cancel();
}

class Stopwatch {
 public:
  explicit Stopwatch(VirtualExecutor& executor) noexcept
      : executor_(executor), start_(executor.now()) {}
  Duration elapsed() const noexcept { return executor_.now() - start_; }

 private:
  VirtualExecutor& executor_;
  TimePoint start_;
};

}  // namespace

TEST_CASE("next_turn lets what is ready run first, and takes no time") {
  VirtualExecutor executor;
  const TimePoint start = executor.now();
  std::string trail;
  const auto work = [](std::string& to, char name) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      to += name;
      const Result<> turn = co_await next_turn();
      CHECK(turn);
    }
  };
  executor.spawn(work(trail, 'a'));
  executor.spawn(work(trail, 'b'));
  executor.settle();
  CHECK(trail == "ababab");
  CHECK(executor.now() == start);
}

TEST_CASE("next_turn fails where its scope is cancelled") {
  VirtualExecutor executor;
  CancelScope scope;
  scope.cancel();
  const Result<> turn = executor.run(next_turn(), scope);
  REQUIRE_FALSE(turn);
  CHECK(turn.error().code == Errc::cancelled);
}

TEST_CASE("sleep_for takes as long as it was told") {
  VirtualExecutor executor;
  const Stopwatch watch(executor);
  CHECK(executor.run(sleep_for(1500ms)));
  CHECK(watch.elapsed() == 1500ms);
}

TEST_CASE("sleep_for without a duration to wait ends at once") {
  VirtualExecutor executor;
  const Stopwatch watch(executor);
  CHECK(executor.run(sleep_for(0s)));
  CHECK(executor.run(sleep_for(-1s)));
  CHECK(watch.elapsed() == 0s);
}

TEST_CASE("sleep_for fails when it is cancelled") {
  VirtualExecutor executor;
  CancelScope scope;
  executor.spawn(cancel_after(2s, scope));
  const Stopwatch watch(executor);
  const Result<> slept = executor.run(sleep_for(5s), scope);
  REQUIRE_FALSE(slept);
  CHECK(slept.error().code == Errc::cancelled);
  CHECK(watch.elapsed() == 2s);
}

TEST_CASE("the longest duration of all is for ever, not the past") {
  VirtualExecutor executor;
  CancelScope scope;
  executor.spawn(cancel_after(1h, scope));
  const Stopwatch watch(executor);
  CHECK_FALSE(executor.run(sleep_for(Duration::max()), scope));
  CHECK(watch.elapsed() == 1h);
  const Result<int> value = executor.run(with_timeout(Duration::max(), answer_after(2s, 7)));
  REQUIRE(value);
  CHECK(*value == 7);
}

TEST_CASE("with_timeout returns what came in time, as soon as it came") {
  VirtualExecutor executor;
  const Stopwatch watch(executor);
  const Result<int> value = executor.run(with_timeout(5s, answer_after(2s, 7)));
  REQUIRE(value);
  CHECK(*value == 7);
  CHECK(watch.elapsed() == 2s);
}

TEST_CASE("with_timeout cancels what is late and says so in the words of its caller") {
  VirtualExecutor executor;
  const Stopwatch watch(executor);
  Result<int> value = executor.run(with_timeout(2s, answer_after(5s, 7)));
  REQUIRE_FALSE(value);
  CHECK(value.error().code == Errc::total_timeout);
  CHECK(value.error().origin == Origin::gateway);
  CHECK(watch.elapsed() == 2s);

  value = executor.run(
      with_timeout(2s, answer_after(5s, 7), Errc::first_byte_timeout, Origin::upstream));
  REQUIRE_FALSE(value);
  CHECK(value.error().code == Errc::first_byte_timeout);
  CHECK(value.error().origin == Origin::upstream);
}

TEST_CASE("with_timeout never returns before its child has ended") {
  VirtualExecutor executor;
  const Stopwatch watch(executor);
  const Error cancelled(Errc::cancelled, Origin::gateway);
  const Result<int> value = executor.run(with_timeout(2s, slow_to_stop(3s, cancelled)));
  REQUIRE_FALSE(value);
  CHECK(value.error().code == Errc::total_timeout);
  CHECK(watch.elapsed() == 5s);
}

TEST_CASE("with_timeout returns a value that came although its child was cancelled") {
  VirtualExecutor executor;
  const Result<int> value = executor.run(with_timeout(2s, slow_to_stop(3s, 7)));
  REQUIRE(value);
  CHECK(*value == 7);
}

TEST_CASE("with_timeout passes other failures on, also of a child that was cancelled") {
  VirtualExecutor executor;
  const Error reset(Errc::reset, Origin::upstream);
  const Result<int> value = executor.run(with_timeout(2s, slow_to_stop(3s, reset)));
  REQUIRE_FALSE(value);
  CHECK(value.error().code == Errc::reset);
}

TEST_CASE("with_timeout tells a cancellation from outside from its own") {
  VirtualExecutor executor;
  CancelScope scope;
  executor.spawn(cancel_after(1s, scope));
  const Result<int> value = executor.run(with_timeout(2s, answer_after(5s, 7)), scope);
  REQUIRE_FALSE(value);
  CHECK(value.error().code == Errc::cancelled);
}

TEST_CASE("a deadline that passes while a cancelled child cleans up is not why it was cancelled") {
  VirtualExecutor executor;
  CancelScope scope;
  executor.spawn(cancel_after(1s, scope));
  const Error cancelled(Errc::cancelled, Origin::client);
  const Result<int> value = executor.run(with_timeout(2s, slow_to_stop(10s, cancelled)), scope);
  REQUIRE_FALSE(value);
  CHECK(value.error().code == Errc::cancelled);
  CHECK(value.error().origin == Origin::client);
}

TEST_CASE("the nearest of nested timeouts is the one that is told") {
  VirtualExecutor executor;
  const Stopwatch watch(executor);
  Result<int> value = executor.run(with_timeout(
      1s, with_timeout(2s, answer_after(9s, 7), Errc::connect_timeout), Errc::total_timeout));
  REQUIRE_FALSE(value);
  CHECK(value.error().code == Errc::total_timeout);
  CHECK(watch.elapsed() == 1s);

  value = executor.run(with_timeout(
      2s, with_timeout(1s, answer_after(9s, 7), Errc::connect_timeout), Errc::total_timeout));
  REQUIRE_FALSE(value);
  CHECK(value.error().code == Errc::connect_timeout);
}

TEST_CASE("with_timeout lets exceptions pass") {
  VirtualExecutor executor;
  const auto failing = []() -> Task<Result<int>> {
    const Result<> slept = co_await sleep_for(1s);
    CHECK(slept);
    throw std::runtime_error("it failed");
    co_return 0;
  };
  CHECK_THROWS_WITH(executor.run(with_timeout(2s, failing())), "it failed");
}

TEST_CASE("when_all runs its tasks side by side and keeps their order") {
  VirtualExecutor executor;
  const Stopwatch watch(executor);
  std::vector<Task<int>> tasks;
  tasks.push_back(value_after(3s, 1));
  tasks.push_back(value_after(1s, 2));
  tasks.push_back(value_after(0s, 3));
  tasks.push_back(value_after(2s, 4));
  CHECK(executor.run(when_all(std::move(tasks))) == std::vector<int>{1, 2, 3, 4});
  CHECK(watch.elapsed() == 3s);
}

TEST_CASE("when_all of nothing is nothing") {
  VirtualExecutor executor;
  CHECK(executor.run(when_all(std::vector<Task<int>>())).empty());
}

TEST_CASE("when_all takes values that can only be moved") {
  VirtualExecutor executor;
  const auto make = [](int value) -> Task<std::unique_ptr<int>> {
    co_return std::make_unique<int>(value);
  };
  std::vector<Task<std::unique_ptr<int>>> tasks;
  tasks.push_back(make(1));
  tasks.push_back(make(2));
  const std::vector<std::unique_ptr<int>> values = executor.run(when_all(std::move(tasks)));
  REQUIRE(values.size() == 2);
  CHECK(*values[1] == 2);
}

TEST_CASE("an exception in when_all cancels the others and is thrown when all have ended") {
  VirtualExecutor executor;
  const Stopwatch watch(executor);
  int ended = 0;
  const auto counted = [&ended](Task<Result<int>> task) -> Task<int> {
    Result<int> result = co_await std::move(task);
    ++ended;
    co_return result ? *result : 0;
  };
  std::vector<Task<int>> tasks;
  tasks.push_back(counted(answer_after(9s, 1)));
  tasks.push_back(throw_after(1s));
  tasks.push_back(counted(slow_to_stop(3s, 2)));
  CHECK_THROWS_WITH(executor.run(when_all(std::move(tasks))), "one failed");
  CHECK(ended == 2);
  CHECK(watch.elapsed() == 4s);
}

TEST_CASE("cancelling when_all cancels its tasks, and it returns what they make of it") {
  VirtualExecutor executor;
  CancelScope scope;
  executor.spawn(cancel_after(2s, scope));
  std::vector<Task<int>> tasks;
  tasks.push_back(value_after(1s, 1));
  tasks.push_back(value_after(5s, 2));
  CHECK(executor.run(when_all(std::move(tasks)), scope) == std::vector<int>{1, -2});
}

TEST_CASE("shield keeps cancellation away from a task, also one that came before") {
  VirtualExecutor executor;
  CancelScope scope;
  scope.cancel();
  const Stopwatch watch(executor);
  CHECK(executor.run(shield(value_after(2s, 7)), scope) == 7);
  CHECK(watch.elapsed() == 2s);
}

TEST_CASE("shield takes tasks without a value") {
  VirtualExecutor executor;
  CancelScope scope;
  scope.cancel();
  bool has_ended = false;
  const auto clean_up = [&has_ended]() -> Task<void> {
    const Result<> slept = co_await sleep_for(2s);
    has_ended = slept.has_value();
  };
  executor.run(shield(clean_up()), scope);
  CHECK(has_ended);
}
