// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/routing/middleware.hpp"

#include <utility>

#include "gatewaykit/routing/context.hpp"
#include "routing/answer.hpp"

namespace gatewaykit {

Middleware::~Middleware() = default;

Task<Response> Next::operator()(Context& ctx) const {
  if (index_ < chain_->layers.size()) {
    return chain_->layers[index_]->handle(ctx, Next(*chain_, index_ + 1));
  }
  return (*chain_->handler)(ctx);
}

namespace {

class Before final : public Middleware {
 public:
  explicit Before(Function<std::optional<Response>(Context&) const> act) : act_(std::move(act)) {}

  Task<Response> handle(Context& ctx, Next next) const override {
    std::optional<Response> refusal = act_(ctx);
    if (refusal) return answer(std::move(*refusal));
    return next(ctx);
  }

 private:
  Function<std::optional<Response>(Context&) const> act_;
};

class After final : public Middleware {
 public:
  explicit After(Function<void(Context&, Response&) const> act) : act_(std::move(act)) {}

  Task<Response> handle(Context& ctx, Next next) const override {
    Response response = co_await next(ctx);
    act_(ctx, response);
    co_return response;
  }

 private:
  Function<void(Context&, Response&) const> act_;
};

}  // namespace

MiddlewarePtr before(Function<std::optional<Response>(Context&) const> act) {
  return std::make_shared<const Before>(std::move(act));
}

MiddlewarePtr after(Function<void(Context&, Response&) const> act) {
  return std::make_shared<const After>(std::move(act));
}

}  // namespace gatewaykit
