// SPDX-License-Identifier: Apache-2.0
#include "routing/wiring_check.hpp"

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "routing/pattern.hpp"

namespace gatewaykit {

namespace {

using Types = std::vector<const std::type_info*>;

std::string type_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  return name == nullptr ? type.name() : name.get();
}

bool holds(const Types& types, const std::type_info& wanted) noexcept {
  return std::any_of(types.begin(), types.end(),
                     [&wanted](const std::type_info* type) { return *type == wanted; });
}

}  // namespace

Wiring WiringCheck::describe(const Middleware& layer) {
  Wiring wiring;
  layer.describe(wiring);
  if (wiring.name_.empty()) wiring.name("middleware");
  return wiring;
}

std::string WiringCheck::name_of(const Handler& handler) {
  const Wiring* const wiring = handler.wiring();
  return wiring == nullptr || wiring->name_.empty() ? "handler" : wiring->name_;
}

bool WiringCheck::is_provided(const std::type_info& type) const noexcept {
  return holds(provided_, type);
}

std::vector<std::string> WiringCheck::enter(const std::vector<MiddlewarePtr>& layers) {
  std::vector<Wiring> wirings;
  for (const MiddlewarePtr& layer : layers) {
    if (layer != nullptr) wirings.push_back(describe(*layer));
  }
  std::vector<std::string> problems;
  for (auto wiring = wirings.begin(); wiring != wirings.end(); ++wiring) {
    for (const std::type_info* const need : wiring->needs_) {
      if (is_provided(*need)) continue;
      const auto late = std::find_if(wiring, wirings.end(), [need](const Wiring& other) {
        return holds(other.provides_, *need);
      });
      problems.push_back(fmt::format(
          "{} needs {}, which {}", wiring->name_, type_name(*need),
          late == wirings.end() ? "no layer before it provides"
                                : fmt::format("{} provides, but not before it", late->name_)));
    }
    for (const std::string& segment : wiring->parameters_) {
      parameters_.push_back({wiring->name_, segment});
    }
    provided_.insert(provided_.end(), wiring->provides_.begin(), wiring->provides_.end());
  }
  return problems;
}

std::vector<std::string> WiringCheck::check(const Match& match, const Handler& handler) const {
  std::vector<std::string> problems;
  std::vector<Parameter> parameters = parameters_;
  if (const Wiring* const wiring = handler.wiring()) {
    for (const std::type_info* const need : wiring->needs_) {
      if (is_provided(*need)) continue;
      problems.push_back(fmt::format("{} needs {}, which no layer around it provides",
                                     name_of(handler), type_name(*need)));
    }
    for (const std::string& segment : wiring->parameters_) {
      parameters.push_back({name_of(handler), segment});
    }
  }
  if (parameters.empty()) return problems;

  std::vector<routing::PatternSegment> segments;
  std::vector<std::string> malformed;  // Told by the route table.
  routing::parse_pattern(match.pattern, segments, malformed);
  for (const Parameter& parameter : parameters) {
    const bool is_captured =
        std::any_of(segments.begin(), segments.end(), [&parameter](const auto& segment) {
          return segment.kind != routing::SegmentKind::literal &&
                 to_string(segment) == parameter.segment;
        });
    if (is_captured || !malformed.empty()) continue;
    problems.push_back(fmt::format("{} needs {}, which the pattern does not capture",
                                   parameter.user, parameter.segment));
  }
  return problems;
}

}  // namespace gatewaykit
