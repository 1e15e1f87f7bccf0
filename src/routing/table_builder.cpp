// SPDX-License-Identifier: Apache-2.0
// RouteTable::build: checks the routes, sorts them by pattern, and writes the tree from the sorted
// list in one depth-first pass. Wiring only, on the thread that wires.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <tuple>

#include "routing/pattern.hpp"
#include "routing/route_table.hpp"

namespace gatewaykit::routing {

class TableBuilder {
 public:
  explicit TableBuilder(std::span<const Match> routes) : routes_(routes) {}

  RouteTable::Built build();

 private:
  using NodeRef = RouteTable::NodeRef;
  using Node = RouteTable::Node;
  using Candidate = RouteTable::Candidate;

  /// A route whose own part is right. `key` is its pattern without the names, each segment led by
  /// kSeparator; since that sorts before every other byte, sorting keys groups equal segments.
  struct Checked {
    std::string key;
    Candidate candidate;
  };
  static constexpr char kSeparator = '\1';
  static constexpr char kParameter = '{';
  static constexpr char kWildcard = '*';

  /// A run of checked_.
  struct Range {
    std::size_t begin;
    std::size_t end;
  };
  /// A run of routes that go on with the same segment.
  struct Branch {
    std::string_view segment;
    Range range;
  };
  struct Place {
    NodeRef parent;
    std::size_t depth;
    std::size_t key_size;  // How much of the keys the node's ancestors and itself stand for.
  };
  struct Written {
    NodeRef node;
    std::size_t visits;  // The most nodes that a walk may visit from here.
  };
  struct Edge {
    NodeRef parent;
    NodeRef child;
    std::string_view segment;
  };

  void check(std::size_t route);
  std::optional<MethodSet> check_methods(const Match& match);
  void report(std::size_t route, std::string_view problem);

  Written write_node(const Place& place, std::string_view segment, Range range);
  std::vector<Branch> split(Range range, std::size_t key_size) const;
  void write_candidates(Range range);
  void settle_methods(std::span<Candidate> equals);
  void report_equal(const Candidate& first, const Candidate& second);
  void write_slots();

  template <class T>
  void append(const T& value) {
    const std::size_t at = table_.words_.size();
    table_.words_.resize(at + RouteTable::words_of<T>());
    std::memcpy(&table_.words_[at], &value, sizeof value);
  }
  void append_label(std::string_view text);

  std::span<const Match> routes_;
  RouteTable table_;
  std::vector<RouteProblem> problems_;
  std::vector<std::string> found_;  // By the checks of one route.
  std::vector<PatternSegment> segments_;
  std::vector<Checked> checked_;
  std::vector<Edge> edges_;
};

RouteTable::Built RouteTable::build(std::span<const Match> routes) {
  return TableBuilder(routes).build();
}

RouteTable::Built TableBuilder::build() {
  checked_.reserve(routes_.size());
  for (std::size_t route = 0; route < routes_.size(); ++route) check(route);
  std::sort(checked_.begin(), checked_.end(), [](const Checked& a, const Checked& b) {
    return std::tie(a.key, a.candidate.route) < std::tie(b.key, b.candidate.route);
  });
  table_.patterns_.resize(routes_.size());
  const Written root = write_node({RouteTable::kNone, 0, 0}, {}, {0, checked_.size()});
  if (root.visits > kMaxVisits) {
    problems_.push_back(
        {0, fmt::format("the routes overlap on so many levels that one path could be tried in {} "
                        "ways; {} are allowed",
                        root.visits, kMaxVisits)});
  }
  if (!problems_.empty()) {
    std::stable_sort(problems_.begin(), problems_.end(),
                     [](const auto& a, const auto& b) { return a.route < b.route; });
    return {std::nullopt, std::move(problems_)};
  }
  write_slots();
  table_.conditions_.seal();
  table_.words_.shrink_to_fit();
  table_.text_.shrink_to_fit();
  return {std::move(table_), {}};
}

void TableBuilder::report(std::size_t route, std::string_view problem) {
  problems_.push_back({route, fmt::format("route {}: {}", to_string(routes_[route]), problem)});
}

void TableBuilder::check(std::size_t route) {
  const Match& match = routes_[route];
  found_.clear();
  parse_pattern(match.pattern, segments_, found_);
  const auto methods = check_methods(match);
  const auto host = table_.hosts_.add(match.host, found_);
  const auto conditions = table_.conditions_.add(match.headers, found_);
  for (const std::string& problem : found_) report(route, problem);
  if (!found_.empty()) return;

  Checked& checked = checked_.emplace_back();
  checked.candidate = {static_cast<std::uint32_t>(route), *methods, *host, *conditions};
  for (const PatternSegment& segment : segments_) {
    checked.key += kSeparator;
    switch (segment.kind) {
      case SegmentKind::literal:
        checked.key += segment.text;
        table_.longest_literal_ = std::max(table_.longest_literal_, segment.text.size());
        break;
      case SegmentKind::parameter:
        checked.key += kParameter;
        break;
      case SegmentKind::wildcard:
        checked.key += kWildcard;
        break;
    }
  }
}

std::optional<MethodSet> TableBuilder::check_methods(const Match& match) {
  if (match.methods.empty()) return kAnyMethod;
  MethodSet methods = 0;
  for (const Method& method : match.methods) {
    const auto bit = table_.methods_.add(method);
    if (!bit) {
      found_.push_back(fmt::format("{} is one unregistered method too many", method.name()));
      return std::nullopt;
    }
    methods |= *bit;
  }
  return methods;
}

/// Writes the node for `segment` and, behind it, all that lies below.
TableBuilder::Written TableBuilder::write_node(const Place& place, std::string_view segment,
                                               Range range) {
  Range exact{range.begin, range.begin};
  while (exact.end < range.end && checked_[exact.end].key.size() == place.key_size) ++exact.end;
  const std::vector<Branch> branches = split({exact.end, range.end}, place.key_size);
  const auto branch_of = [&](char kind) {
    return std::find_if(branches.begin(), branches.end(), [kind](const Branch& branch) {
      return branch.segment.size() == 1 && branch.segment.front() == kind;
    });
  };
  const auto wildcard = branch_of(kWildcard);
  const auto parameter = branch_of(kParameter);

  const auto ref = static_cast<NodeRef>(table_.words_.size());
  const bool is_parameter = segment == std::string_view(&kParameter, 1);
  const std::string_view label = is_parameter ? std::string_view() : segment;
  Node node{place.parent, RouteTable::kNone, RouteTable::kNone, {}, is_parameter, {}, {}};
  node.label_size = static_cast<std::uint32_t>(label.size()) & 0x7fffffff;
  node.exact_count = static_cast<std::uint32_t>(exact.end - exact.begin);
  append(node);
  append_label(label);
  write_candidates(exact);
  Written written{ref, 1};
  if (wildcard != branches.end()) {
    node.wildcard_count = static_cast<std::uint32_t>(wildcard->range.end - wildcard->range.begin);
    write_candidates(wildcard->range);
    ++written.visits;
  }

  table_.depth_ = std::max(table_.depth_, place.depth);
  std::size_t literal_visits = 0;
  std::vector<Edge> literals;
  for (auto branch = branches.begin(); branch != branches.end(); ++branch) {
    if (branch == wildcard) continue;
    const Place below{ref, place.depth + 1, place.key_size + 1 + branch->segment.size()};
    const Written child = write_node(below, branch->segment, branch->range);
    if (branch == parameter) {
      node.parameter = child.node;
      written.visits += child.visits;
    } else {
      literals.push_back({ref, child.node, branch->segment});
      literal_visits = std::max(literal_visits, child.visits);
    }
  }
  written.visits += literal_visits;
  if (literals.size() == 1) node.literals = literals.front().child;
  if (literals.size() > 1) {
    node.literals = RouteTable::kHashed;
    edges_.insert(edges_.end(), literals.begin(), literals.end());
  }
  std::memcpy(&table_.words_[ref], &node, sizeof node);
  return written;
}

std::vector<TableBuilder::Branch> TableBuilder::split(Range range, std::size_t key_size) const {
  std::vector<Branch> branches;
  for (std::size_t i = range.begin; i < range.end; ++i) {
    const std::string_view rest = std::string_view(checked_[i].key).substr(key_size + 1);
    const std::string_view segment = rest.substr(0, rest.find(kSeparator));
    if (branches.empty() || branches.back().segment != segment) {
      branches.push_back({segment, {i, i}});
    }
    ++branches.back().range.end;
  }
  return branches;
}

/// Writes routes of one pattern in the order in which they are tried; finds those that are equal.
void TableBuilder::write_candidates(Range range) {
  std::vector<Candidate> candidates;
  for (std::size_t i = range.begin; i < range.end; ++i) {
    candidates.push_back(checked_[i].candidate);
    const std::string& pattern = routes_[candidates.back().route].pattern;
    table_.patterns_[candidates.back().route] = {static_cast<std::uint32_t>(table_.text_.size()),
                                                 static_cast<std::uint32_t>(pattern.size())};
    table_.text_ += pattern;
  }

  const auto place = [](const Candidate& c) { return std::tie(c.host, c.conditions); };
  std::sort(candidates.begin(), candidates.end(), [&](const Candidate& a, const Candidate& b) {
    return std::tuple_cat(place(a), std::tie(a.route)) <
           std::tuple_cat(place(b), std::tie(b.route));
  });
  for (auto begin = candidates.begin(); begin != candidates.end();) {
    const auto end = std::find_if(begin, candidates.end(),
                                  [&](const Candidate& c) { return place(c) != place(*begin); });
    settle_methods({begin, end});
    begin = end;
  }

  const auto precedence = [&](const Candidate& c) {
    const auto [conditions, values] = table_.conditions_.rank(c.conditions);
    return std::tuple(c.host, ~conditions, ~values, c.route);  // ~: the larger first.
  };
  std::sort(candidates.begin(), candidates.end(),
            [&](const Candidate& a, const Candidate& b) { return precedence(a) < precedence(b); });
  for (const Candidate& candidate : candidates) append(candidate);
}

/// Routes that differ in their methods alone: no two may share one. GET takes HEAD unless another
/// of them names it.
void TableBuilder::settle_methods(std::span<Candidate> equals) {
  MethodSet named = 0;
  std::vector<const Candidate*> distinct;  // No more than there are methods.
  for (const Candidate& candidate : equals) {
    if ((named & candidate.methods) == 0) {
      distinct.push_back(&candidate);
      named |= candidate.methods;
      continue;
    }
    const auto first = std::find_if(distinct.begin(), distinct.end(), [&](const Candidate* other) {
      return (other->methods & candidate.methods) != 0;
    });
    report_equal(**first, candidate);
  }
  if ((named & bit_of(Method::head)) != 0) return;
  for (Candidate& candidate : equals) {
    if ((candidate.methods & bit_of(Method::get)) != 0) candidate.methods |= bit_of(Method::head);
  }
}

void TableBuilder::report_equal(const Candidate& first, const Candidate& second) {
  const MethodSet shared = first.methods & second.methods;
  report(second.route,
         fmt::format("equal to route {} ({}); only one of them could ever be taken",
                     to_string(routes_[first.route]),
                     shared == kAnyMethod ? "any method" : table_.methods_.list(shared)));
}

void TableBuilder::append_label(std::string_view text) {
  const std::size_t at = table_.words_.size();
  table_.words_.resize(at + (text.size() + 3) / 4);
  if (!text.empty()) std::memcpy(&table_.words_[at], text.data(), text.size());
}

void TableBuilder::write_slots() {
  if (edges_.empty()) return;
  std::vector<RouteTable::Slot>& slots = table_.slots_;
  slots.resize(std::bit_ceil(2 * edges_.size()));
  table_.slot_shift_ = 64u - static_cast<unsigned>(std::countr_zero(slots.size()));
  for (const Edge& edge : edges_) {
    const std::uint64_t key = RouteTable::edge_key(edge.parent, edge.segment);
    std::size_t i = key >> table_.slot_shift_;
    while (slots[i].child != RouteTable::kNone) i = (i + 1) & (slots.size() - 1);
    slots[i] = {static_cast<std::uint32_t>(key), edge.child};
  }
}

}  // namespace gatewaykit::routing
