// SPDX-License-Identifier: Apache-2.0
// The route table against a reference that shares nothing with it: every route is tried in turn, in
// the words of the design. Random routes and requests over small alphabets, so that they collide.
#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "catch.hpp"
#include "routing/route_table.hpp"

using namespace gatewaykit;
using namespace gatewaykit::routing;

namespace {

using Strings = std::vector<std::string>;

Strings split(std::string_view text, char separator) {
  Strings parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

Strings segments_of(std::string_view path) { return split(path.substr(1), '/'); }

bool is_wildcard(const std::string& segment) {
  return segment == "*" || segment.substr(0, 2) == "{*";
}
bool is_parameter(const std::string& segment) {
  return !segment.empty() && segment.front() == '{' && !is_wildcard(segment);
}

/// 0 literal, 1 parameter, 2 wildcard.
int kind(const std::string& segment) {
  return is_wildcard(segment) ? 2 : is_parameter(segment) ? 1 : 0;
}

/// A pattern without its names: equal for patterns that match the same paths.
std::string shape(const std::string& pattern) {
  std::string text;
  for (const std::string& segment : segments_of(pattern)) {
    text += '/' + (kind(segment) == 2 ? "*" : kind(segment) == 1 ? "{}" : segment);
  }
  return text;
}

std::string conditions_of(const Match& match) {
  Strings texts;
  for (const FieldCondition& c : match.headers)
    texts.push_back(c.name + "=" + c.value.value_or("?"));
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  std::string joined;
  for (const std::string& text : texts) joined += text + ' ';
  return joined;
}

bool names(const Match& match, const Method& method) {
  return match.methods.empty() ||
         std::find(match.methods.begin(), match.methods.end(), method) != match.methods.end();
}

bool equal_but_for_methods(const Match& a, const Match& b) {
  return shape(a.pattern) == shape(b.pattern) && a.host == b.host &&
         conditions_of(a) == conditions_of(b);
}

bool share_a_method(const Match& a, const Match& b) {
  if (a.methods.empty() || b.methods.empty()) return true;
  return std::any_of(a.methods.begin(), a.methods.end(),
                     [&](const Method& method) { return names(b, method); });
}

struct Query {
  Method method;
  std::string path;
  std::string authority;
  std::vector<std::pair<std::string, std::string>> fields;
};

bool path_holds(const Match& match, const Query& query, Strings& captures) {
  const Strings pattern = segments_of(match.pattern);
  const Strings raw = segments_of(query.path);
  captures.clear();
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (kind(pattern[i]) == 2) {
      std::string tail;
      for (std::size_t k = i; k < raw.size(); ++k) tail += (k > i ? "/" : "") + raw[k];
      captures.push_back(tail);
      return true;
    }
    if (i == raw.size()) return false;
    const std::string segment = split(raw[i], ';').front();
    if (kind(pattern[i]) == 0 && segment != pattern[i]) return false;
    if (kind(pattern[i]) == 1 && segment.empty()) return false;
    if (kind(pattern[i]) == 1) captures.push_back(segment);
  }
  return pattern.size() == raw.size();
}

/// How well the host of a route fits, less being better; -1 where it does not.
int host_rank(const Match& match, const Query& query) {
  if (match.host.empty()) return 1000;
  const std::string host = split(query.authority, ':').front();
  const bool with_port = match.host.find(':') != std::string::npos;
  const std::string subject = with_port ? query.authority : host;
  const int port_rank = with_port ? 0 : 1;
  if (match.host == subject) return port_rank;
  if (match.host.front() != '*') return -1;
  const std::string suffix = match.host.substr(1);
  if (subject.size() <= suffix.size() || !std::string_view(subject).ends_with(suffix)) return -1;
  return 900 - 2 * static_cast<int>(split(suffix, ':').front().size()) + port_rank;
}

bool fields_hold(const Match& match, const Query& query) {
  return std::all_of(match.headers.begin(), match.headers.end(), [&](const FieldCondition& c) {
    return std::any_of(query.fields.begin(), query.fields.end(), [&](const auto& field) {
      return field.first == c.name && (!c.value || *c.value == field.second);
    });
  });
}

struct Answer {
  int route = -1;
  bool method_missing = false;
  Strings captures;
};

Answer reference(const std::vector<Match>& matches, const Query& query) {
  // Precedence: kinds of the segments left to right (an end before a wildcard), host, conditions.
  using Key = std::tuple<std::vector<int>, int, int, int, int>;
  Answer best;
  Key best_key;
  for (std::size_t i = 0; i < matches.size(); ++i) {
    const Match& match = matches[i];
    Strings captures;
    const int host = host_rank(match, query);
    if (!path_holds(match, query, captures) || host < 0 || !fields_hold(match, query)) continue;
    bool takes = names(match, query.method);
    if (query.method == Method::head && names(match, Method::get)) {
      takes = takes || std::none_of(matches.begin(), matches.end(), [&](const Match& other) {
                return equal_but_for_methods(other, match) && names(other, Method::head);
              });
    }
    if (!takes) {
      best.method_missing = true;
      continue;
    }
    std::vector<int> kinds;
    for (const std::string& segment : segments_of(match.pattern)) kinds.push_back(kind(segment));
    const Strings conditions = split(conditions_of(match), ' ');
    const auto values = std::count_if(conditions.begin(), conditions.end(), [](const auto& text) {
      return !text.empty() && text.back() != '?';
    });
    const Key key{kinds, host, -static_cast<int>(conditions.size()), -static_cast<int>(values),
                  static_cast<int>(i)};
    if (best.route >= 0 && best_key < key) continue;
    best_key = key;
    best.route = static_cast<int>(i);
    best.captures = captures;
  }
  return best;
}

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}

  std::size_t below(std::size_t bound) { return engine_() % bound; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <std::size_t N>
  std::string any(const std::array<const char*, N>& texts) {
    return texts[below(N)];
  }

  Match match() {
    Match match;
    match.pattern.clear();
    const std::size_t depth = 1 + below(4);
    for (std::size_t i = 0; i < depth; ++i) {
      const bool last = i + 1 == depth;
      match.pattern += '/';
      if (last && one_in(4)) {
        match.pattern += one_in(2) ? "*" : "{*rest}";
      } else if (last && one_in(8)) {
        continue;  // A trailing slash.
      } else if (one_in(3)) {
        match.pattern += '{' + any(kNames) + std::to_string(i) + '}';
      } else {
        match.pattern += any(kLiterals);
      }
    }
    while (one_in(2)) match.methods.push_back(method());
    if (one_in(2)) match.host = any(kHosts);
    while (one_in(4)) {
      match.headers.push_back(one_in(2) ? FieldCondition::exists(any(kFields))
                                        : FieldCondition::equals(any(kFields), any(kValues)));
    }
    return match;
  }

  Query query() {
    Query query;
    const std::size_t depth = 1 + below(5);
    for (std::size_t i = 0; i < depth; ++i) {
      query.path += '/' + any(kLiterals);
      if (one_in(8)) query.path += ";v=1";
    }
    if (one_in(6)) query.path += '/';
    query.method = method();
    query.authority = any(kAuthorities);
    while (!one_in(3)) query.fields.emplace_back(any(kFields), any(kValues));
    return query;
  }

 private:
  static constexpr std::array kNames{"a", "b"};
  static constexpr std::array kLiterals{"x", "y", "xx", "a-longer-literal"};
  static constexpr std::array kHosts{"a.example",   "b.a.example",    "*.example",
                                     "*.a.example", "*.example:8080", "a.example:8080"};
  static constexpr std::array kAuthorities{
      "a.example",     "a.example:8080",   "b.a.example", "example",
      "c.b.a.example", "b.a.example:8080", "other",       ""};
  static constexpr std::array kFields{"x-a", "accept"};
  static constexpr std::array kValues{"1", "2"};

  Method method() {
    static const std::array kMethods{Method(Method::get), Method(Method::head),
                                     Method(Method::post), Method::from_token("PURGE").value()};
    return kMethods[below(kMethods.size())];
  }

  std::mt19937 engine_;
};

/// The routes that must be reported: each that shares a method with an equal one that stays.
std::vector<std::size_t> equal_routes(const std::vector<Match>& matches) {
  std::vector<std::size_t> kept;
  std::vector<std::size_t> equal;
  for (std::size_t i = 0; i < matches.size(); ++i) {
    const bool repeats = std::any_of(kept.begin(), kept.end(), [&](std::size_t earlier) {
      return equal_but_for_methods(matches[earlier], matches[i]) &&
             share_a_method(matches[earlier], matches[i]);
    });
    (repeats ? equal : kept).push_back(i);
  }
  return equal;
}

/// `routes` are ascending.
void remove(std::vector<Match>& matches, const std::vector<std::size_t>& routes) {
  for (std::size_t i = routes.size(); i-- > 0;) {
    matches.erase(matches.begin() + static_cast<std::ptrdiff_t>(routes[i]));
  }
}

void check_against_reference(const RouteTable& table, const std::vector<Match>& matches,
                             const Query& query) {
  Headers headers;
  for (const auto& [name, value] : query.fields) headers.add(name, value);
  const RouteMatch found = table.match({query.method, query.path, query.authority, headers});
  const Answer expected = reference(matches, query);
  CAPTURE(query.method.name(), query.path, query.authority, query.fields);
  if (expected.route < 0) {
    REQUIRE(found.outcome == (expected.method_missing ? RouteMatch::Outcome::method_not_allowed
                                                      : RouteMatch::Outcome::not_found));
    return;
  }
  REQUIRE(found.outcome == RouteMatch::Outcome::found);
  INFO("expected " << to_string(matches[static_cast<std::size_t>(expected.route)]));
  REQUIRE(static_cast<int>(found.route) == expected.route);
  Strings captures;
  for (std::size_t i = 0; i < found.captures.size(); ++i) {
    captures.emplace_back(found.captures[i].in(query.path));
  }
  REQUIRE(captures == expected.captures);
}

}  // namespace

TEST_CASE("The table answers as a reference that tries every route") {
  for (unsigned seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    Dice dice(seed);
    std::vector<Match> matches(1 + dice.below(60));
    for (Match& match : matches) match = dice.match();

    const std::vector<std::size_t> equal = equal_routes(matches);
    std::vector<std::size_t> reported;
    for (const RouteProblem& problem : RouteTable::build(matches).problems) {
      reported.push_back(problem.route);
    }
    REQUIRE(reported == equal);
    remove(matches, equal);

    const RouteTable::Built built = RouteTable::build(matches);
    REQUIRE(built.table);
    for (int i = 0; i < 100; ++i) check_against_reference(*built.table, matches, dice.query());
  }
}

TEST_CASE("The methods in Allow are those that would have been taken") {
  const std::array methods{Method(Method::get),    Method(Method::head),  Method(Method::post),
                           Method(Method::put),    Method(Method::patch), Method(Method::del),
                           Method(Method::options)};
  for (unsigned seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    Dice dice(seed);
    std::vector<Match> matches(1 + dice.below(20));
    for (Match& match : matches) match = dice.match();
    remove(matches, equal_routes(matches));
    const RouteTable::Built built = RouteTable::build(matches);
    REQUIRE(built.table);
    for (int i = 0; i < 50; ++i) {
      Query query = dice.query();
      query.method = Method::trace;  // No route names it.
      Headers headers;
      for (const auto& [name, value] : query.fields) headers.add(name, value);
      const auto ask = [&](const Method& method) {
        return built.table->match({method, query.path, query.authority, headers});
      };
      const RouteMatch refused = ask(query.method);
      if (refused.outcome == RouteMatch::Outcome::found) continue;
      for (const Method& method : methods) {
        const bool allowed = (refused.allowed & bit_of(method.known())) != 0;
        CAPTURE(method.name(), query.path, query.authority);
        REQUIRE(allowed == (ask(method).outcome == RouteMatch::Outcome::found));
      }
    }
  }
}
