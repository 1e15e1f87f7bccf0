// SPDX-License-Identifier: Apache-2.0
// Task: lazy, awaited once, resumed without growing the stack, with an inherited environment.
#include "gatewaykit/core/task.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/cancel_scope.hpp"
#include "gatewaykit/core/event.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using gatewaykit::CancelScope;
using gatewaykit::current_env;
using gatewaykit::Env;
using gatewaykit::Event;
using gatewaykit::Task;
using gatewaykit::Wake;
using gatewaykit::testing::VirtualExecutor;

namespace {

struct Counted {
  explicit Counted(int& alive) noexcept : alive_(&alive) { ++*alive_; }
  Counted(Counted&& other) noexcept : alive_(other.alive_) { ++*alive_; }
  Counted& operator=(Counted&&) = delete;
  ~Counted() { --*alive_; }

 private:
  int* alive_;
};

Task<void> note(std::vector<std::string>& notes, std::string text) {
  notes.push_back(std::move(text));
  co_return;
}

Task<int> seven() { co_return 7; }

Task<int> seven_later(Event& event) {
  co_await event.wait();
  co_return 7;
}

Task<std::unique_ptr<int>> move_only() { co_return std::make_unique<int>(7); }

Task<int> failing() {
  throw std::runtime_error("it failed");
  co_return 0;
}

std::uintptr_t stack_position() noexcept {
  return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
}

struct StackRange {
  void see(std::uintptr_t position) noexcept {
    lowest = std::min(lowest, position);
    highest = std::max(highest, position);
  }
  std::uintptr_t size() const noexcept { return highest - lowest; }
  std::uintptr_t lowest = UINTPTR_MAX;
  std::uintptr_t highest = 0;
};

constexpr int kMany = 1'000'000;
constexpr std::uintptr_t kFewFrames = 16 * 1024;

}  // namespace

TEST_CASE("a task does nothing until it is awaited") {
  VirtualExecutor executor;
  std::vector<std::string> notes;
  Task<void> task = note(notes, "ran");
  CHECK(notes.empty());
  executor.run(std::move(task));
  CHECK(notes == std::vector<std::string>{"ran"});
}

TEST_CASE("a task that nobody awaits frees what it was given") {
  int alive = 0;
  {
    const auto hold = [](Counted) -> Task<void> { co_return; };
    const Task<void> task = hold(Counted(alive));
    CHECK(alive == 1);
  }
  CHECK(alive == 0);
}

TEST_CASE("a task that is replaced before it was awaited is freed") {
  VirtualExecutor executor;
  int alive = 0;
  const auto hold = [](Counted, int value) -> Task<int> { co_return value; };
  Task<int> task = hold(Counted(alive), 1);
  task = hold(Counted(alive), 2);
  CHECK(alive == 1);
  CHECK(executor.run(std::move(task)) == 2);
  CHECK(alive == 0);
}

TEST_CASE("values of any movable type come out of a task") {
  VirtualExecutor executor;
  CHECK(executor.run(seven()) == 7);
  CHECK(*executor.run(move_only()) == 7);
}

TEST_CASE("an exception leaves the task where it is awaited") {
  VirtualExecutor executor;
  const auto parent = []() -> Task<std::string> {
    try {
      co_await failing();
    } catch (const std::runtime_error& error) {
      co_return error.what();
    }
    co_return "nothing was thrown";
  };
  CHECK(executor.run(parent()) == "it failed");
  CHECK_THROWS_AS(executor.run(failing()), std::runtime_error);
}

TEST_CASE("an exception thrown after a suspension leaves the task where it is awaited") {
  VirtualExecutor executor;
  Event event;
  const auto child = [](Event& its_event) -> Task<void> {
    co_await its_event.wait();
    throw std::runtime_error("later");
  };
  const auto parent = [&]() -> Task<std::string> {
    try {
      co_await child(event);
    } catch (const std::runtime_error& error) {
      co_return error.what();
    }
    co_return "nothing was thrown";
  };
  executor.post([&event] { event.set(); });
  CHECK(executor.run(parent()) == "later");
}

TEST_CASE("a child runs at once, and its parent goes on where it suspends no more") {
  VirtualExecutor executor;
  std::vector<std::string> notes;
  Event event;
  const auto child = [&]() -> Task<void> {
    notes.emplace_back("child begins");
    co_await event.wait();
    notes.emplace_back("child ends");
  };
  const auto parent = [&]() -> Task<void> {
    notes.emplace_back("parent begins");
    co_await child();
    notes.emplace_back("parent ends");
  };
  executor.spawn(parent());
  notes.emplace_back("others");
  event.set();
  executor.settle();
  CHECK(notes == std::vector<std::string>{"parent begins", "child begins", "others", "child ends",
                                          "parent ends"});
}

TEST_CASE("the locals of a child are gone when its parent goes on") {
  VirtualExecutor executor;
  int alive = 0;
  const auto child = [&alive]() -> Task<int> {
    const Counted local(alive);
    co_return alive;
  };
  const auto parent = [&]() -> Task<void> {
    const int inside = co_await child();
    CHECK(inside == 1);
    CHECK(alive == 0);
  };
  executor.run(parent());
}

TEST_CASE("a million awaits of tasks that end at once need no stack") {
  VirtualExecutor executor;
  StackRange stack;
  const auto child = [&stack](int value) -> Task<int> {
    stack.see(stack_position());
    co_return value;
  };
  const auto parent = [&]() -> Task<std::int64_t> {
    std::int64_t sum = 0;
    for (int i = 0; i < kMany; ++i) {
      const int value = co_await child(i);
      sum += value;
    }
    co_return sum;
  };
  CHECK(executor.run(parent()) == std::int64_t{kMany} * (kMany - 1) / 2);
  CHECK(stack.size() < kFewFrames);
}

TEST_CASE("a million awaits of tasks that suspend need no stack") {
  VirtualExecutor executor;
  StackRange stack;
  Event request;
  Event answer;
  bool is_over = false;
  const auto echo = [&]() -> Task<void> {
    while (!is_over) {
      co_await request.wait();
      answer.set();
    }
  };
  const auto child = [&]() -> Task<int> {
    request.set();
    co_await answer.wait();
    stack.see(stack_position());
    co_return 1;
  };
  const auto parent = [&]() -> Task<int> {
    int sum = 0;
    for (int i = 0; i < kMany; ++i) {
      const int value = co_await child();
      sum += value;
    }
    is_over = true;
    request.set();
    co_return sum;
  };
  executor.spawn(echo());
  CHECK(executor.run(parent()) == kMany);
  CHECK(stack.size() < kFewFrames);
}

TEST_CASE("tasks that end at once and tasks that suspend may alternate without growing the stack") {
  VirtualExecutor executor;
  StackRange stack;
  Event event;
  const auto child = [&](bool suspends) -> Task<void> {
    if (suspends) {
      executor.post([&event] { event.set(); });
      co_await event.wait();
    }
    stack.see(stack_position());
  };
  const auto middle = [&](bool suspends) -> Task<void> { co_await child(suspends); };
  const auto parent = [&]() -> Task<void> {
    for (int i = 0; i < 10'000; ++i) {
      const bool suspends = i % 3 == 0;
      co_await middle(suspends);
    }
  };
  executor.run(parent());
  CHECK(stack.size() < kFewFrames);
}

TEST_CASE("the environment is inherited from the awaiting task") {
  VirtualExecutor executor;
  const auto child = []() -> Task<Env> { co_return co_await current_env(); };
  const auto parent = [&]() -> Task<void> {
    const Env own = co_await current_env();
    const Env inherited = co_await child();
    CHECK(own.executor == &executor);
    CHECK(inherited.executor == own.executor);
    CHECK(inherited.scope == own.scope);
    CHECK(inherited.connector == own.connector);
  };
  executor.run(parent());
}

TEST_CASE("under() puts another scope in place for a task and what it awaits, and for it alone") {
  VirtualExecutor executor;
  CancelScope other;
  const auto leaf = []() -> Task<Env> { co_return co_await current_env(); };
  const auto child = [&]() -> Task<Env> { co_return co_await leaf(); };
  const auto parent = [&]() -> Task<void> {
    const Env own = co_await current_env();
    const Env below = co_await child().under(other);
    const Env after = co_await current_env();
    CHECK(below.scope == &other);
    CHECK(below.executor == own.executor);
    CHECK(after.scope == own.scope);
    CHECK(after.scope != &other);
  };
  executor.run(parent());
}

TEST_CASE("a deep chain of tasks unwinds from its leaf") {
  VirtualExecutor executor;
  Event event;
  struct Chain {
    static Task<int> link(Event& at_the_end, int depth) {
      if (depth == 0) co_return co_await seven_later(at_the_end);
      const int below = co_await link(at_the_end, depth - 1);
      co_return below + 1;
    }
  };
  executor.post([&event] { event.set(); });
  CHECK(executor.run(Chain::link(event, 500)) == 507);
}
