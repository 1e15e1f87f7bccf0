// SPDX-License-Identifier: Apache-2.0
// Function: a move-only callable holder (std::move_only_function, which C++20 lacks), with room for
// four pointers inline. `Function<R(A) const>` calls through a const reference and is what may be
// shared by workers.
#pragma once

#include <cassert>
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace gatewaykit {

namespace detail {

template <bool kConst, class R, class... Args>
class FunctionCore {
 public:
  FunctionCore() noexcept = default;
  FunctionCore(std::nullptr_t) noexcept {}

  template <class F, class Callable = std::decay_t<F>>
  requires(
      !std::is_base_of_v<FunctionCore, Callable> &&
      std::is_invocable_r_v<R, std::conditional_t<kConst, const Callable&, Callable&>, Args...>)
      FunctionCore(F&& callable) {
    if constexpr (fits_inline<Callable>) {
      ::new (static_cast<void*>(storage_)) Callable(std::forward<F>(callable));
    } else {
      ::new (static_cast<void*>(storage_)) Callable*(new Callable(std::forward<F>(callable)));
    }
    operations_ = &kOperations<Callable>;
  }

  FunctionCore(FunctionCore&& other) noexcept { take(other); }
  FunctionCore& operator=(FunctionCore&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  FunctionCore(const FunctionCore&) = delete;
  FunctionCore& operator=(const FunctionCore&) = delete;
  ~FunctionCore() { reset(); }

  explicit operator bool() const noexcept { return operations_ != nullptr; }

 protected:
  R call(Args... args) const {
    assert(operations_ != nullptr);
    return operations_->invoke(const_cast<std::byte*>(storage_), std::forward<Args>(args)...);
  }

 private:
  static constexpr std::size_t kInlineSize = 4 * sizeof(void*);

  template <class Callable>
  static constexpr bool fits_inline =
      sizeof(Callable) <= kInlineSize &&
      alignof(Callable) <= alignof(void*) && std::is_nothrow_move_constructible_v<Callable>;

  struct Operations {
    R (*invoke)(std::byte*, Args&&...);
    void (*move)(std::byte* to, std::byte* from) noexcept;
    void (*destroy)(std::byte*) noexcept;
  };

  template <class Callable>
  static Callable& stored(std::byte* storage) noexcept {
    if constexpr (fits_inline<Callable>) {
      return *std::launder(reinterpret_cast<Callable*>(storage));
    } else {
      return **std::launder(reinterpret_cast<Callable**>(storage));
    }
  }

  template <class Callable>
  static R invoke(std::byte* storage, Args&&... args) {
    using Target = std::conditional_t<kConst, const Callable&, Callable&>;
    return static_cast<R>(
        static_cast<Target>(stored<Callable>(storage))(std::forward<Args>(args)...));
  }

  template <class Callable>
  static void move(std::byte* to, std::byte* from) noexcept {
    if constexpr (fits_inline<Callable>) {
      ::new (static_cast<void*>(to)) Callable(std::move(stored<Callable>(from)));
      stored<Callable>(from).~Callable();
    } else {
      ::new (static_cast<void*>(to)) Callable*(&stored<Callable>(from));
    }
  }

  template <class Callable>
  static void destroy(std::byte* storage) noexcept {
    if constexpr (fits_inline<Callable>) {
      stored<Callable>(storage).~Callable();
    } else {
      delete &stored<Callable>(storage);
    }
  }

  template <class Callable>
  static constexpr Operations kOperations{&invoke<Callable>, &move<Callable>, &destroy<Callable>};

  void take(FunctionCore& other) noexcept {
    operations_ = std::exchange(other.operations_, nullptr);
    if (operations_ != nullptr) operations_->move(storage_, other.storage_);
  }

  void reset() noexcept {
    if (operations_ != nullptr) std::exchange(operations_, nullptr)->destroy(storage_);
  }

  const Operations* operations_ = nullptr;
  alignas(void*) std::byte storage_[kInlineSize];
};

}  // namespace detail

template <class Signature>
class Function;

/// A callable that may change its own state when called.
template <class R, class... Args>
class Function<R(Args...)> : public detail::FunctionCore<false, R, Args...> {
 public:
  using detail::FunctionCore<false, R, Args...>::FunctionCore;
  R operator()(Args... args) { return this->call(std::forward<Args>(args)...); }
};

/// A callable that is called as const.
template <class R, class... Args>
class Function<R(Args...) const> : public detail::FunctionCore<true, R, Args...> {
 public:
  using detail::FunctionCore<true, R, Args...>::FunctionCore;
  R operator()(Args... args) const { return this->call(std::forward<Args>(args)...); }
};

}  // namespace gatewaykit
