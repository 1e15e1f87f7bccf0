// SPDX-License-Identifier: Apache-2.0
#include "middleware/target_rewrite.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gatewaykit/http/target.hpp"
#include "gatewaykit/routing/context.hpp"
#include "http/percent_encoding.hpp"

namespace gatewaykit {

namespace {

using routing::PatternSegment;
using routing::SegmentKind;

// What stands in the target as it is, escapes included; in the rest of a path slashes and
// parameters of segments as well.
constexpr UrlCharSet kSegment = url_chars("-._~!$&'()*+,=:@%");
constexpr UrlCharSet kRest = url_chars("-._~!$&'()*+,=:@%/;");

}  // namespace

TargetRewrite::TargetRewrite(std::string path, std::vector<std::string>& problems)
    : path_(path.begin(), path.end()) {
  if (path_.empty()) return;
  std::vector<std::string> found;
  routing::parse_pattern({path_.data(), path_.size()}, segments_, found);
  for (const std::string& problem : found) {
    problems.push_back(fmt::format("proxy: rewrite '{}': {}", path, problem));
  }
}

void TargetRewrite::describe(Wiring& wiring) const {
  for (const PatternSegment& segment : segments_) {
    if (segment.kind != SegmentKind::literal) wiring.needs_parameter(to_string(segment));
  }
}

bool TargetRewrite::write(const Context& ctx, String& to) const {
  const std::string_view target = ctx.request().target;
  if (target == "*") {
    to += target;
    return true;
  }
  write_path(ctx, to);
  to += target.substr(std::min(target.find('?'), target.size()));
  const Result<NormalisedTarget> normal = normalise_target(to, EncodedSlash::keep);
  return normal && normal->text == to;
}

void TargetRewrite::write_path(const Context& ctx, String& to) const {
  for (const PatternSegment& segment : segments_) {
    to += '/';
    switch (segment.kind) {
      case SegmentKind::literal:
        to += segment.text;
        break;
      case SegmentKind::parameter:
        append_encoded(to, ctx.raw_param(segment.text), kSegment);
        break;
      case SegmentKind::wildcard: {
        // "/users" is the path of "/users/*" as much as "/users/" is.
        const std::string_view rest = ctx.raw_param(segment.text);
        const std::string_view target = ctx.request().target;
        const bool is_bare = rest.empty() && !target.substr(0, target.find('?')).ends_with('/');
        if (is_bare && to.size() > 1) to.pop_back();
        append_encoded(to, rest, kRest);
        break;
      }
    }
  }
}

}  // namespace gatewaykit
