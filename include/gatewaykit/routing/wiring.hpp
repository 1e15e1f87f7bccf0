// SPDX-License-Identifier: Apache-2.0
// Wiring: what a middleware or a handler says of itself while routes are compiled, so that a chain
// that cannot work is refused before anything listens. Filled in by describe(), never per request.
#pragma once

#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "gatewaykit/export.hpp"

namespace gatewaykit {

class GATEWAYKIT_EXPORT Wiring {
 public:
  /// What explanations and wiring errors call it.
  Wiring& name(std::string text) {
    name_ = std::move(text);
    return *this;
  }
  /// It calls ctx.set(T) for each request that it lets through.
  template <class T>
  Wiring& provides() {
    provides_.push_back(&typeid(T));
    return *this;
  }
  /// It relies on ctx.get<T>(): a layer around it must provide T.
  template <class T>
  Wiring& needs() {
    needs_.push_back(&typeid(T));
    return *this;
  }
  /// Every route that it serves must capture this, written as in the pattern: "{id}", "{*rest}",
  /// "*".
  Wiring& needs_parameter(std::string segment) {
    parameters_.push_back(std::move(segment));
    return *this;
  }

 private:
  friend class RouteSet;
  friend class WiringCheck;

  std::string name_;
  std::vector<const std::type_info*> provides_;
  std::vector<const std::type_info*> needs_;
  std::vector<std::string> parameters_;
};

}  // namespace gatewaykit
