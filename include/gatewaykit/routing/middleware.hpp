// SPDX-License-Identifier: Apache-2.0
// Middleware, Next, Handler: the onion around a handler. A layer acts, awaits the rest, acts again;
// one that needs no "after" is an ordinary function that returns next(ctx) and costs no frame.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gatewaykit/core/function.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/export.hpp"
#include "gatewaykit/http/response.hpp"
#include "gatewaykit/routing/wiring.hpp"

namespace gatewaykit {

class Context;
class Middleware;

/// Answers a request: anything that is called as `Task<Response>(Context&) const`, by all workers
/// at once. Where it has `describe(Wiring&) const` as well, that is asked once, here.
class Handler : public Function<Task<Response>(Context&) const> {
  using Callable = Function<Task<Response>(Context&) const>;

 public:
  Handler() noexcept = default;
  Handler(std::nullptr_t) noexcept {}
  template <class F>
  requires(!std::is_base_of_v<Handler, std::decay_t<F>> && std::is_constructible_v<Callable, F>)
      Handler(F&& callable) {
    if constexpr (requires(Wiring & wiring) { std::as_const(callable).describe(wiring); }) {
      auto wiring = std::make_shared<Wiring>();
      std::as_const(callable).describe(*wiring);
      wiring_ = std::move(wiring);
    }
    Callable::operator=(Callable(std::forward<F>(callable)));
  }

  /// What it said of itself; null where it said nothing.
  const Wiring* wiring() const noexcept { return wiring_.get(); }

 private:
  std::shared_ptr<const Wiring> wiring_;
};

/// A handler with the layers around it, outermost first. Immutable once routes are compiled.
struct Chain {
  std::vector<std::shared_ptr<const Middleware>> layers;
  std::shared_ptr<const Handler> handler;
};

/// The rest of a chain.
class GATEWAYKIT_EXPORT Next {
 public:
  explicit Next(const Chain& chain, std::size_t index = 0) noexcept
      : chain_(&chain), index_(index) {}

  /// Runs the rest. Call it once; a second time only after request().body.rewind() succeeded.
  Task<Response> operator()(Context& ctx) const;

 private:
  const Chain* chain_;
  std::size_t index_;
};

/// A layer of the onion. Shared by all workers: state that changes is per worker or atomic.
class GATEWAYKIT_EXPORT Middleware {
 public:
  Middleware() = default;
  virtual ~Middleware();
  virtual Task<Response> handle(Context& ctx, Next next) const = 0;
  /// Its name, what it hands on to layers behind it, and what it needs of those before it: checked
  /// when routes are compiled. One that says nothing is called "middleware".
  virtual void describe(Wiring& wiring) const;

 protected:
  Middleware(const Middleware&) = default;
  Middleware(Middleware&&) = default;
  Middleware& operator=(const Middleware&) = default;
  Middleware& operator=(Middleware&&) = default;
};

using MiddlewarePtr = std::shared_ptr<const Middleware>;

/// A middleware that calls `act(ctx)` and goes on, for hosts that write no coroutines. Where it
/// returns a Response (std::optional<Response>), that is the answer and the rest does not run.
/// `name` is what explanations call it.
GATEWAYKIT_EXPORT MiddlewarePtr before(Function<std::optional<Response>(Context&) const> act,
                                       std::string name = "before");
/// A middleware that lets the rest run, then calls `act(ctx, response)`.
GATEWAYKIT_EXPORT MiddlewarePtr after(Function<void(Context&, Response&) const> act,
                                      std::string name = "after");

}  // namespace gatewaykit
