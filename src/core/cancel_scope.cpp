// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/core/cancel_scope.hpp"

#include <cassert>
#include <coroutine>
#include <utility>

#include "gatewaykit/core/pool.hpp"
#include "gatewaykit/core/task.hpp"

namespace gatewaykit {

namespace detail {

/// The root of a spawned task: starts it, reports its end to the scope, frees itself.
struct SpawnedFrame {
  struct promise_type {
    Env env;

    static void* operator new(std::size_t size) { return pool_allocate(size); }
    static void operator delete(void* frame, std::size_t size) noexcept {
      pool_deallocate(frame, size);
    }
    SpawnedFrame get_return_object() noexcept {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }  // run() catches all.
  };

  static SpawnedFrame run(CancelScope& scope, Task<void> task) {
    std::exception_ptr failure;
    try {
      co_await std::move(task);
    } catch (...) {
      failure = std::current_exception();
    }
    scope.task_ended(std::move(failure));
  }

  std::coroutine_handle<promise_type> handle;
};

}  // namespace detail

CancelScope::CancelScope(CancelScope* parent) noexcept
    : CancelNode(&CancelScope::on_parent_cancelled), list_(nullptr) {
  list_.next = list_.previous = &list_;
  if (parent == nullptr) return;
  cancelled_ = parent->cancelled();
  if (!cancelled_) parent->insert(*this);
}

CancelScope::~CancelScope() {
  assert(running_ == 0 && "join a scope before it dies");
  assert(list_.next == &list_ && "what waits in a scope ends before it");
  unlink();
}

void CancelScope::insert(detail::CancelNode& node) noexcept {
  node.previous = list_.previous;
  node.next = &list_;
  list_.previous->next = &node;
  list_.previous = &node;
}

void CancelScope::cancel() noexcept {
  if (cancelled_) return;
  cancelled_ = true;
  while (list_.next != &list_) {
    detail::CancelNode& node = *list_.next;
    node.unlink();
    node.on_cancel(node);
  }
}

void CancelScope::on_parent_cancelled(detail::CancelNode& node) noexcept {
  static_cast<CancelScope&>(node).cancel();
}

void CancelScope::spawn(const Env& env, Task<void> task) {
  const detail::SpawnedFrame frame = detail::SpawnedFrame::run(*this, std::move(task));
  ++running_;  // Not before: the frame's allocation may fail.
  frame.handle.promise().env = env;
  frame.handle.promise().env.scope = this;
  frame.handle.resume();
}

void CancelScope::task_ended(std::exception_ptr failure) noexcept {
  if (failure != nullptr) {
    if (failure_ == nullptr) failure_ = std::move(failure);
    cancel();
  }
  if (--running_ == 0) all_ended_.set();
}

namespace {

Task<void> wait_uncancelled(Event& event) { co_await event.wait(); }

}  // namespace

Task<void> CancelScope::join() {
  CancelScope unreachable;
  while (running_ > 0) {
    co_await wait_uncancelled(all_ended_).under(unreachable);
  }
  if (failure_ != nullptr) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace gatewaykit
