// SPDX-License-Identifier: Apache-2.0
// WiringCheck: whether the layers around a route have what they need of each other and of the
// route. RouteSet's compiler has one for each router, made from that of the router around it.
#pragma once

#include <string>
#include <typeinfo>
#include <vector>

#include "gatewaykit/routing/match.hpp"
#include "gatewaykit/routing/middleware.hpp"
#include "gatewaykit/routing/wiring.hpp"

namespace gatewaykit {

class WiringCheck {
 public:
  /// Goes inside `layers`, the first one outermost. A sentence for each need that nothing before it
  /// meets.
  std::vector<std::string> enter(const std::vector<MiddlewarePtr>& layers);

  /// A sentence for each need of the handler that nothing around it meets, and for each parameter
  /// that the pattern should capture and does not.
  std::vector<std::string> check(const Match& match, const Handler& handler) const;

  /// What a layer says of itself, with a name in any case.
  static Wiring describe(const Middleware& layer);
  static std::string name_of(const Handler& handler);

 private:
  struct Parameter {
    std::string user;
    std::string segment;
  };

  bool is_provided(const std::type_info& type) const noexcept;

  std::vector<const std::type_info*> provided_;
  std::vector<Parameter> parameters_;
};

}  // namespace gatewaykit
