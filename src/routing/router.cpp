// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/routing/router.hpp"

#include "gatewaykit/routing/context.hpp"
#include "routing/router_wiring.hpp"

namespace gatewaykit {

namespace {

class FunctionLayer final : public Middleware {
 public:
  explicit FunctionLayer(Function<Task<Response>(Context&, Next) const> layer)
      : layer_(std::move(layer)) {}

  Task<Response> handle(Context& ctx, Next next) const override { return layer_(ctx, next); }

 private:
  Function<Task<Response>(Context&, Next) const> layer_;
};

Match match_of(std::vector<Method> methods, std::string_view pattern) {
  return Match{.pattern = std::string(pattern), .methods = std::move(methods)};
}

}  // namespace

Router::Router() : Router(std::string_view()) {}
Router::Router(std::string_view prefix) : wiring_(std::make_unique<Wiring>()) {
  wiring_->prefix = prefix;
}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

Router& Router::use(MiddlewarePtr middleware) {
  wiring_->layers.push_back(std::move(middleware));
  return *this;
}

Router& Router::use(Function<Task<Response>(Context&, Next) const> layer) {
  if (!layer) return use(MiddlewarePtr());
  return use(MiddlewarePtr(std::make_shared<const FunctionLayer>(std::move(layer))));
}

Router& Router::get(std::string_view pattern, Handler handler) {
  return route(match_of({Method::get}, pattern), std::move(handler));
}

Router& Router::post(std::string_view pattern, Handler handler) {
  return route(match_of({Method::post}, pattern), std::move(handler));
}

Router& Router::put(std::string_view pattern, Handler handler) {
  return route(match_of({Method::put}, pattern), std::move(handler));
}

Router& Router::patch(std::string_view pattern, Handler handler) {
  return route(match_of({Method::patch}, pattern), std::move(handler));
}

Router& Router::del(std::string_view pattern, Handler handler) {
  return route(match_of({Method::del}, pattern), std::move(handler));
}

Router& Router::any(std::string_view pattern, Handler handler) {
  return route(match_of({}, pattern), std::move(handler));
}

Router& Router::route(Match match, Handler handler) {
  wiring_->routes.push_back({std::move(match), std::move(handler)});
  return *this;
}

Router& Router::group(std::string_view prefix) {
  wiring_->groups.emplace_back(new Router(prefix));
  return *wiring_->groups.back();
}

void Router::not_found(Handler handler) { wiring_->not_found.push_back(std::move(handler)); }

}  // namespace gatewaykit
