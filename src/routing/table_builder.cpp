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
  static constexpr std::string_view kParameter = "{";  // No literal reads like these two.
  static constexpr std::string_view kWildcard = "*";

  /// A run of checked_.
  using Range = std::span<const Checked>;
  /// Routes that pass through a node, by how they go on.
  struct Parts {
    Range exact;  // They end there.
    Range wildcard;
    Range parameter;
    std::vector<Range> literals;  // One range for each literal.
  };
  struct Place {
    NodeRef parent;
    std::string_view label;  // Empty for a parameter.
    bool is_parameter;
    std::size_t depth;
    std::size_t key_size;  // How much of the keys the node and those above it stand for.
  };
  struct Written {
    NodeRef node;
    std::size_t visits;  // The most nodes that a walk may visit from here.
  };
  /// What is to go into a HashIndex once their number is known.
  struct Entry {
    std::uint64_t key;
    std::uint32_t position;
  };

  void check(std::size_t route);
  std::optional<MethodSet> check_methods(const Match& match);
  void report(std::size_t route, std::string_view problem);

  Written write_node(const Place& place, Range range);
  std::size_t write_literals(const Place& place, NodeRef ref, Node& node, const Parts& parts);
  static std::string_view next_segment(const Checked& route, std::size_t key_size);
  static Parts split(Range range, std::size_t key_size);
  void write_candidates(Range range);
  void keep_pattern(std::uint32_t route);
  void settle_methods(std::vector<Candidate>& candidates);
  void settle_methods_of_equals(std::span<Candidate> equals);
  void report_equal(const Candidate& first, const Candidate& second);
  void write_indices();

  std::uint32_t position() const { return static_cast<std::uint32_t>(table_.words_.size()); }
  template <class T>
  void append(const T& value) {
    const std::uint32_t at = position();
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
  std::vector<Entry> literals_;
  std::vector<Entry> hosts_;
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
  const Written root = write_node({RouteTable::kNone, {}, false, 0, 0}, checked_);
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
  write_indices();
  table_.hosts_.seal();
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

/// Writes a node and, behind it, all that lies below.
TableBuilder::Written TableBuilder::write_node(const Place& place, Range range) {
  const Parts parts = split(range, place.key_size);
  const NodeRef ref = position();
  Node node{};
  node.parent = place.parent;
  node.label_size = static_cast<std::uint16_t>(place.label.size());
  node.is_parameter = place.is_parameter ? 1 : 0;
  node.exact_count = static_cast<std::uint32_t>(parts.exact.size());
  node.wildcard_count = static_cast<std::uint32_t>(parts.wildcard.size());
  append(node);
  append_label(place.label);
  write_candidates(parts.exact);
  write_candidates(parts.wildcard);
  table_.depth_ = std::max(table_.depth_, place.depth);

  std::size_t visits = parts.wildcard.empty() ? 1 : 2;
  visits += write_literals(place, ref, node, parts);
  if (!parts.parameter.empty()) {
    const Place below{ref, {}, true, place.depth + 1, place.key_size + 2};
    const Written child = write_node(below, parts.parameter);
    node.parameter = child.node;
    visits += child.visits;
  }
  std::memcpy(&table_.words_[ref], &node, sizeof node);
  return {ref, visits};
}

/// Writes the literal children of a node. The most nodes that a walk may visit among them: it takes
/// one of them at most.
std::size_t TableBuilder::write_literals(const Place& place, NodeRef ref, Node& node,
                                         const Parts& parts) {
  std::size_t visits = 0;
  for (const Range& range : parts.literals) {
    const std::string_view segment = next_segment(range.front(), place.key_size);
    const Place below{ref, segment, false, place.depth + 1, place.key_size + 1 + segment.size()};
    const Written child = write_node(below, range);
    visits = std::max(visits, child.visits);
    node.literals = child.node;
    if (parts.literals.size() > 1) {
      literals_.push_back({HashIndex::key(ref, hash_text(segment)), child.node});
    }
  }
  if (parts.literals.size() > 1) node.literals = RouteTable::kHashed;
  return visits;
}

std::string_view TableBuilder::next_segment(const Checked& route, std::size_t key_size) {
  const std::string_view rest = std::string_view(route.key).substr(key_size + 1);
  return rest.substr(0, rest.find(kSeparator));
}

TableBuilder::Parts TableBuilder::split(Range range, std::size_t key_size) {
  Parts parts;
  std::size_t begin = 0;
  while (begin < range.size() && range[begin].key.size() == key_size) ++begin;
  parts.exact = range.first(begin);
  while (begin < range.size()) {
    const std::string_view segment = next_segment(range[begin], key_size);
    std::size_t end = begin + 1;
    while (end < range.size() && next_segment(range[end], key_size) == segment) ++end;
    const Range part = range.subspan(begin, end - begin);
    if (segment == kWildcard) {
      parts.wildcard = part;
    } else if (segment == kParameter) {
      parts.parameter = part;
    } else {
      parts.literals.push_back(part);
    }
    begin = end;
  }
  return parts;
}

/// Writes routes of one pattern in the order in which they are tried: by host, so that those of one
/// host are neighbours, then the narrower before the wider.
void TableBuilder::write_candidates(Range range) {
  std::vector<Candidate> candidates;
  for (const Checked& route : range) {
    candidates.push_back(route.candidate);
    keep_pattern(route.candidate.route);
  }
  settle_methods(candidates);
  const auto precedence = [&](const Candidate& c) {
    const auto [conditions, values] = table_.conditions_.rank(c.conditions);
    return std::tuple(c.host, ~conditions, ~values, c.route);  // ~: the larger first.
  };
  std::sort(candidates.begin(), candidates.end(),
            [&](const Candidate& a, const Candidate& b) { return precedence(a) < precedence(b); });
  const std::uint32_t first = position();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const HostId host = candidates[i].host;
    const bool heads = i == 0 || candidates[i - 1].host != host;
    if (heads && candidates.size() > RouteTable::kScanned) {
      hosts_.push_back({HashIndex::key(first, host), position()});
    }
    append(candidates[i]);
  }
}

void TableBuilder::keep_pattern(std::uint32_t route) {
  const std::string& pattern = routes_[route].pattern;
  table_.patterns_[route] = {static_cast<std::uint32_t>(table_.text_.size()),
                             static_cast<std::uint32_t>(pattern.size())};
  table_.text_ += pattern;
}

/// Settles the methods of each run of candidates that differ in nothing else.
void TableBuilder::settle_methods(std::vector<Candidate>& candidates) {
  const auto place = [](const Candidate& c) { return std::tuple(c.host, c.conditions); };
  std::sort(candidates.begin(), candidates.end(), [&](const Candidate& a, const Candidate& b) {
    return std::tuple(place(a), a.route) < std::tuple(place(b), b.route);
  });
  for (auto begin = candidates.begin(); begin != candidates.end();) {
    const auto end = std::find_if(begin, candidates.end(),
                                  [&](const Candidate& c) { return place(c) != place(*begin); });
    settle_methods_of_equals({begin, end});
    begin = end;
  }
}

/// No two of them may share a method. GET takes HEAD unless another of them names it.
void TableBuilder::settle_methods_of_equals(std::span<Candidate> equals) {
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

void TableBuilder::write_indices() {
  table_.literals_.reserve(literals_.size());
  for (const Entry& entry : literals_) table_.literals_.insert(entry.key, entry.position);
  table_.first_by_host_.reserve(hosts_.size());
  for (const Entry& entry : hosts_) table_.first_by_host_.insert(entry.key, entry.position);
}

}  // namespace gatewaykit::routing
