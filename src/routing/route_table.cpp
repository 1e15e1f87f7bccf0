// SPDX-License-Identifier: Apache-2.0
#include "routing/route_table.hpp"

#include <algorithm>

namespace gatewaykit::routing {

std::string_view RouteTable::label(NodeRef ref, const Node& node) const noexcept {
  return {reinterpret_cast<const char*>(&words_[ref + words_of<Node>()]), node.label_size};
}

RouteTable::Group RouteTable::exact_group(NodeRef ref, const Node& node) const noexcept {
  const std::uint32_t label_words = (node.label_size + 3) / 4;
  return {ref + words_of<Node>() + label_words, node.exact_count};
}

RouteTable::Group RouteTable::wildcard_group(NodeRef ref, const Node& node) const noexcept {
  const Group exact = exact_group(ref, node);
  return {exact.first + exact.count * words_of<Candidate>(), node.wildcard_count};
}

RouteTable::Candidate RouteTable::candidate(const Group& group,
                                            std::uint32_t index) const noexcept {
  return load<Candidate>(group.first + index * words_of<Candidate>());
}

/// The rest of a group from the first candidate that names `host`; empty where none does.
RouteTable::Group RouteTable::from_host(const Group& group, HostId host) const noexcept {
  std::uint32_t begin = 0;
  if (group.count <= kScanned || host == kAnyHost) {  // Any host comes first, if at all.
    while (begin < group.count && candidate(group, begin).host < host) ++begin;
  } else {
    const std::uint64_t key = HashIndex::key(group.first, host);
    const std::uint32_t found = first_by_host_.find(key, [&](std::uint32_t position) {
      const std::uint32_t index = (position - group.first) / words_of<Candidate>();
      return index < group.count && candidate(group, index).host == host;
    });
    if (found == HashIndex::kNone) return {group.first, 0};
    begin = (found - group.first) / words_of<Candidate>();
  }
  return {group.first + begin * words_of<Candidate>(), group.count - begin};
}

RouteTable::NodeRef RouteTable::literal_child(NodeRef ref, const Node& node,
                                              std::string_view segment) const noexcept {
  if (node.literals == kNone || segment.size() > longest_literal_) return kNone;
  if (node.literals != kHashed) {
    return label(node.literals, load<Node>(node.literals)) == segment ? node.literals : kNone;
  }
  const std::uint64_t key = HashIndex::key(ref, hash_text(segment));
  return literals_.find(key, [&](NodeRef child_ref) {
    const Node child = load<Node>(child_ref);
    return child.parent == ref && label(child_ref, child) == segment;
  });
}

/// Goes one segment down: to the literal child if there is one, leaving the parameter for later.
/// The node of the answer is kNone where there is neither.
RouteTable::Step RouteTable::descend(const Step& from, const Node& node, std::string_view segment,
                                     Steps& later) const noexcept {
  const auto depth = static_cast<std::uint8_t>(from.depth + 1);
  const auto captured = static_cast<std::uint8_t>(from.parameters + 1);
  const NodeRef literal = literal_child(from.node, node, segment);
  const NodeRef parameter = segment.empty() ? kNone : node.parameter;
  if (literal == kNone) return {parameter, depth, captured, false};
  if (parameter != kNone) later.push({parameter, depth, captured, false});
  return {literal, depth, from.parameters, false};
}

/// Calls `visit(group, trail)` for each group of candidates whose pattern matches the whole path,
/// in order of precedence, until it returns true.
template <class Visit>
void RouteTable::walk(const PathSegments& path, Visit visit) const {
  Steps later;
  std::array<std::uint8_t, kMaxCaptures> parameters;
  Step step{kRoot, 0, 0, false};
  for (;;) {
    const Node node = load<Node>(step.node);
    if (node.is_parameter != 0) {
      parameters[step.parameters - 1u] = static_cast<std::uint8_t>(step.depth - 1);
    }
    const std::span captured(parameters.data(), step.parameters);
    Step next{kNone, 0, 0, false};
    if (step.tail) {
      if (visit(wildcard_group(step.node, node), Trail{captured, step.depth})) return;
    } else {
      if (node.wildcard_count > 0) later.push({step.node, step.depth, step.parameters, true});
      if (step.depth < path.size()) {
        next = descend(step, node, path[step.depth], later);
      } else if (node.exact_count > 0 &&
                 visit(exact_group(step.node, node), Trail{captured, std::nullopt})) {
        return;
      }
    }
    if (next.node == kNone) {
      if (later.empty()) return;
      next = later.pop();
    }
    step = next;
  }
}

/// All that a path leads to, in order of precedence.
std::vector<RouteTable::Group> RouteTable::groups_of(std::string_view path) const {
  std::vector<Group> groups;
  walk(PathSegments(path, depth_ + 1), [&groups](const Group& group, const Trail&) {
    groups.push_back(group);
    return false;
  });
  return groups;
}

/// True if a candidate of the group takes the request. Adds the methods of those that would take it
/// but for its method.
bool RouteTable::offer(const Request& request, const Group& group,
                       RouteMatch& match) const noexcept {
  for (const HostId host : request.hosts) {
    const Group part = from_host(group, host);
    for (std::uint32_t i = 0; i < part.count; ++i) {
      const Candidate candidate = this->candidate(part, i);
      if (candidate.host != host) break;
      if (candidate.conditions != kNoConditions &&
          !conditions_.hold(candidate.conditions, request.headers)) {
        continue;
      }
      if ((candidate.methods & request.method) != 0) {
        match.route = candidate.route;
        return true;
      }
      match.allowed |= candidate.methods;
    }
  }
  return false;
}

RouteMatch RouteTable::match(const RouteQuery& query) const noexcept {
  RouteMatch match;
  if (query.path.empty() || query.path.front() != '/') return match;
  const PathSegments path(query.path, depth_ + 1);
  const Request request{methods_.bit(query.method), hosts_.resolve(query.authority), query.headers};
  walk(path, [&](const Group& group, const Trail& trail) {
    if (!offer(request, group, match)) return false;
    match.outcome = RouteMatch::Outcome::found;
    for (const std::uint8_t segment : trail.parameters) match.captures.add(path.place(segment));
    if (trail.tail) match.captures.add(path.tail(*trail.tail));
    return true;
  });
  if (match.outcome == RouteMatch::Outcome::not_found && match.allowed != 0) {
    match.outcome = RouteMatch::Outcome::method_not_allowed;
  }
  return match;
}

std::string_view RouteTable::pattern(std::uint32_t route) const noexcept {
  return std::string_view(text_).substr(patterns_[route].offset, patterns_[route].size);
}

std::size_t RouteTable::bytes() const noexcept {
  return sizeof *this + words_.capacity() * sizeof(std::uint32_t) + literals_.bytes() +
         first_by_host_.bytes() + patterns_.capacity() * sizeof(Text) + text_.capacity() +
         hosts_.bytes() + conditions_.bytes();
}

}  // namespace gatewaykit::routing
