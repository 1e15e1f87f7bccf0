// SPDX-License-Identifier: Apache-2.0
// Router: collects routes, groups and middlewares while a host wires its gateway. Mistakes are
// collected too and thrown together, as one ConfigError, when the routes are compiled.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "gatewaykit/core/function.hpp"
#include "gatewaykit/export.hpp"
#include "gatewaykit/http/request.hpp"
#include "gatewaykit/http/target.hpp"
#include "gatewaykit/routing/explanation.hpp"
#include "gatewaykit/routing/match.hpp"
#include "gatewaykit/routing/middleware.hpp"

namespace gatewaykit {

class RouteSet;

/// Not thread-safe: wire first, then hand it to a Gateway.
class GATEWAYKIT_EXPORT Router {
 public:
  Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;
  ~Router();

  /// Adds a layer inside those that were added before, for every route of this router and its
  /// groups, whether they are added before or after it.
  Router& use(MiddlewarePtr middleware);
  /// The same for a middleware given by value.
  template <std::derived_from<Middleware> M>
  Router& use(M middleware) {
    return use(MiddlewarePtr(std::make_shared<const M>(std::move(middleware))));
  }
  /// The same for a function `Task<Response>(Context&, Next)`, under the name that explanations
  /// call it by.
  Router& use(Function<Task<Response>(Context&, Next) const> layer, std::string name = "function");

  Router& get(std::string_view pattern, Handler handler);
  Router& post(std::string_view pattern, Handler handler);
  Router& put(std::string_view pattern, Handler handler);
  Router& patch(std::string_view pattern, Handler handler);
  Router& del(std::string_view pattern, Handler handler);
  /// Any method.
  Router& any(std::string_view pattern, Handler handler);
  /// A route with conditions on method, host and header fields.
  Router& route(Match match, Handler handler);

  /// Routes under `prefix`, inside this router's layers and with layers of their own. The prefix
  /// may hold parameters; a slash at its end is dropped, and an empty one groups by layers alone.
  /// In a group of "/api" the pattern "/users" means "/api/users", and "" means "/api". The
  /// reference stays valid as long as this router or the one that it was moved to.
  Router& group(std::string_view prefix);
  /// Answers what no route matches; inside this router's layers. Root router only.
  void not_found(Handler handler);

  /// What becomes of a request: the route that takes it, why each other one does not, what runs.
  /// Compiles the routes each time, and throws ConfigError as a Gateway does; of the routes that
  /// are being served, ask Gateway::explain.
  Explanation explain(const Request& request,
                      EncodedSlash encoded_slash = EncodedSlash::reject) const;

 private:
  friend class RouteSet;
  struct Wiring;
  explicit Router(std::string_view prefix);

  std::unique_ptr<Wiring> wiring_;
};

}  // namespace gatewaykit
