// SPDX-License-Identifier: Apache-2.0
// What layers say of themselves, and the chains that are refused for it.
#include "gatewaykit/routing/wiring.hpp"

#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/middleware/header_rules.hpp"
#include "gatewaykit/middleware/request_id.hpp"
#include "gatewaykit/middleware/respond.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/routing/router.hpp"
#include "routing/route_set.hpp"

using namespace gatewaykit;

namespace gateway_test {

struct Claims {
  std::string subject;
};
struct Tenant {
  std::string name;
};

}  // namespace gateway_test

namespace {

using gateway_test::Claims;
using gateway_test::Tenant;
using Problems = std::vector<std::string>;

/// A layer that says of itself what it is told to.
class Telling final : public Middleware {
 public:
  explicit Telling(Function<void(Wiring&) const> tell) : tell_(std::move(tell)) {}
  Task<Response> handle(Context& ctx, Next next) const override { return next(ctx); }
  void describe(Wiring& wiring) const override { tell_(wiring); }

 private:
  Function<void(Wiring&) const> tell_;
};

Telling auth() {
  return Telling([](Wiring& wiring) { wiring.name("auth").provides<Claims>(); });
}
Telling tenant_guard() {
  return Telling(
      [](Wiring& wiring) { wiring.name("tenant_guard").needs<Claims>().provides<Tenant>(); });
}
Telling needs_parameter(std::string segment) {
  return Telling([segment = std::move(segment)](Wiring& wiring) {
    wiring.name("rewriter").needs_parameter(segment);
  });
}

/// A handler that relies on a layer.
struct PerTenant {
  Task<Response> operator()(Context& ctx) const {
    co_return Response::text(Status::ok, ctx.get<Tenant>()->name);
  }
  void describe(Wiring& wiring) const {
    wiring.name("per_tenant").needs<Tenant>().needs_parameter("{id}");
  }
};

Problems problems_of(const Router& router) {
  try {
    static_cast<void>(RouteSet::compile(router));
  } catch (const ConfigError& error) {
    return error.problems();
  }
  return {};
}

}  // namespace

TEST_CASE("A layer may need what one before it provides: in its router, or in one around it") {
  Router router;
  router.use(auth());
  Router& group = router.group("/group");
  group.use(tenant_guard());
  group.group("/inner").get("/{id}", PerTenant());
  CHECK(problems_of(router).empty());
}

TEST_CASE("A need that nothing before a layer meets is told with the layer, the type, the route") {
  Router router;
  Router& group = router.group("/group");
  group.use(tenant_guard());
  group.get("/first", respond());
  CHECK(problems_of(router) ==
        Problems{"route GET /group/first: tenant_guard needs gateway_test::Claims, which no layer "
                 "before it provides"});
}

TEST_CASE("A layer in the wrong order is told which one should be before it") {
  Router router;
  router.use(tenant_guard()).use(auth());
  router.any("/", respond());
  CHECK(problems_of(router) ==
        Problems{"route /: tenant_guard needs gateway_test::Claims, which auth provides, but not "
                 "before it"});
}

TEST_CASE("What a group provides is not there for its neighbours") {
  Router router;
  router.group("/a").use(auth()).get("/x", respond());
  router.group("/b").use(tenant_guard()).get("/x", respond());
  REQUIRE(problems_of(router).size() == 1);
  CHECK(problems_of(router)[0].starts_with("route GET /b/x: tenant_guard needs"));
}

TEST_CASE("One sentence tells of all routes behind a layer, and of a layer without routes") {
  Router router;
  router.use(tenant_guard());
  CHECK(problems_of(router)[0].starts_with("the router: tenant_guard needs"));
  router.get("/1", respond()).get("/2", respond());
  router.group("/group").get("/3", respond());
  REQUIRE(problems_of(router).size() == 1);
  CHECK(problems_of(router)[0].starts_with("route GET /1 (and 2 more): tenant_guard needs"));
}

TEST_CASE("A handler is heard as well, and all mistakes are told together") {
  Router router;
  router.get("/x", PerTenant());
  router.get("no-slash", respond());
  router.use(tenant_guard());
  router.group("/b").use([](Context& ctx, Next next) { return next(ctx); }).get("/", PerTenant());
  CHECK(problems_of(router) ==
        Problems{"route GET /x: per_tenant needs {id}, which the pattern does not capture",
                 "route GET /b/: per_tenant needs {id}, which the pattern does not capture",
                 "route GET /x (and 2 more): tenant_guard needs gateway_test::Claims, which no "
                 "layer before it provides",
                 "route GET no-slash: a pattern must begin with '/'"});
  Router bare;
  bare.get("/{id}", PerTenant());
  CHECK(problems_of(bare) == Problems{"route GET /{id}: per_tenant needs gateway_test::Tenant, "
                                      "which no layer around it provides"});
}

TEST_CASE("A parameter that a layer needs must be captured by each route, in the same way") {
  const auto problems = [](std::string segment, std::string_view pattern) {
    Router router;
    router.use(needs_parameter(std::move(segment))).get(pattern, respond());
    return problems_of(router);
  };
  CHECK(problems("{id}", "/users/{id}").empty());
  CHECK(problems("{*rest}", "/users/{*rest}").empty());
  CHECK(problems("*", "/users/*").empty());
  for (const auto& [segment, pattern] : std::vector<std::pair<std::string, std::string>>{
           {"{id}", "/users/{name}"},
           {"{id}", "/users/id"},
           {"{rest}", "/users/{*rest}"},
           {"{*rest}", "/users/{rest}"},
           {"*", "/users/{*rest}"},
       }) {
    CHECK(problems(segment, pattern) == Problems{"route GET " + pattern + ": rewriter needs " +
                                                 segment + ", which the pattern does not capture"});
  }
}

TEST_CASE("A layer that names itself not at all is called middleware") {
  Router router;
  router.use(Telling([](Wiring& wiring) { wiring.needs<Claims>(); }));
  CHECK(problems_of(router) == Problems{"the router: middleware needs gateway_test::Claims, which "
                                        "no layer before it provides"});
}

TEST_CASE(
    "Rules that write the request's id need the layer that gives it; those of answers do not") {
  const auto with_id = [](auto rules) {
    HeaderRulesOptions options;
    options.*rules = {{HeaderRule::Action::set, "x-copy", "{id}"}};
    return header_rules(std::move(options));
  };
  Router wrong;
  wrong.use(with_id(&HeaderRulesOptions::request)).use(request_id());
  CHECK(problems_of(wrong) ==
        Problems{"the router: header_rules needs gatewaykit::RequestId, which request_id provides, "
                 "but not before it"});
  Router right;
  right.use(with_id(&HeaderRulesOptions::response)).use(request_id());
  right.use(with_id(&HeaderRulesOptions::request));
  CHECK(problems_of(right).empty());
}
