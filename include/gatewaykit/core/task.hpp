// SPDX-License-Identifier: Apache-2.0
// Task<T>: the coroutine type of gatewaykit. Lazy, awaited once, by one owner, on one thread; the
// frame comes from the block pool. A child starts inside its parent's await and resumes it by
// returning where it can (hybrid start): plain symmetric transfer overflows the stack on g++ 12.
#pragma once

#include <cassert>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "gatewaykit/core/env.hpp"
#include "gatewaykit/core/pool.hpp"

namespace gatewaykit {

template <class T = void>
class Task;

namespace detail {

/// What the promises of all tasks share.
struct TaskPromiseBase {
  Env env;
  std::coroutine_handle<> continuation;
  std::exception_ptr failure;
  bool starting = false;  ///< The parent is still inside its await_suspend.

  static void* operator new(std::size_t size) { return pool_allocate(size); }
  static void operator delete(void* frame, std::size_t size) noexcept {
    pool_deallocate(frame, size);
  }

  std::suspend_always initial_suspend() const noexcept { return {}; }

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      const TaskPromiseBase& promise = self.promise();
      if (promise.starting) return std::noop_coroutine();
      return promise.continuation;
    }
    void await_resume() const noexcept {}
  };
  FinalAwaiter final_suspend() const noexcept { return {}; }

  void unhandled_exception() noexcept { failure = std::current_exception(); }
};

template <class T>
struct TaskPromise : TaskPromiseBase {
  Task<T> get_return_object() noexcept;

  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }

  T take() {
    if (failure) std::rethrow_exception(failure);
    return std::move(*value);
  }

  std::optional<T> value;
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const {
    if (failure) std::rethrow_exception(failure);
  }
};

}  // namespace detail

/// Work that has not begun. `co_await std::move(task)` runs it under the caller's Env.
template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() { destroy(); }

  class Awaiter {
   public:
    explicit Awaiter(Handle handle, CancelScope* scope = nullptr) noexcept
        : handle_(handle), scope_(scope) {}

    bool await_ready() const noexcept { return false; }

    template <class Parent>
    bool await_suspend(std::coroutine_handle<Parent> parent) const {
      promise_type& promise = handle_.promise();
      promise.env = parent.promise().env;
      if (scope_ != nullptr) promise.env.scope = scope_;
      promise.continuation = parent;
      promise.starting = true;
      handle_.resume();
      promise.starting = false;
      return !handle_.done();
    }

    T await_resume() const { return handle_.promise().take(); }

   private:
    Handle handle_;
    CancelScope* scope_;
  };

  Awaiter operator co_await() const&& noexcept {
    assert(handle_ && "a task is awaited once");
    return Awaiter(handle_);
  }

  /// Awaits the task with `scope` in place of the caller's: `co_await std::move(task).under(s);`
  /// The scope must outlive the task.
  Awaiter under(CancelScope& scope) const&& noexcept { return Awaiter(handle_, &scope); }

 private:
  friend struct detail::TaskPromise<T>;
  explicit Task(Handle handle) noexcept : handle_(handle) {}

  void destroy() noexcept {
    if (handle_) handle_.destroy();
  }

  Handle handle_;
};

namespace detail {

template <class T>
Task<T> TaskPromise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

inline Task<void> TaskPromise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

/// Reads the environment of the coroutine that awaits it, without suspending.
struct EnvAwaiter {
  Env env;
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
    env = coroutine.promise().env;
    return false;
  }
  Env await_resume() const noexcept { return env; }
};

}  // namespace detail

/// `const Env env = co_await current_env();`
inline detail::EnvAwaiter current_env() noexcept { return {}; }

}  // namespace gatewaykit
