// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/routing/middleware.hpp"

#include <utility>

#include "gatewaykit/routing/context.hpp"
#include "routing/answer.hpp"

namespace gatewaykit {

Middleware::~Middleware() = default;

void Middleware::describe(Wiring& wiring) const { wiring.name("middleware"); }

Task<Response> Next::operator()(Context& ctx) const {
  if (index_ < chain_->layers.size()) {
    return chain_->layers[index_]->handle(ctx, Next(*chain_, index_ + 1));
  }
  return (*chain_->handler)(ctx);
}

namespace {

class Before final : public Middleware {
 public:
  Before(Function<std::optional<Response>(Context&) const> act, std::string name)
      : act_(std::move(act)), name_(std::move(name)) {}

  Task<Response> handle(Context& ctx, Next next) const override {
    std::optional<Response> refusal = act_(ctx);
    if (refusal) return answer(std::move(*refusal));
    return next(ctx);
  }
  void describe(Wiring& wiring) const override { wiring.name(name_); }

 private:
  Function<std::optional<Response>(Context&) const> act_;
  std::string name_;
};

class After final : public Middleware {
 public:
  After(Function<void(Context&, Response&) const> act, std::string name)
      : act_(std::move(act)), name_(std::move(name)) {}

  Task<Response> handle(Context& ctx, Next next) const override {
    Response response = co_await next(ctx);
    act_(ctx, response);
    co_return response;
  }
  void describe(Wiring& wiring) const override { wiring.name(name_); }

 private:
  Function<void(Context&, Response&) const> act_;
  std::string name_;
};

}  // namespace

MiddlewarePtr before(Function<std::optional<Response>(Context&) const> act, std::string name) {
  return std::make_shared<const Before>(std::move(act), std::move(name));
}

MiddlewarePtr after(Function<void(Context&, Response&) const> act, std::string name) {
  return std::make_shared<const After>(std::move(act), std::move(name));
}

}  // namespace gatewaykit
