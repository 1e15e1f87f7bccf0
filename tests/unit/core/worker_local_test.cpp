// SPDX-License-Identifier: Apache-2.0
// WorkerLocal: one value per worker, made, used and destroyed on that worker's thread, whichever of
// the handle and the worker goes first.
#include "gatewaykit/core/worker_local.hpp"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using gatewaykit::Executor;
using gatewaykit::Function;
using gatewaykit::WorkerLocal;
using gatewaykit::testing::VirtualExecutor;

namespace {

/// Catch2 2 asserts on the test's own thread alone: other threads take notes.
struct Notes {
  std::mutex mutex;
  std::vector<std::thread::id> made;
  std::vector<std::thread::id> destroyed;
  int calls = 0;

  void add(std::vector<std::thread::id>& list) {
    const std::lock_guard lock(mutex);
    list.push_back(std::this_thread::get_id());
  }
};

class Half {
 public:
  explicit Half(Notes& notes) : notes_(notes) { notes_.add(notes_.made); }
  Half(const Half&) = delete;
  Half& operator=(const Half&) = delete;
  ~Half() { notes_.add(notes_.destroyed); }
  int uses = 0;  // Without a lock: TSan tells when two threads touch it.

 private:
  Notes& notes_;
};

Half& half(WorkerLocal<Half>& local, Executor& executor, Notes& notes) {
  return local.get(executor, [&notes] { return std::make_unique<Half>(notes); });
}

/// A thread with an executor that runs what is posted until it is told to end.
class Worker {
 public:
  Worker() : thread_([this] { run(); }) {
    wait([this] { return executor_ != nullptr; });
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() { stop(); }

  /// Runs `job` on the worker and waits until it has run.
  void call(Function<void(Executor&)> job) {
    const std::lock_guard one_at_a_time(calls_);
    {
      const std::lock_guard lock(mutex_);
      job_ = std::move(job);
    }
    changed_.notify_all();
    wait([this] { return !job_; });
  }

  /// Ends the executor, on its own thread, then the thread.
  void stop() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  std::thread::id id() const { return thread_.get_id(); }

 private:
  void run() {
    std::optional<VirtualExecutor> executor(std::in_place);
    std::unique_lock lock(mutex_);
    executor_ = &*executor;
    changed_.notify_all();
    for (;;) {
      changed_.wait(lock, [this] { return is_over_ || job_; });
      if (!job_) break;
      job_(*executor);
      executor->settle();
      job_ = nullptr;
      changed_.notify_all();
    }
    lock.unlock();
    executor.reset();
  }

  template <class Condition>
  void wait(Condition condition) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, condition);
  }

  std::mutex calls_;
  std::mutex mutex_;  // Guards what follows.
  std::condition_variable changed_;
  Executor* executor_ = nullptr;
  Function<void(Executor&)> job_;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace

TEST_CASE("a worker makes its value at the first use and keeps it") {
  Notes notes;
  VirtualExecutor executor;
  WorkerLocal<Half> local;
  CHECK(notes.made.empty());
  Half& first = half(local, executor, notes);
  first.uses = 5;
  CHECK(&half(local, executor, notes) == &first);
  CHECK(half(local, executor, notes).uses == 5);
  CHECK(notes.made.size() == 1);
}

TEST_CASE("several handles have a value each on one worker") {
  Notes notes;
  VirtualExecutor executor;
  WorkerLocal<Half> a;
  WorkerLocal<Half> b;
  CHECK(&half(a, executor, notes) != &half(b, executor, notes));
}

TEST_CASE("the value outlives its handle until the worker's next turn") {
  Notes notes;
  VirtualExecutor executor;
  {
    WorkerLocal<Half> local;
    half(local, executor, notes);
  }
  CHECK(notes.destroyed.empty());
  executor.settle();
  CHECK(notes.destroyed.size() == 1);
}

TEST_CASE("a handle that goes after its worker does nothing") {
  Notes notes;
  {
    WorkerLocal<Half> local;
    {
      VirtualExecutor executor;
      half(local, executor, notes);
    }
    CHECK(notes.destroyed.size() == 1);
    VirtualExecutor another;
    half(local, another, notes);
    CHECK(notes.made.size() == 2);
  }
  CHECK(notes.destroyed.size() == 2);
}

TEST_CASE("a value may use others while it is destroyed") {
  struct Nested {
    Nested(WorkerLocal<int>& its_inner, Executor& its_executor)
        : inner(its_inner), executor(its_executor) {}
    ~Nested() {
      inner.get(executor, [] { return std::make_unique<int>(1); });
    }
    WorkerLocal<int>& inner;
    Executor& executor;
  };
  WorkerLocal<int> inner;
  SECTION("because its handle has gone") {
    VirtualExecutor executor;
    {
      WorkerLocal<Nested> outer;
      outer.get(executor, [&] { return std::make_unique<Nested>(inner, executor); });
    }
    executor.settle();
    CHECK(inner.get(executor, [] { return std::make_unique<int>(2); }) == 1);
  }
  SECTION("because its worker goes") {
    WorkerLocal<Nested> outer;
    VirtualExecutor executor;
    outer.get(executor, [&] { return std::make_unique<Nested>(inner, executor); });
  }
}

TEST_CASE("each of two workers has a value of its own, made on its own thread") {
  Notes notes;
  WorkerLocal<Half> local;
  Worker a;
  Worker b;
  std::vector<Half*> halves;
  for (Worker* const worker : {&a, &b}) {
    worker->call([&](Executor& executor) {
      Half& own = half(local, executor, notes);
      ++own.uses;
      halves.push_back(&own);
    });
  }
  CHECK(halves[0] != halves[1]);
  CHECK(notes.made == std::vector<std::thread::id>{a.id(), b.id()});
}

TEST_CASE("when the handle goes first, each worker destroys its value on its own thread") {
  Notes notes;
  Worker a;
  Worker b;
  auto local = std::make_unique<WorkerLocal<Half>>();
  for (Worker* const worker : {&a, &b}) {
    worker->call([&](Executor& executor) { ++half(*local, executor, notes).uses; });
  }
  local.reset();
  for (Worker* const worker : {&a, &b}) worker->call([](Executor&) {});
  CHECK(notes.destroyed == std::vector<std::thread::id>{a.id(), b.id()});
}

TEST_CASE("when a worker goes first, it destroys its value on its own thread") {
  Notes notes;
  WorkerLocal<Half> local;
  Worker a;
  Worker b;
  for (Worker* const worker : {&a, &b}) {
    worker->call([&](Executor& executor) { ++half(local, executor, notes).uses; });
  }
  const std::thread::id id = a.id();
  a.stop();
  CHECK(notes.destroyed == std::vector<std::thread::id>{id});
  b.call([&](Executor& executor) { ++half(local, executor, notes).uses; });
  CHECK(notes.made.size() == 2);
}

TEST_CASE("handles and workers may go at the same moment") {
  constexpr int kRounds = 200;
  Notes notes;
  for (int round = 0; round < kRounds; ++round) {
    Worker a;
    Worker b;
    auto local = std::make_unique<WorkerLocal<Half>>();
    for (Worker* const worker : {&a, &b}) {
      worker->call([&](Executor& executor) { ++half(*local, executor, notes).uses; });
    }
    std::thread stopper([&a] { a.stop(); });
    std::thread other([&b] { b.stop(); });
    local.reset();
    stopper.join();
    other.join();
  }
  CHECK(notes.made.size() == 2 * kRounds);
  CHECK(notes.destroyed.size() == 2 * kRounds);
}
