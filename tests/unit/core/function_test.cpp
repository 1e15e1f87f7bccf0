// SPDX-License-Identifier: Apache-2.0
// Function: holds one callable, moves it, destroys it once; small ones without an allocation.
#include "gatewaykit/core/function.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "catch.hpp"

using gatewaykit::Function;

namespace {

int heap_blocks = 0;
int alive = 0;

/// A callable of `kSize` bytes that counts its allocations and its copies that are alive.
template <std::size_t kSize, bool kMovesNoexcept = true>
class Probe {
 public:
  explicit Probe(int value) : value_(value) { ++alive; }
  Probe(Probe&& other) noexcept(kMovesNoexcept) : value_(std::exchange(other.value_, -1)) {
    ++alive;
  }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  ~Probe() { --alive; }

  int operator()() const { return value_; }

  static void* operator new(std::size_t size) {
    ++heap_blocks;
    return ::operator new(size);
  }
  static void* operator new(std::size_t, void* place) noexcept { return place; }
  static void operator delete(void* block) {
    --heap_blocks;
    ::operator delete(block);
  }

 private:
  int value_;
  std::array<std::byte, kSize - sizeof(int)> padding_{};
};

constexpr std::size_t kInline = 4 * sizeof(void*);

int twice(int value) { return 2 * value; }

}  // namespace

TEST_CASE("an empty Function is false, and so is one that was moved from or made of nullptr") {
  Function<int()> function;
  CHECK_FALSE(function);
  CHECK_FALSE(Function<int()>(nullptr));
  function = [] { return 1; };
  CHECK(function);
  Function<int()> taken = std::move(function);
  CHECK_FALSE(function);
  CHECK(taken() == 1);
  taken = nullptr;
  CHECK_FALSE(taken);
}

TEST_CASE("functions, lambdas and callables that can only be moved are held") {
  Function<int(int)> plain = &twice;
  CHECK(plain(21) == 42);
  Function<int(int)> capturing = [offset = 40](int value) { return value + offset; };
  CHECK(capturing(2) == 42);
  Function<int()> owning = [number = std::make_unique<int>(42)] { return *number; };
  CHECK(owning() == 42);
  static_assert(!std::is_copy_constructible_v<Function<int()>>);
  static_assert(std::is_nothrow_move_constructible_v<Function<int()>>);
  static_assert(std::is_nothrow_move_assignable_v<Function<int()>>);
}

TEST_CASE("a callable of four pointers is held without an allocation, a larger one with one") {
  REQUIRE(heap_blocks == 0);
  {
    const Function<int()> small = Probe<kInline>(1);
    CHECK(heap_blocks == 0);
    const Function<int()> large = Probe<kInline + 8>(2);
    CHECK(heap_blocks == 1);
    CHECK(alive == 2);
  }
  CHECK(heap_blocks == 0);
  CHECK(alive == 0);
}

TEST_CASE("a callable whose move may throw is kept where it is, so that moving never throws") {
  {
    Function<int()> function = Probe<8, false>(7);
    CHECK(heap_blocks == 1);
    Function<int()> moved = std::move(function);
    CHECK(heap_blocks == 1);
    CHECK(moved() == 7);
  }
  CHECK(alive == 0);
  CHECK(heap_blocks == 0);
}

TEST_CASE("moving keeps one callable alive, whatever its size") {
  SECTION("inline") {
    Function<int()> a = Probe<kInline>(1);
    Function<int()> b = std::move(a);
    CHECK(alive == 1);
    Function<int()> c = Probe<kInline>(2);
    CHECK(alive == 2);
    c = std::move(b);
    CHECK(alive == 1);
    CHECK(c() == 1);
  }
  SECTION("on the heap") {
    Function<int()> a = Probe<100>(1);
    Function<int()> b = std::move(a);
    CHECK(alive == 1);
    Function<int()> c = Probe<100>(2);
    CHECK(alive == 2);
    c = std::move(b);
    CHECK(alive == 1);
    CHECK(heap_blocks == 1);
    CHECK(c() == 1);
  }
  CHECK(alive == 0);
  CHECK(heap_blocks == 0);
}

TEST_CASE("moving to itself changes nothing") {
  Function<int()> function = Probe<kInline>(3);
  Function<int()>& same = function;
  function = std::move(same);
  REQUIRE(function);
  CHECK(function() == 3);
}

TEST_CASE("arguments and results pass as they are: references, rvalues, nothing") {
  Function<void(std::string&)> append = [](std::string& text) { text += "!"; };
  std::string text = "hello";
  append(text);
  CHECK(text == "hello!");

  Function<std::string&(std::string&)> same = [](std::string& its) -> std::string& { return its; };
  CHECK(&same(text) == &text);

  Function<std::unique_ptr<int>(std::unique_ptr<int>)> pass = [](std::unique_ptr<int> number) {
    return number;
  };
  CHECK(*pass(std::make_unique<int>(5)) == 5);

  Function<void(int)> dropping = [](int value) { return value; };
  dropping(1);

  Function<long(short)> converting = [](long value) { return static_cast<int>(value + 1); };
  CHECK(converting(short{41}) == 42);
}

TEST_CASE("a Function may change its own state, a const one is called as const") {
  Function<int()> counter = [count = 0]() mutable { return ++count; };
  CHECK(counter() == 1);
  CHECK(counter() == 2);

  struct Overloaded {
    const char* operator()() { return "mutable"; }
    const char* operator()() const { return "const"; }
  };
  Function<const char*()> plain = Overloaded();
  const Function<const char*() const> shared = Overloaded();
  CHECK(std::string(plain()) == "mutable");
  CHECK(std::string(shared()) == "const");

  const auto counting = [count = 0]() mutable { return ++count; };
  static_assert(!std::is_constructible_v<Function<int() const>, decltype(counting)>);
}

TEST_CASE("what cannot be called with the signature is not taken") {
  static_assert(!std::is_constructible_v<Function<int(std::string)>, int (*)(int)>);
  static_assert(!std::is_constructible_v<Function<std::string()>, int (*)()>);
  static_assert(std::is_constructible_v<Function<void()>, int (*)()>);
}

TEST_CASE(
    "an exception of the callable reaches the caller, and one of its construction leaks nothing") {
  Function<void()> failing = [] { throw std::runtime_error("inside"); };
  CHECK_THROWS_WITH(failing(), "inside");

  struct FailsToMove {
    FailsToMove() = default;
    FailsToMove(FailsToMove&&) { throw std::runtime_error("while moving"); }
    void operator()() const {}
  };
  CHECK_THROWS_WITH(Function<void()>(FailsToMove()), "while moving");
}

TEST_CASE("an over-aligned callable stays aligned when its Function moves") {
  struct alignas(64) Aligned {
    bool operator()() const { return reinterpret_cast<std::uintptr_t>(this) % 64 == 0; }
  };
  Function<bool()> function = Aligned();
  CHECK(function());
  Function<bool()> moved = std::move(function);
  CHECK(moved());
}

TEST_CASE("a Function may be replaced by the callable that it runs") {
  Function<void()> function;
  int calls = 0;
  function = [&] {
    ++calls;
    Function<void()> next = [&calls] { calls += 10; };
    std::swap(function, next);
    next = nullptr;  // The callable that runs now: nothing of it is used from here on.
  };
  function();
  function();
  CHECK(calls == 11);
}
