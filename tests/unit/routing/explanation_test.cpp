// SPDX-License-Identifier: Apache-2.0
// Router::explain: what it tells is what the routes do.
#include "gatewaykit/routing/explanation.hpp"

#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/middleware/request_id.hpp"
#include "gatewaykit/middleware/respond.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/routing/router.hpp"
#include "gatewaykit/server/gateway.hpp"

using namespace gatewaykit;

namespace {

using Names = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

Request request(Method method, std::string_view target, std::string_view authority = "shop.test") {
  Request made(std::move(method), target);
  made.authority = authority;
  return made;
}

Pairs others(const Explanation& told) {
  Pairs pairs;
  for (const auto& [route, reason] : told.others) pairs.emplace_back(route, reason);
  return pairs;
}

Task<Response> go_on(Context& ctx, Next next) { return next(ctx); }

/// Routes of every kind of condition.
Router shop() {
  Router router;
  router.use(request_id());
  router.use(&go_on);
  Router& users = router.group("/users");
  users.use(before([](Context&) { return std::optional<Response>(); }, "quota"));
  users.get("/{id}", respond());
  users.post("/{id}", respond({.status = Status::created}));
  users.any("/{*rest}", respond());
  Match beta{.pattern = "/users/{id}", .methods = {Method::get}};
  beta.headers = {FieldCondition::equals("X-Beta", "1"), FieldCondition::exists("x-tenant")};
  users.route({.pattern = "/me", .host = "*.admin.test"}, respond());
  router.route(beta, respond());
  return router;
}

}  // namespace

TEST_CASE("The route that takes a request is told with its parameters and with what runs") {
  const Explanation told =
      shop().explain(request(Method::get, "/users/a%2fb?x=1"), EncodedSlash::keep);
  CHECK(told.request == "GET shop.test/users/a%2Fb?x=1");
  CHECK(told.route == "GET, HEAD /users/{id}");
  REQUIRE(told.parameters.size() == 1);
  CHECK(told.parameters[0].name == "id");
  CHECK(told.parameters[0].value == "a%2Fb");
  CHECK(told.middlewares == Names{"request_id", "function", "quota"});
  CHECK(told.handler == "respond 200");
  CHECK_FALSE(told.refusal);
}

TEST_CASE(
    "Each other route of the path is told with the reason that it does not take the request") {
  const Explanation told = shop().explain(request(Method::get, "/users/me"));
  CHECK(others(told) == Pairs{
                            {"*.admin.test/users/me", "is for the host *.admin.test"},
                            {"GET, HEAD /users/{id} [x-beta: 1, x-tenant]",
                             "asks for the field x-beta: 1, x-tenant"},
                            {"POST /users/{id}", "takes POST"},
                            {"/users/{*rest}", "fits as well, but the other one is narrower"},
                        });
}

TEST_CASE("Of several conditions those are told that do not hold") {
  Request asked = request(Method::get, "/users/7");
  asked.headers.add("x-beta", "1");
  const Explanation told = shop().explain(asked);
  CHECK(others(told)[0].second == "asks for the field x-tenant");
}

TEST_CASE("A method that no route takes is a 405, and the root layers run") {
  Router router = shop();
  router.get("/only", respond());
  const Explanation told = router.explain(request(Method::del, "/only"));
  CHECK(told.refusal == Status::method_not_allowed);
  CHECK(told.allow == "GET, HEAD");
  CHECK_FALSE(told.route);
  CHECK(told.middlewares == Names{"request_id", "function"});
  CHECK(others(told) == Pairs{{"GET, HEAD /only", "takes GET, HEAD"}});
}

TEST_CASE("A path that no route has is told with the route that comes nearest") {
  const auto nearest = [](std::string_view target) {
    Router router;
    router.get("/", respond());
    router.get("/api/users/{id}/cart", respond());
    router.get("/api/orders", respond());
    const Explanation told = router.explain(request(Method::get, target));
    CHECK(told.refusal == Status::not_found);
    return others(told);
  };
  CHECK(nearest("/api/users/7/card") ==
        Pairs{{"/api/users/{id}/cart", "has 'cart' as segment 4, the path has 'card'"}});
  CHECK(nearest("/api/users/7") ==
        Pairs{{"/api/users/{id}/cart", "goes on with segment 4, 'cart'"}});
  CHECK(nearest("/api/orders/") == Pairs{{"/api/orders", "ends before segment 3 of the path"}});
  CHECK(nearest("/other").empty());
}

TEST_CASE("A target that is refused is told with the reason") {
  const Explanation told = shop().explain(request(Method::get, "/users/..%5Cetc"));
  CHECK(told.refusal == Status::bad_request);
  CHECK_FALSE(told.reason.empty());
  CHECK(told.others.empty());
  CHECK(told.middlewares == Names{"request_id", "function"});
  CHECK(shop().explain(request(Method::get, "/a%2Fb")).refusal == Status::bad_request);
  CHECK(shop().explain(request(Method::get, "")).refusal == Status::bad_request);
}

TEST_CASE("The absolute form names the host, and the path is normalised") {
  const Explanation told =
      shop().explain(request(Method::get, "http://WWW.admin.test/x/../users//me"));
  CHECK(told.route == "*.admin.test/users/me");
  CHECK(told.request == "GET WWW.admin.test/users/me");
}

TEST_CASE("OPTIONS * takes the route of the root path, or is answered by the gateway") {
  CHECK(shop().explain(request(Method::options, "*")).refusal == Status::no_content);
  Router router;
  router.any("/", respond());
  CHECK(router.explain(request(Method::options, "*")).route == "/");
}

TEST_CASE("A host's own not_found is told") {
  Router router;
  router.not_found([](Context&) -> Task<Response> { co_return Response(Status::not_found); });
  CHECK(router.explain(request(Method::get, "/x")).handler == "handler");
  CHECK(Router().explain(request(Method::get, "/x")).handler == "refusal");
}

TEST_CASE("However many routes there are, a few are told") {
  Router router;
  for (int i = 0; i < 1000; ++i) {
    router.route({.pattern = "/x", .host = "h" + std::to_string(i) + ".test"}, respond());
  }
  const Explanation taken = router.explain(request(Method::get, "/x", "h999.test"));
  CHECK(taken.route == "h999.test/x");
  CHECK(taken.others.size() == Explanation::kMaxCandidates);
  CHECK(taken.others_left_out == 999 - Explanation::kMaxCandidates);
  const Explanation none = router.explain(request(Method::get, "/x", "none.test"));
  CHECK(none.refusal == Status::not_found);
  CHECK(none.others.size() == Explanation::kMaxCandidates);
  CHECK(none.others_left_out == 1000 - Explanation::kMaxCandidates);
}

TEST_CASE("An explanation reads as a few lines") {
  CHECK(to_string(shop().explain(request(Method::get, "/users/7"))) ==
        "GET shop.test/users/7\n"
        "route: GET, HEAD /users/{id}\n"
        "  id = 7\n"
        "runs: request_id, function, quota, respond 200\n"
        "other routes:\n"
        "  GET, HEAD /users/{id} [x-beta: 1, x-tenant]: asks for the field x-beta: 1, x-tenant\n"
        "  POST /users/{id}: takes POST\n"
        "  /users/{*rest}: fits as well, but the other one is narrower\n");
  CHECK(to_string(shop().explain(request(Method::get, "/usres"))) ==
        "GET shop.test/usres\n"
        "no route: 404, no route takes it\n"
        "runs: request_id, function, refusal\n");
}

TEST_CASE(
    "A router can be explained before it is handed to a gateway, which explains what it serves") {
  Router router = shop();
  CHECK(router.explain(request(Method::get, "/users/7")).route);
  Gateway gateway(std::move(router));
  CHECK(gateway.explain(request(Method::get, "/users/7")).route);
  gateway.swap_routes(Router());
  CHECK_FALSE(gateway.explain(request(Method::get, "/users/7")).route);

  Router wrong;
  wrong.get("no-slash", respond());
  CHECK_THROWS_AS(wrong.explain(request(Method::get, "/")), ConfigError);
}
