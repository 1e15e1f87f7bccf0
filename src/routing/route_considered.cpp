// SPDX-License-Identifier: Apache-2.0
// RouteTable for people: what a path leads to, why a candidate does not take a request, and which
// route comes nearest to a path that none matches. Slow and thorough, beside the path of requests.
#include <fmt/format.h>

#include <algorithm>

#include "routing/pattern.hpp"
#include "routing/route_table.hpp"

namespace gatewaykit::routing {

std::string RouteTable::line_of(const Candidate& candidate) const {
  std::string line;
  if (candidate.methods != kAnyMethod) line = methods_.list(candidate.methods) + ' ';
  line += hosts_.pattern(candidate.host);
  line += pattern(candidate.route);
  if (candidate.conditions != kNoConditions) {
    line += fmt::format(" [{}]", conditions_.text(candidate.conditions));
  }
  return line;
}

std::string RouteTable::reason_against(const Candidate& candidate, const Request& request) const {
  const HostIds& hosts = request.hosts;
  if (std::find(hosts.begin(), hosts.end(), candidate.host) == hosts.end()) {
    return fmt::format("is for the host {}", hosts_.pattern(candidate.host));
  }
  if (candidate.conditions != kNoConditions &&
      !conditions_.hold(candidate.conditions, request.headers)) {
    return fmt::format("asks for the field {}",
                       conditions_.text(candidate.conditions, &request.headers));
  }
  if ((candidate.methods & request.method) == 0) {
    return fmt::format("takes {}", methods_.list(candidate.methods));
  }
  return "fits as well, but the other one is narrower";
}

std::vector<RouteTable::Considered> RouteTable::consider(const RouteQuery& query, std::size_t limit,
                                                         std::size_t& left_out) const {
  std::vector<Considered> all;
  left_out = 0;
  if (query.path.empty() || query.path.front() != '/') return all;
  const RouteMatch taken = match(query);
  const Request request{methods_.bit(query.method), hosts_.resolve(query.authority), query.headers};
  for (const Group& group : groups_of(query.path)) {
    for (std::uint32_t i = 0; i < group.count; ++i) {
      const Candidate candidate = this->candidate(group, i);
      if (taken.outcome == RouteMatch::Outcome::found && candidate.route == taken.route) {
        all.insert(all.begin(), {line_of(candidate), {}});
        ++limit;
      } else if (all.size() < limit) {
        all.push_back({line_of(candidate), reason_against(candidate, request)});
      } else {
        ++left_out;
      }
    }
  }
  return all;
}

namespace {

/// How many of its segments a pattern shares with a path that it does not match.
std::size_t agreement(const std::vector<PatternSegment>& pattern, const PathSegments& path) {
  std::size_t shared = 0;
  for (; shared < pattern.size() && shared < path.size(); ++shared) {
    const PatternSegment& segment = pattern[shared];
    const bool agrees =
        segment.kind == SegmentKind::literal ? segment.text == path[shared] : !path[shared].empty();
    if (!agrees) break;
  }
  return shared;
}

std::string where_it_parts(const std::vector<PatternSegment>& pattern, const PathSegments& path,
                           std::size_t shared) {
  if (shared == pattern.size())
    return fmt::format("ends before segment {} of the path", shared + 1);
  const std::string_view wanted = pattern[shared].text;
  if (shared == path.size())
    return fmt::format("goes on with segment {}, '{}'", shared + 1, wanted);
  return fmt::format("has '{}' as segment {}, the path has '{}'", wanted, shared + 1, path[shared]);
}

}  // namespace

std::optional<RouteTable::Considered> RouteTable::nearest(std::string_view path) const {
  const PathSegments segments(path, kMaxPatternSegments + 1);
  std::size_t most = 0;
  std::optional<Considered> nearest;
  std::vector<PatternSegment> parsed;
  std::vector<std::string> problems;  // There are none: it was compiled.
  for (std::uint32_t route = 0; route < size(); ++route) {
    parse_pattern(pattern(route), parsed, problems);
    const std::size_t shared = agreement(parsed, segments);
    if (shared <= most) continue;
    most = shared;
    nearest = {std::string(pattern(route)), where_it_parts(parsed, segments, shared)};
  }
  return nearest;
}

}  // namespace gatewaykit::routing
