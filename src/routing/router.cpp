// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/routing/router.hpp"

#include "gatewaykit/routing/context.hpp"
#include "routing/route_set.hpp"
#include "routing/router_wiring.hpp"

namespace gatewaykit {

namespace {

class FunctionLayer final : public Middleware {
 public:
  FunctionLayer(Function<Task<Response>(Context&, Next) const> layer, std::string name)
      : layer_(std::move(layer)), name_(std::move(name)) {}

  Task<Response> handle(Context& ctx, Next next) const override { return layer_(ctx, next); }
  void describe(Wiring& wiring) const override { wiring.name(name_); }

 private:
  Function<Task<Response>(Context&, Next) const> layer_;
  std::string name_;
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

Router& Router::use(Function<Task<Response>(Context&, Next) const> layer, std::string name) {
  if (!layer) return use(MiddlewarePtr());
  return use(std::make_shared<const FunctionLayer>(std::move(layer), std::move(name)));
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
  wiring_->routes.push_back(
      {std::move(match), std::make_shared<const Handler>(std::move(handler))});
  return *this;
}

Router& Router::group(std::string_view prefix) {
  wiring_->groups.emplace_back(new Router(prefix));
  return *wiring_->groups.back();
}

void Router::not_found(Handler handler) {
  wiring_->not_found.push_back(std::make_shared<const Handler>(std::move(handler)));
}

Explanation Router::explain(const Request& request, EncodedSlash encoded_slash) const {
  return RouteSet::compile(*this)->explain(request, encoded_slash);
}

}  // namespace gatewaykit
