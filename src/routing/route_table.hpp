// SPDX-License-Identifier: Apache-2.0
// RouteTable: from a request to the route that takes it. Built once, immutable, read by all workers
// at the same time. A lookup allocates nothing, does not depend on the number of routes, and its
// work is bounded whatever the client sends (kMaxVisits).
//
// The patterns form a tree with one level per segment. A request walks it depth first, at each node
// to the literal, then the parameter, then the wildcard, and offers itself to the candidates of
// each place where a pattern matches the whole path. The first candidate whose host, fields and
// method hold as well takes it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/http/headers.hpp"
#include "gatewaykit/http/method.hpp"
#include "gatewaykit/routing/match.hpp"
#include "routing/captures.hpp"
#include "routing/field_conditions.hpp"
#include "routing/hash_index.hpp"
#include "routing/host_set.hpp"
#include "routing/method_set.hpp"
#include "routing/path_segments.hpp"
#include "routing/pattern.hpp"

namespace gatewaykit::routing {

/// The most nodes that one lookup may visit. A walk visits a node at most once, so only routes that
/// overlap on many levels come near; a set of routes that could pass it is a wiring mistake.
inline constexpr std::size_t kMaxVisits = 4096;

/// What a table looks at.
struct RouteQuery {
  const Method& method;
  std::string_view path;       ///< Normalised, without the query.
  std::string_view authority;  ///< Host, with its port where the client named one.
  const Headers& headers;
};

struct RouteMatch {
  enum class Outcome : std::uint8_t { found, not_found, method_not_allowed };

  Outcome outcome = Outcome::not_found;
  std::uint32_t route = 0;  ///< Where found: the index of the route as it was given to build().
  /// Where method_not_allowed: the methods with which this very request would have found a route.
  MethodSet allowed = 0;
  Captures captures;
};

/// A mistake in one route, or in how it goes with others.
struct RouteProblem {
  std::size_t route;
  std::string text;
};

class RouteTable {
 public:
  struct Built;
  /// Compiles `routes`, or finds every mistake in them.
  static Built build(std::span<const Match> routes);

  RouteMatch match(const RouteQuery& query) const noexcept;

  std::size_t size() const noexcept { return patterns_.size(); }
  /// The pattern of a route as it was given: the label of logs and metrics. Lives as the table
  /// does.
  std::string_view pattern(std::uint32_t route) const noexcept;
  /// The names of what a route captures, in the order of the captures; that of a wildcard without a
  /// name is "*". Their number.
  std::size_t capture_names(std::uint32_t route,
                            std::span<std::string_view, kMaxCaptures> names) const noexcept {
    return routing::capture_names(pattern(route), names);
  }
  /// The value of the field Allow for a set that match() answered.
  std::string allow(MethodSet allowed) const { return methods_.list(allowed); }

  /// A candidate whose pattern matches a path, and why it does not take a request; for people.
  struct Considered {
    std::string route;   ///< As to_string(Match) has it, but with the HEAD that comes with GET.
    std::string reason;  ///< Empty for the one that takes it.
  };
  /// All of them, at most `limit` beside the one that takes it, which comes first; counts those
  /// left out. Allocates, and takes time by their number.
  std::vector<Considered> consider(const RouteQuery& query, std::size_t limit,
                                   std::size_t& left_out) const;
  /// The route whose pattern agrees with `path` for the most segments, and where it no longer does;
  /// nothing where none agrees in the first one. Takes time by the number of routes.
  std::optional<Considered> nearest(std::string_view path) const;

  /// The memory that the table holds, itself included.
  std::size_t bytes() const noexcept;

 private:
  friend class TableBuilder;

  // A node lies in words_: this header, the text of its segment, then its candidates: first those
  // whose pattern ends here, then those whose pattern goes on with a wildcard. References are
  // indices into words_. Nodes lie in depth-first order, so that the private tail of a route is one
  // run of memory; a lookup in a cold table then waits for few cache lines.
  using NodeRef = std::uint32_t;
  static constexpr NodeRef kRoot = 0;
  static constexpr NodeRef kNone = 0;    // The root is nobody's child.
  static constexpr NodeRef kHashed = 1;  // Several literal children: see literals_.

  struct Node {
    NodeRef parent;
    NodeRef literals;  // kNone, kHashed or the only literal child.
    NodeRef parameter;
    std::uint16_t label_size;
    std::uint16_t is_parameter;  // 0 or 1.
    std::uint32_t exact_count;
    std::uint32_t wildcard_count;
  };

  struct Candidate {
    std::uint32_t route;
    MethodSet methods;
    HostId host;
    ConditionsId conditions;
  };

  /// Candidates with the same pattern, sorted by host, then by precedence.
  struct Group {
    std::uint32_t first;  // Index into words_.
    std::uint32_t count;
  };
  static constexpr std::uint32_t kScanned = 8;

  struct Text {
    std::uint32_t offset;  // Into text_.
    std::uint32_t size;
  };

  /// Where a walk stands when a pattern matched: what it captured on the way.
  struct Trail {
    std::span<const std::uint8_t> parameters;  // Indices of segments.
    std::optional<std::size_t> tail;           // Index of the first segment of a wildcard.
  };

  /// One move of a walk.
  struct Step {
    NodeRef node;
    std::uint8_t depth;
    std::uint8_t parameters;  // Captured on the way, the node itself included.
    bool tail;                // Not the node itself but its wildcard.
  };

  /// What a walk has yet to try, nearest last.
  class Steps {
   public:
    Steps() noexcept : count_(0) {}  // Leaves the array alone: it is read below count_ only.
    bool empty() const noexcept { return count_ == 0; }
    void push(Step step) noexcept { steps_[count_++] = step; }
    Step pop() noexcept { return steps_[--count_]; }

   private:
    // A node on the way leaves behind its wildcard and its parameter at most.
    std::array<Step, 2 * (kMaxPatternSegments + 1)> steps_;
    std::size_t count_;
  };

  /// What the candidates of one lookup are measured against.
  struct Request {
    MethodSet method;
    HostIds hosts;
    const Headers& headers;
  };

  template <class T>
  static constexpr std::uint32_t words_of() noexcept {
    static_assert(sizeof(T) % sizeof(std::uint32_t) == 0);
    return sizeof(T) / sizeof(std::uint32_t);
  }
  template <class T>
  T load(std::uint32_t index) const noexcept {
    T value;
    std::memcpy(&value, &words_[index], sizeof value);
    return value;
  }
  std::string_view label(NodeRef ref, const Node& node) const noexcept;
  Group exact_group(NodeRef ref, const Node& node) const noexcept;
  Group wildcard_group(NodeRef ref, const Node& node) const noexcept;
  Candidate candidate(const Group& group, std::uint32_t index) const noexcept;
  Group from_host(const Group& group, HostId host) const noexcept;

  NodeRef literal_child(NodeRef ref, const Node& node, std::string_view segment) const noexcept;

  Step descend(const Step& from, const Node& node, std::string_view segment,
               Steps& later) const noexcept;
  template <class Visit>
  void walk(const PathSegments& path, Visit visit) const;
  std::vector<Group> groups_of(std::string_view path) const;
  bool offer(const Request& request, const Group& group, RouteMatch& match) const noexcept;
  std::string line_of(const Candidate& candidate) const;
  std::string reason_against(const Candidate& candidate, const Request& request) const;

  std::vector<std::uint32_t> words_;
  HashIndex literals_;       // By node and segment: the child.
  HashIndex first_by_host_;  // By group, if it is longer than kScanned, and host: the candidate.
  std::size_t depth_ = 0;    // Of the deepest node.
  std::size_t longest_literal_ = 0;
  std::vector<Text> patterns_;  // By route.
  std::string text_;
  MethodNames methods_;
  HostSet hosts_;
  FieldConditions conditions_;
};

struct RouteTable::Built {
  std::optional<RouteTable> table;  ///< Present if there are no problems.
  std::vector<RouteProblem> problems;
};

}  // namespace gatewaykit::routing
