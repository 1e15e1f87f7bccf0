// SPDX-License-Identifier: Apache-2.0
#include "routing/route_table.hpp"

#include <algorithm>
#include <array>

namespace gatewaykit::routing {

/// What the candidates of one lookup are measured against.
struct RouteTable::Request {
  MethodSet method;
  HostIds hosts;
  const Headers& headers;
};

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

/// The part of a group that names `host`.
RouteTable::Group RouteTable::with_host(const Group& group, HostId host) const noexcept {
  if (host == kAnyHost && candidate(group, group.count - 1).host == kAnyHost) return group;
  // The first candidate whose host is not below `bound`.
  const auto lower_bound = [&](std::uint32_t from, HostId bound) {
    for (std::uint32_t count = group.count - from; count > 0;) {
      const std::uint32_t half = count / 2;
      if (candidate(group, from + half).host < bound) {
        from += half + 1;
        count -= half + 1;
      } else {
        count = half;
      }
    }
    return from;
  };
  const std::uint32_t begin = lower_bound(0, host);
  const std::uint32_t end = lower_bound(begin, host + 1);
  return {group.first + begin * words_of<Candidate>(), end - begin};
}

std::uint64_t RouteTable::edge_key(NodeRef parent, std::string_view segment) noexcept {
  return (hash_segment(segment) + parent) * 0xd6e8feb86659fd93;
}

RouteTable::NodeRef RouteTable::literal_child(NodeRef ref, const Node& node,
                                              std::string_view segment) const noexcept {
  if (node.literals == kNone || segment.size() > longest_literal_) return kNone;
  if (node.literals == kHashed) return hashed_child(ref, segment);
  return label(node.literals, load<Node>(node.literals)) == segment ? node.literals : kNone;
}

RouteTable::NodeRef RouteTable::hashed_child(NodeRef parent,
                                             std::string_view segment) const noexcept {
  const std::uint64_t key = edge_key(parent, segment);
  for (std::size_t i = key >> slot_shift_;; i = (i + 1) & (slots_.size() - 1)) {
    const Slot slot = slots_[i];
    if (slot.child == kNone) return kNone;
    if (slot.tag != static_cast<std::uint32_t>(key)) continue;
    const Node child = load<Node>(slot.child);
    if (child.parent == parent && label(slot.child, child) == segment) return slot.child;
  }
}

/// Calls `visit(group, trail)` for each group of candidates whose pattern matches the whole path,
/// in order of precedence, until it returns true.
template <class Visit>
void RouteTable::walk(const PathSegments& path, Visit visit) const {
  struct Step {
    NodeRef node;
    std::uint8_t depth;
    std::uint8_t parameters;
    bool tail;  // Not the node itself but its wildcard.
  };
  // The way ahead, nearest last. A node leaves behind its wildcard and its parameter at most.
  std::array<Step, 2 * kMaxPatternSegments + 2> ahead;
  std::array<std::uint8_t, kMaxCaptures> parameters;
  std::size_t count = 0;
  ahead[count++] = {kRoot, 0, 0, false};
  while (count > 0) {
    const Step step = ahead[--count];
    const Node node = load<Node>(step.node);
    const std::span captured(parameters.data(), step.parameters);
    if (step.tail) {
      if (visit(wildcard_group(step.node, node), Trail{captured, step.depth})) return;
      continue;
    }
    if (node.is_parameter)
      parameters[step.parameters - 1u] = static_cast<std::uint8_t>(step.depth - 1);
    if (step.depth == path.size()) {
      if (node.exact_count > 0 &&
          visit(exact_group(step.node, node), Trail{captured, std::nullopt})) {
        return;
      }
    }
    if (node.wildcard_count > 0) ahead[count++] = {step.node, step.depth, step.parameters, true};
    if (step.depth == path.size()) continue;
    const std::string_view segment = path[step.depth];
    const auto below = static_cast<std::uint8_t>(step.depth + 1);
    if (node.parameter != kNone && !segment.empty()) {
      ahead[count++] = {node.parameter, below, static_cast<std::uint8_t>(step.parameters + 1),
                        false};
    }
    const NodeRef literal = literal_child(step.node, node, segment);
    if (literal != kNone) ahead[count++] = {literal, below, step.parameters, false};
  }
}

/// True if a candidate of the group takes the request. Adds the methods of those that would take it
/// but for its method.
bool RouteTable::offer(const Request& request, const Group& group,
                       RouteMatch& match) const noexcept {
  for (const HostId host : request.hosts) {
    const Group part = with_host(group, host);
    for (std::uint32_t i = 0; i < part.count; ++i) {
      const Candidate candidate = this->candidate(part, i);
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
  return sizeof *this + words_.capacity() * sizeof(std::uint32_t) +
         slots_.capacity() * sizeof(Slot) + patterns_.capacity() * sizeof(Text) + text_.capacity() +
         hosts_.bytes() + conditions_.bytes();
}

}  // namespace gatewaykit::routing
