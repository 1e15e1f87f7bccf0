// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/testing/virtual_executor.hpp"

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace gatewaykit::testing {

namespace {

/// Not zero: code that takes a time point of zero for "none" shall fail its tests.
constexpr TimePoint kStart{std::chrono::hours(1000)};
constexpr std::chrono::system_clock::time_point kWallStart{std::chrono::seconds(1'767'225'600)};

/// Marks a turn, also where a posted job throws.
class InTurn {
 public:
  explicit InTurn(bool& mark) noexcept : mark_(mark) { mark_ = true; }
  InTurn(const InTurn&) = delete;
  InTurn& operator=(const InTurn&) = delete;
  ~InTurn() { mark_ = false; }

 private:
  bool& mark_;
};

[[noreturn]] void fail_for_good(const char* what) {
  std::fprintf(stderr, "VirtualExecutor: %s\n", what);
  std::abort();
}

}  // namespace

VirtualExecutor::VirtualExecutor(std::uint64_t seed) {
  random_ = Random(seed);
  set_now(kStart);
}

VirtualExecutor::~VirtualExecutor() {
  finish(root_);
  while (has_work()) turn();
  locals().clear(*this);
  while (has_work()) turn();  // What the locals cancelled when they went.
}

std::chrono::system_clock::time_point VirtualExecutor::wall_now() const {
  return kWallStart +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(now() - kStart);
}

void VirtualExecutor::post(Function<void()> job) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(job));
}

void VirtualExecutor::spawn(Task<void> task) { spawn(std::move(task), root_); }

void VirtualExecutor::spawn(Task<void> task, CancelScope& scope) {
  scope.spawn(env(), guard(std::move(task)));
}

Task<void> VirtualExecutor::guard(Task<void> task) {
  try {
    co_await std::move(task);
  } catch (const ScriptCancelled&) {
    // Nobody wants its outcome any more.
  } catch (...) {
    if (background_failure_ == nullptr) background_failure_ = std::current_exception();
  }
}

void VirtualExecutor::settle() {
  refuse_nesting();
  while (has_work()) turn();
  rethrow_background_failure();
}

void VirtualExecutor::advance(Duration duration) {
  const TimePoint end = now() + duration;
  settle();
  while (timers().next() <= end) {
    set_now(timers().next());
    settle();
  }
  set_now(end);
}

void VirtualExecutor::finish(CancelScope& scope) {
  if (!try_finish(scope)) fail_for_good("a task does not end although it is cancelled");
}

bool VirtualExecutor::has_work() {
  if (has_ready() || timers().next() <= now()) return true;
  const std::lock_guard lock(mutex_);
  return !posted_.empty();
}

void VirtualExecutor::refuse_nesting() const {
  if (is_in_turn_) throw std::logic_error("VirtualExecutor: driven by a task that it runs");
}

void VirtualExecutor::turn() {
  const InTurn in_turn(is_in_turn_);
  std::vector<Function<void()>> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(posted_);
  }
  for (Function<void()>& job : jobs) job();
  timers().fire(now());
  run_ready();
}

std::optional<std::string_view> VirtualExecutor::step(TimePoint limit) {
  if (has_work()) {
    turn();
    return std::nullopt;
  }
  const TimePoint next = timers().next();
  if (next == kNever) return "nothing is ready and no timer is armed";
  if (next > limit) return "the task has not ended within patience()";
  set_now(next);
  return std::nullopt;
}

void VirtualExecutor::drive(detail::RunBase& state) {
  refuse_nesting();
  const TimePoint limit = now() + patience_;
  std::optional<std::string_view> obstacle;
  while (!state.ended && !obstacle && background_failure_ == nullptr) obstacle = step(limit);
  const bool ends = try_finish(state.scope);
  rethrow_background_failure();
  if (!obstacle) return;
  std::string what = "VirtualExecutor::run: ";
  what += *obstacle;
  if (!ends) what += "; the task does not end either when it is cancelled";
  throw std::logic_error(what);
}

bool VirtualExecutor::try_finish(CancelScope& scope) {
  scope.cancel();
  const TimePoint limit = now() + patience_;
  while (scope.running() > 0) {
    if (step(limit)) return false;
  }
  return true;
}

void VirtualExecutor::rethrow_background_failure() {
  if (background_failure_ == nullptr) return;
  std::rethrow_exception(std::exchange(background_failure_, nullptr));
}

}  // namespace gatewaykit::testing
