// SPDX-License-Identifier: Apache-2.0
#include "net/loop.hpp"

#include <cassert>
#include <system_error>
#include <utility>

namespace gatewaykit::net {

namespace {

/// Under load, events are taken this many times before libuv gets its turn again.
constexpr int kPollsPerTurn = 16;

void check(int result, const char* what) {
  if (result != 0) throw std::system_error(-result, std::generic_category(), what);
}

TimePoint monotonic_now() noexcept { return std::chrono::steady_clock::now(); }

}  // namespace

Loop::Loop(uv_loop_t* host_loop) : uv_(host_loop) {
  if (uv_ == nullptr) {
    own_ = std::make_unique<uv_loop_t>();
    uv_ = own_.get();
    check(uv_loop_init(uv_), "uv_loop_init");
  }
  check(uv_poll_init(uv_, &poll_, poller_.fd()), "uv_poll_init");
  check(uv_timer_init(uv_, &timer_), "uv_timer_init");
  check(uv_async_init(uv_, &async_,
                      [](uv_async_t* handle) { static_cast<Loop*>(handle->data)->run_posted(); }),
        "uv_async_init");
  poll_.data = timer_.data = async_.data = this;
  held_ = 3;
  check(uv_poll_start(
            &poll_, UV_READABLE,
            [](uv_poll_t* handle, int, int) { static_cast<Loop*>(handle->data)->on_poll(); }),
        "uv_poll_start");
  set_now(monotonic_now());
}

Loop::~Loop() {
  if (own_ == nullptr) {
    assert(held_ == 0 && "close the loop before it dies");
    return;
  }
  close(nullptr);
  // A stop that came while nothing ran ends one run at once.
  while (uv_run(uv_, UV_RUN_DEFAULT) != 0) {
  }
  [[maybe_unused]] const int result = uv_loop_close(uv_);
  assert(result == 0 && "nothing of ours is left on the loop");
}

void Loop::run() { uv_run(uv_, UV_RUN_DEFAULT); }

void Loop::close(Function<void()> on_closed) {
  {
    const std::lock_guard lock(mutex_);
    is_open_ = false;
  }
  on_closed_ = std::move(on_closed);
  close_handle(reinterpret_cast<uv_handle_t*>(&poll_));
  close_handle(reinterpret_cast<uv_handle_t*>(&timer_));
  close_handle(reinterpret_cast<uv_handle_t*>(&async_));
}

void Loop::close_handle(uv_handle_t* handle) {
  uv_close(handle, [](uv_handle_t* closed) { static_cast<Loop*>(closed->data)->release(); });
}

void Loop::release() {
  if (--held_ > 0 || !on_closed_) return;
  Function<void()> on_closed = std::move(on_closed_);
  on_closed();  // May destroy this loop.
}

void Loop::post(Function<void()> job) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(job));
  if (is_open_) uv_async_send(&async_);
}

void Loop::offload(Function<void()> job) {
  struct Work {
    uv_work_t request;
    Loop& loop;
    Function<void()> job;
  };
  auto* const work = new Work{{}, *this, std::move(job)};
  work->request.data = work;
  hold();
  uv_queue_work(
      uv_, &work->request, [](uv_work_t* request) { static_cast<Work*>(request->data)->job(); },
      [](uv_work_t* request, int) {
        const std::unique_ptr<Work> done(static_cast<Work*>(request->data));
        done->loop.release();
      });
}

void Loop::run_posted() {
  std::vector<Function<void()>> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(posted_);
  }
  turn([&jobs] {
    for (Function<void()>& job : jobs) job();
  });
}

std::chrono::system_clock::time_point Loop::wall_now() const {
  if (!wall_now_) wall_now_ = std::chrono::system_clock::now();
  return *wall_now_;
}

void Loop::begin_turn() noexcept {
  set_now(monotonic_now());
  wall_now_.reset();
}

void Loop::end_turn() {
  timers().fire(now());
  run_ready();
  arm_timer();
}

void Loop::on_poll() {
  for (int i = 0; i < kPollsPerTurn; ++i) {
    begin_turn();
    const int count = poller_.dispatch();
    if (count <= 0) break;
    run_ready();
  }
  end_turn();
}

void Loop::arm_timer() {
  const TimePoint next = timers().next();
  if (next == armed_ || uv_is_closing(reinterpret_cast<uv_handle_t*>(&timer_))) return;
  armed_ = next;
  if (next == kNever) {
    uv_timer_stop(&timer_);
    return;
  }
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - now());
  const std::uint64_t milliseconds =
      wait.count() > 0 ? static_cast<std::uint64_t>(wait.count()) : 0;
  uv_update_time(uv_);
  uv_timer_start(
      &timer_,
      [](uv_timer_t* handle) {
        auto& self = *static_cast<Loop*>(handle->data);
        self.armed_ = kNever;
        self.turn([] {});
      },
      milliseconds, 0);
}

}  // namespace gatewaykit::net
