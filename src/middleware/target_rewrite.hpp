// SPDX-License-Identifier: Apache-2.0
// TargetRewrite: the path that a target is sent in place of the client's, made of what the route
// captured. Read once while wiring; used by proxy on any worker.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/core/string.hpp"
#include "gatewaykit/routing/wiring.hpp"
#include "routing/pattern.hpp"

namespace gatewaykit {

class Context;

class TargetRewrite {
 public:
  /// `path` has the form of a route's pattern; empty: nothing is rewritten. Adds a sentence to
  /// `problems` for each mistake.
  TargetRewrite(std::string path, std::vector<std::string>& problems);
  TargetRewrite(TargetRewrite&&) = default;

  explicit operator bool() const noexcept { return !path_.empty(); }
  /// The route must capture what the path is made of.
  void describe(Wiring& wiring) const;
  /// Appends path and query for the request of this exchange. False where a captured value would
  /// not stay in its place: where the result is not in the form in which targets are forwarded,
  /// which only requests made in-process are not.
  bool write(const Context& ctx, String& to) const;

 private:
  void write_path(const Context& ctx, String& to) const;

  std::vector<char> path_;                         // Stays where it is when this is moved.
  std::vector<routing::PatternSegment> segments_;  // Views of it.
};

}  // namespace gatewaykit
