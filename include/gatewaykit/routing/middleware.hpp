// SPDX-License-Identifier: Apache-2.0
// Middleware, Next, Handler: the onion around a handler. A layer acts, awaits the rest, acts again;
// one that needs no "after" is an ordinary function that returns next(ctx) and costs no frame.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "gatewaykit/core/function.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/export.hpp"
#include "gatewaykit/http/response.hpp"

namespace gatewaykit {

class Context;
class Middleware;

/// Answers a request. Called by all workers at once, hence const.
using Handler = Function<Task<Response>(Context&) const>;

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

 protected:
  Middleware(const Middleware&) = default;
  Middleware(Middleware&&) = default;
  Middleware& operator=(const Middleware&) = default;
  Middleware& operator=(Middleware&&) = default;
};

using MiddlewarePtr = std::shared_ptr<const Middleware>;

/// A middleware that calls `act(ctx)` and goes on, for hosts that write no coroutines. Where it
/// returns a Response (std::optional<Response>), that is the answer and the rest does not run.
GATEWAYKIT_EXPORT MiddlewarePtr before(Function<std::optional<Response>(Context&) const> act);
/// A middleware that lets the rest run, then calls `act(ctx, response)`.
GATEWAYKIT_EXPORT MiddlewarePtr after(Function<void(Context&, Response&) const> act);

}  // namespace gatewaykit
