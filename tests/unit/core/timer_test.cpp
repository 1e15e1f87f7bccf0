// SPDX-License-Identifier: Apache-2.0
// Timer and TimerQueue: each deadline fires once, in order, however often it was moved before.
#include "gatewaykit/core/timer.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/random.hpp"

using gatewaykit::deadline_after;
using gatewaykit::Duration;
using gatewaykit::kNever;
using gatewaykit::Random;
using gatewaykit::TimePoint;
using gatewaykit::Timer;
using gatewaykit::TimerQueue;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint at(Duration duration) { return TimePoint(duration); }

class NotedTimer : public Timer {
 public:
  NotedTimer(std::vector<int>& fired, int name)
      : Timer(&NotedTimer::on_time), fired_(fired), name_(name) {}

 private:
  static void on_time(Timer& timer) noexcept {
    auto& self = static_cast<NotedTimer&>(timer);
    self.fired_.push_back(self.name_);
  }

  std::vector<int>& fired_;
  int name_;
};

}  // namespace

TEST_CASE("an empty queue wants nothing") {
  TimerQueue queue;
  CHECK(queue.next() == kNever);
  queue.fire(at(1h));
}

TEST_CASE("a timer fires once, at its deadline") {
  TimerQueue queue;
  std::vector<int> fired;
  NotedTimer timer(fired, 1);
  timer.set(queue, at(10s));
  CHECK(timer.deadline() == at(10s));
  CHECK(queue.next() == at(10s));
  queue.fire(at(10s) - 1ns);
  CHECK(fired.empty());
  queue.fire(at(10s));
  CHECK(fired == std::vector<int>{1});
  CHECK(timer.deadline() == kNever);
  CHECK(queue.next() == kNever);
  queue.fire(at(1h));
  CHECK(fired == std::vector<int>{1});
}

TEST_CASE("timers that are due together fire in the order of their deadlines") {
  TimerQueue queue;
  std::vector<int> fired;
  NotedTimer a(fired, 30);
  NotedTimer b(fired, 10);
  NotedTimer c(fired, 20);
  a.set(queue, at(30s));
  b.set(queue, at(10s));
  c.set(queue, at(20s));
  queue.fire(at(1h));
  CHECK(fired == std::vector<int>{10, 20, 30});
}

TEST_CASE("a timer that was moved fires in the order of the deadline that it was moved to") {
  TimerQueue queue;
  std::vector<int> fired;
  NotedTimer moved(fired, 1);
  NotedTimer other(fired, 2);
  moved.set(queue, at(10s));
  other.set(queue, at(20s));
  moved.set(queue, at(30s));
  queue.fire(at(1h));
  CHECK(fired == std::vector<int>{2, 1});
}

TEST_CASE("a deadline that was moved later fires at the later one alone") {
  TimerQueue queue;
  std::vector<int> fired;
  NotedTimer timer(fired, 1);
  for (int i = 1; i <= 100; ++i) timer.set(queue, at(i * 1s));
  CHECK(timer.deadline() == at(100s));
  CHECK(queue.next() <= at(100s));
  queue.fire(at(99s));
  CHECK(fired.empty());
  CHECK(queue.next() == at(100s));
  queue.fire(at(100s));
  CHECK(fired == std::vector<int>{1});
}

TEST_CASE("a deadline that was moved earlier fires at the earlier one alone") {
  TimerQueue queue;
  std::vector<int> fired;
  NotedTimer other(fired, 0);
  NotedTimer timer(fired, 1);
  other.set(queue, at(50s));
  timer.set(queue, at(100s));
  timer.set(queue, at(10s));
  CHECK(queue.next() == at(10s));
  queue.fire(at(10s));
  CHECK(fired == std::vector<int>{1});
  queue.fire(at(1h));
  CHECK(fired == std::vector<int>{1, 0});
}

TEST_CASE("a timer moved later, then earlier, then later keeps the last deadline") {
  TimerQueue queue;
  std::vector<int> fired;
  NotedTimer timer(fired, 1);
  timer.set(queue, at(20s));
  timer.set(queue, at(40s));
  timer.set(queue, at(10s));
  timer.set(queue, at(30s));
  queue.fire(at(29s));
  CHECK(fired.empty());
  queue.fire(at(30s));
  CHECK(fired == std::vector<int>{1});
}

TEST_CASE("a cleared timer does not fire, and can be set again") {
  TimerQueue queue;
  std::vector<int> fired;
  NotedTimer timer(fired, 1);
  timer.set(queue, at(10s));
  timer.clear();
  queue.fire(at(10s));
  CHECK(fired.empty());
  CHECK(queue.next() == kNever);

  timer.set(queue, at(20s));
  timer.clear();
  timer.set(queue, at(30s));
  queue.fire(at(29s));
  CHECK(fired.empty());
  queue.fire(at(30s));
  CHECK(fired == std::vector<int>{1});
}

TEST_CASE("a cleared timer that is set to an earlier deadline fires then") {
  TimerQueue queue;
  std::vector<int> fired;
  NotedTimer timer(fired, 1);
  timer.set(queue, at(20s));
  timer.clear();
  timer.set(queue, at(5s));
  CHECK(queue.next() == at(5s));
  queue.fire(at(5s));
  CHECK(fired == std::vector<int>{1});
}

TEST_CASE("a timer set to never is cleared") {
  TimerQueue queue;
  std::vector<int> fired;
  NotedTimer timer(fired, 1);
  timer.set(queue, kNever);
  CHECK(queue.next() == kNever);
  timer.set(queue, at(10s));
  timer.set(queue, kNever);
  queue.fire(at(1h));
  CHECK(fired.empty());
}

TEST_CASE("a timer that is destroyed does not fire") {
  TimerQueue queue;
  std::vector<int> fired;
  NotedTimer stays(fired, 1);
  stays.set(queue, at(20s));
  {
    NotedTimer goes(fired, 2);
    goes.set(queue, at(10s));
  }
  CHECK(queue.next() == at(20s));
  queue.fire(at(1h));
  CHECK(fired == std::vector<int>{1});
}

TEST_CASE("a timer may outlive its queue") {
  std::vector<int> fired;
  NotedTimer timer(fired, 1);
  {
    TimerQueue queue;
    timer.set(queue, at(10s));
  }
  CHECK(timer.deadline() == kNever);
  TimerQueue another;
  timer.set(another, at(20s));
  another.fire(at(20s));
  CHECK(fired == std::vector<int>{1});
}

TEST_CASE("a timer may set itself again when it fires") {
  class Ticker : public Timer {
   public:
    explicit Ticker(TimerQueue& queue) : Timer(&Ticker::on_time), queue_(queue) {
      set(queue_, at(1s));
    }
    int ticks = 0;

   private:
    static void on_time(Timer& timer) noexcept {
      auto& self = static_cast<Ticker&>(timer);
      ++self.ticks;
      self.set(self.queue_, at((self.ticks + 1) * 1s));
    }
    TimerQueue& queue_;
  };
  TimerQueue queue;
  const Ticker ticker(queue);
  queue.fire(at(1s));
  CHECK(ticker.ticks == 1);
  CHECK(queue.next() == at(2s));
  queue.fire(at(5s));  // Those that became due meanwhile are made up for.
  CHECK(ticker.ticks == 5);
}

TEST_CASE("a timer that fires may destroy itself and others") {
  class Destroyer : public Timer {
   public:
    Destroyer(std::unique_ptr<Destroyer>& self, std::vector<std::unique_ptr<NotedTimer>>& others)
        : Timer(&Destroyer::on_time), self_(self), others_(others) {}

   private:
    static void on_time(Timer& timer) noexcept {
      auto& destroyer = static_cast<Destroyer&>(timer);
      destroyer.others_.clear();
      destroyer.self_.reset();
    }
    std::unique_ptr<Destroyer>& self_;
    std::vector<std::unique_ptr<NotedTimer>>& others_;
  };
  TimerQueue queue;
  std::vector<int> fired;
  std::vector<std::unique_ptr<NotedTimer>> others;
  for (int i = 0; i < 100; ++i) {
    others.push_back(std::make_unique<NotedTimer>(fired, i));
    others.back()->set(queue, at(10s + i * 1ms));
  }
  std::unique_ptr<Destroyer> destroyer;
  destroyer = std::make_unique<Destroyer>(destroyer, others);
  destroyer->set(queue, at(5s));
  queue.fire(at(1h));
  CHECK(fired.empty());
  CHECK(destroyer == nullptr);
  CHECK(queue.next() == kNever);
}

TEST_CASE("deadlines do not overflow") {
  CHECK(deadline_after(at(1s), 1s) == at(2s));
  CHECK(deadline_after(at(1s), -2s) == at(-1s));
  CHECK(deadline_after(at(1s), Duration::max()) == kNever);
  CHECK(deadline_after(kNever, 1s) == kNever);
}

namespace {

/// What the queue promises, in the plainest way: a list of deadlines.
class NaiveTimers {
 public:
  explicit NaiveTimers(std::size_t count) : deadlines_(count) {}

  void set(std::size_t timer, TimePoint deadline) { deadlines_[timer] = deadline; }
  void clear(std::size_t timer) { deadlines_[timer].reset(); }

  std::vector<std::pair<TimePoint, int>> fire(TimePoint now) {
    std::vector<std::pair<TimePoint, int>> due;
    for (std::size_t i = 0; i < deadlines_.size(); ++i) {
      if (!deadlines_[i] || *deadlines_[i] > now) continue;
      due.emplace_back(*deadlines_[i], static_cast<int>(i));
      deadlines_[i].reset();
    }
    std::sort(due.begin(), due.end());
    return due;
  }

  TimePoint next() const {
    TimePoint earliest = kNever;
    for (const auto& deadline : deadlines_) {
      if (deadline) earliest = std::min(earliest, *deadline);
    }
    return earliest;
  }

 private:
  std::vector<std::optional<TimePoint>> deadlines_;
};

class TracedTimer : public Timer {
 public:
  TracedTimer(std::vector<std::pair<TimePoint, int>>& fired, int name)
      : Timer(&TracedTimer::on_time), fired_(fired), name_(name) {}
  void arm(TimerQueue& queue, TimePoint deadline) {
    armed_ = deadline;
    set(queue, deadline);
  }

 private:
  static void on_time(Timer& timer) noexcept {
    auto& self = static_cast<TracedTimer&>(timer);
    self.fired_.emplace_back(self.armed_, self.name_);
  }
  std::vector<std::pair<TimePoint, int>>& fired_;
  int name_;
  TimePoint armed_{};
};

}  // namespace

TEST_CASE("ten thousand timers at random do what a plain list of deadlines does") {
  constexpr std::size_t kTimers = 10'000;
  constexpr int kRounds = 300;
  constexpr int kOperations = 1'000;
  Random random(20'240'601);
  TimerQueue queue;
  NaiveTimers naive(kTimers);
  std::vector<std::pair<TimePoint, int>> fired;
  std::vector<std::unique_ptr<TracedTimer>> timers(kTimers);
  for (std::size_t i = 0; i < kTimers; ++i) {
    timers[i] = std::make_unique<TracedTimer>(fired, static_cast<int>(i));
  }

  TimePoint now = at(0s);
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kOperations; ++i) {
      const std::size_t timer = random.below(kTimers);
      switch (random.below(8)) {
        case 0:
          timers[timer]->clear();
          naive.clear(timer);
          break;
        case 1:
          timers[timer] = std::make_unique<TracedTimer>(fired, static_cast<int>(timer));
          naive.clear(timer);
          break;
        default: {
          // Few distinct values, so that deadlines coincide.
          const TimePoint deadline = now + static_cast<int>(random.below(500)) * 1ms;
          timers[timer]->arm(queue, deadline);
          naive.set(timer, deadline);
        }
      }
    }
    REQUIRE(queue.next() <= naive.next());
    now += static_cast<int>(random.below(20)) * 1ms;
    fired.clear();
    queue.fire(now);
    REQUIRE(std::is_sorted(fired.begin(), fired.end(),
                           [](const auto& a, const auto& b) { return a.first < b.first; }));
    std::sort(fired.begin(), fired.end());
    REQUIRE(fired == naive.fire(now));
    REQUIRE(queue.next() > now);
  }
}
