// SPDX-License-Identifier: Apache-2.0
#include "routing/route_set.hpp"

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "gatewaykit/routing/context.hpp"
#include "routing/router_wiring.hpp"
#include "routing/wiring_check.hpp"

namespace gatewaykit {

namespace {

struct RefusalAnswer {
  Task<Response> operator()(Context& ctx) const { co_return ctx.take_refusal(); }
  void describe(Wiring& wiring) const { wiring.name("refusal"); }
};

std::string name_of(const std::string& prefix) {
  return prefix.empty() ? "the router" : "the group " + prefix;
}

std::string_view path_of(std::string_view target) noexcept {
  return target == "*" ? "/" : target.substr(0, target.find('?'));
}

}  // namespace

/// Turns the tree of routers into flat lists and collects what is wrong with it.
class RouteSet::Compiler {
 public:
  std::shared_ptr<const RouteSet> compile(const Router::Wiring& root);

 private:
  using Layers = std::vector<MiddlewarePtr>;

  /// What a router takes over from those around it.
  struct Surroundings {
    std::string prefix;
    Layers layers;
    WiringCheck check;
    std::vector<std::string> unmet;  // Needs of this router's own layers.
    bool usable = true;  // A group with a bad prefix: its routes would but repeat the mistake.
  };

  Surroundings enter(const Router::Wiring& wiring, const Surroundings& outer);
  void check_prefix(const Router::Wiring& wiring, Surroundings& inner);
  void add_router(const Router::Wiring& wiring, const Surroundings& inner);
  void add_route(const Router::Wiring::Route& route, const Surroundings& inner);
  void report_unmet(const Surroundings& inner, std::size_t first_route);

  std::vector<Match> matches_;
  std::vector<Chain> chains_;
  std::vector<std::string> problems_;
};

std::shared_ptr<const RouteSet> RouteSet::compile(const Router& router) {
  return Compiler().compile(*router.wiring_);
}

std::shared_ptr<const RouteSet> RouteSet::Compiler::compile(const Router::Wiring& root) {
  const Surroundings surroundings = enter(root, {});
  if (root.not_found.size() > 1) problems_.emplace_back("not_found was given more than once");
  add_router(root, surroundings);

  routing::RouteTable::Built built = routing::RouteTable::build(matches_);
  for (routing::RouteProblem& problem : built.problems) {
    problems_.push_back(std::move(problem.text));
  }
  if (!problems_.empty()) throw ConfigError(std::move(problems_));

  const std::shared_ptr<RouteSet> routes(new RouteSet(std::move(*built.table)));
  routes->chains_ = std::move(chains_);
  routes->refusal_ = Chain{surroundings.layers, std::make_shared<const Handler>(RefusalAnswer())};
  routes->not_found_ = routes->refusal_;
  if (!root.not_found.empty()) routes->not_found_.handler = root.not_found.front();
  return routes;
}

RouteSet::Compiler::Surroundings RouteSet::Compiler::enter(const Router::Wiring& wiring,
                                                           const Surroundings& outer) {
  Surroundings inner = outer;
  check_prefix(wiring, inner);
  for (const MiddlewarePtr& layer : wiring.layers) {
    if (layer == nullptr) {
      problems_.push_back(fmt::format("{} was given an empty middleware", name_of(inner.prefix)));
    }
    inner.layers.push_back(layer);
  }
  inner.unmet = inner.check.enter(wiring.layers);
  for (const auto& handler : wiring.not_found) {
    if (!*handler) problems_.emplace_back("not_found was given an empty handler");
  }
  return inner;
}

void RouteSet::Compiler::check_prefix(const Router::Wiring& wiring, Surroundings& inner) {
  std::string_view prefix = wiring.prefix;
  if (prefix.ends_with('/')) prefix.remove_suffix(1);
  inner.prefix += prefix;
  if (!prefix.empty() && prefix.front() != '/') {
    problems_.push_back(fmt::format("the prefix {} of a group must begin with '/'", wiring.prefix));
    inner.usable = false;
  }
  if (prefix.find('*') != std::string_view::npos) {
    problems_.push_back(
        fmt::format("the prefix {} of a group must not hold a wildcard", wiring.prefix));
    inner.usable = false;
  }
}

void RouteSet::Compiler::add_router(const Router::Wiring& wiring, const Surroundings& inner) {
  const std::size_t first_route = matches_.size();
  for (const Router::Wiring::Route& route : wiring.routes) add_route(route, inner);
  for (const std::unique_ptr<Router>& group : wiring.groups) {
    const Surroundings within = enter(*group->wiring_, inner);
    if (!group->wiring_->not_found.empty()) {
      problems_.push_back(fmt::format(
          "not_found belongs to the root router and was given to the group {}", within.prefix));
    }
    add_router(*group->wiring_, within);
  }
  report_unmet(inner, first_route);
}

/// One line for each need, however many routes lie behind the layer.
void RouteSet::Compiler::report_unmet(const Surroundings& inner, std::size_t first_route) {
  const std::size_t routes = matches_.size() - first_route;
  for (const std::string& unmet : inner.unmet) {
    std::string place = name_of(inner.prefix);
    if (routes > 0) place = "route " + to_string(matches_[first_route]);
    if (routes > 1) place += fmt::format(" (and {} more)", routes - 1);
    problems_.push_back(fmt::format("{}: {}", place, unmet));
  }
}

void RouteSet::Compiler::add_route(const Router::Wiring::Route& route, const Surroundings& inner) {
  Match match = route.match;
  // Glued to a prefix it could look right: "/api" and "users" are no "/apiusers".
  if (!inner.prefix.empty() && !match.pattern.empty() && match.pattern[0] != '/') {
    problems_.push_back(fmt::format("the pattern {} in the group {} must begin with '/'",
                                    match.pattern, inner.prefix));
    return;
  }
  match.pattern.insert(0, inner.prefix);
  if (!*route.handler) {
    problems_.push_back(fmt::format("route {}: has no handler", to_string(match)));
  }
  if (!inner.usable) return;
  for (const std::string& unmet : inner.check.check(match, *route.handler)) {
    problems_.push_back(fmt::format("route {}: {}", to_string(match), unmet));
  }
  matches_.push_back(std::move(match));
  chains_.push_back({inner.layers, route.handler});
}

const Chain& RouteSet::match(Context& ctx) const {
  const Request& request = ctx.request();
  const std::string_view path = path_of(request.target);
  const routing::RouteMatch found =
      table_.match({request.method, path, request.authority, request.headers});
  if (found.outcome != routing::RouteMatch::Outcome::found) return refuse(ctx, found);

  std::array<std::string_view, kMaxCaptures> names;
  std::array<RouteParam, kMaxCaptures> params;
  const std::size_t count = table_.capture_names(found.route, names);
  for (std::size_t i = 0; i < count; ++i) params[i] = {names[i], found.captures[i].in(path)};
  ctx.set_route(table_.pattern(found.route), params.data(), count);
  return chains_[found.route];
}

const Chain& RouteSet::refuse(Context& ctx, const routing::RouteMatch& match) const {
  if (ctx.request().target == "*") {
    ctx.refuse(Response(Status::no_content));
    return refusal_;
  }
  if (match.outcome == routing::RouteMatch::Outcome::not_found) {
    ctx.refuse(Response::problem(Status::not_found, "There is nothing at this path."));
    return not_found_;
  }
  Response refusal =
      Response::problem(Status::method_not_allowed, "The method is not allowed for this path.");
  refusal.headers.set("allow", table_.allow(match.allowed));
  ctx.refuse(std::move(refusal));
  return refusal_;
}

}  // namespace gatewaykit
