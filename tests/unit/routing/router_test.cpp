// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/routing/router.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"
#include "routing/route_set.hpp"

using namespace gatewaykit;
using testing::TestExchange;
using testing::VirtualExecutor;

namespace {

/// Answers with its own name.
Handler named(std::string name) {
  return [name = std::move(name)](Context&) -> Task<Response> {
    return [](std::string text) -> Task<Response> {
      co_return Response::text(Status::ok, text);
    }(name);
  };
}

/// A layer that leaves a letter on the way in and the same in brackets on the way out.
class Letter final : public Middleware {
 public:
  Letter(std::string& trail, std::string letter) : trail_(trail), letter_(std::move(letter)) {}

  Task<Response> handle(Context& ctx, Next next) const override {
    trail_ += letter_;
    Response response = co_await next(ctx);
    trail_ += "(" + letter_ + ")";
    co_return response;
  }

 private:
  std::string& trail_;
  std::string letter_;
};

/// What a compiled router makes of requests.
class Compiled {
 public:
  explicit Compiled(Router router) : routes_(RouteSet::compile(std::move(router))) {}

  struct Answer {
    int status;
    std::string text;
    std::string allow;
    std::string route;
  };

  Answer ask(Method method, std::string_view target) {
    return ask(Request(std::move(method), target));
  }

  Answer ask(Request request) {
    TestExchange exchange(executor_, std::move(request));
    const Chain& chain = routes_->match(exchange.context());
    return run(exchange, chain);
  }

  /// The answer to a request that the server refuses by itself.
  Answer refuse(Response refusal) {
    TestExchange exchange(executor_);
    exchange.context().refuse(std::move(refusal));
    return run(exchange, routes_->refusal_chain());
  }

  std::string param(std::string_view target, std::string_view name) {
    TestExchange exchange(executor_, Request(Method::get, target));
    static_cast<void>(routes_->match(exchange.context()));
    return std::string(exchange.context().param(name));
  }

  const RouteSet& routes() const { return *routes_; }

 private:
  Answer run(TestExchange& exchange, const Chain& chain) {
    Response response = exchange.run(Next(chain)(exchange.context()));
    const std::string allow(response.headers.get("allow").value_or(""));
    const std::string text(response.problem_detail());
    Result<std::string> content = exchange.run(response.body.collect(1000));
    return {code(response.status), text.empty() ? *content : text, allow,
            std::string(exchange.context().route())};
  }

  VirtualExecutor executor_;
  std::shared_ptr<const RouteSet> routes_;
};

std::vector<std::string> problems_of(Router router) {
  try {
    static_cast<void>(RouteSet::compile(std::move(router)));
  } catch (const ConfigError& error) {
    return error.problems();
  }
  return {};
}

using Problems = std::vector<std::string>;

}  // namespace

TEST_CASE("A request runs the layers of its router from the first to the last, then the handler") {
  std::string trail;
  Router router;
  router.use(Letter(trail, "a")).use(Letter(trail, "b"));
  router.get("/hello", named("hello"));

  Compiled compiled(std::move(router));
  const auto answer = compiled.ask(Method::get, "/hello?x=1");
  CHECK(answer.status == 200);
  CHECK(answer.text == "hello");
  CHECK(answer.route == "/hello");
  CHECK(trail == "ab(b)(a)");
}

TEST_CASE("A layer applies to the routes that were added before it too") {
  std::string trail;
  Router router;
  router.get("/early", named("early"));
  Router& group = router.group("/group");
  group.get("/early", named("group"));
  group.use(Letter(trail, "g"));
  router.use(Letter(trail, "r"));

  Compiled compiled(std::move(router));
  compiled.ask(Method::get, "/early");
  CHECK(trail == "r(r)");
  trail.clear();
  compiled.ask(Method::get, "/group/early");
  CHECK(trail == "rg(g)(r)");
}

TEST_CASE("The layers of a group stay in the group") {
  std::string trail;
  Router router;
  router.group("/a").use(Letter(trail, "a")).get("/x", named("a"));
  router.group("/b").use(Letter(trail, "b")).get("/x", named("b"));

  Compiled compiled(std::move(router));
  CHECK(compiled.ask(Method::get, "/b/x").text == "b");
  CHECK(trail == "b(b)");
}

TEST_CASE("Groups of groups join their prefixes and nest their layers") {
  std::string trail;
  Router router;
  Router& api = router.group("/api");
  api.use(Letter(trail, "1"));
  Router& tenant = api.group("/tenants/{tenant}");
  tenant.use(Letter(trail, "2"));
  tenant.get("/users/{user}", named("user"));

  Compiled compiled(std::move(router));
  const auto answer = compiled.ask(Method::get, "/api/tenants/acme/users/7");
  CHECK(answer.route == "/api/tenants/{tenant}/users/{user}");
  CHECK(trail == "12(2)(1)");
  CHECK(compiled.param("/api/tenants/acme/users/7", "tenant") == "acme");
  CHECK(compiled.param("/api/tenants/acme/users/7", "user") == "7");
}

TEST_CASE("A prefix goes by segments, with or without a slash at its end") {
  Router router;
  router.group("/slash/").get("/x", named("x"));
  router.group("/self").get("", named("self")).get("/", named("self/"));
  router.group("").get("/plain", named("plain"));
  router.group("/").get("/root", named("root"));

  Compiled compiled(std::move(router));
  CHECK(compiled.ask(Method::get, "/slash/x").text == "x");
  CHECK(compiled.ask(Method::get, "/self").text == "self");
  CHECK(compiled.ask(Method::get, "/self/").text == "self/");
  CHECK(compiled.ask(Method::get, "/plain").text == "plain");
  CHECK(compiled.ask(Method::get, "/root").text == "root");
}

TEST_CASE("A group stays usable after the router around it has moved") {
  Router router;
  Router& group = router.group("/group");
  Router moved = std::move(router);
  group.get("/x", named("x"));

  Compiled compiled(std::move(moved));
  CHECK(compiled.ask(Method::get, "/group/x").text == "x");
}

TEST_CASE("Each verb adds a route for its method, any for all of them") {
  Router router;
  router.get("/r", named("get")).post("/r", named("post")).put("/r", named("put"));
  router.patch("/r", named("patch")).del("/r", named("delete")).any("/any", named("any"));

  Compiled compiled(std::move(router));
  CHECK(compiled.routes().size() == 6);
  CHECK(compiled.ask(Method::get, "/r").text == "get");
  CHECK(compiled.ask(Method::head, "/r").text == "get");
  CHECK(compiled.ask(Method::post, "/r").text == "post");
  CHECK(compiled.ask(Method::put, "/r").text == "put");
  CHECK(compiled.ask(Method::patch, "/r").text == "patch");
  CHECK(compiled.ask(Method::del, "/r").text == "delete");
  CHECK(compiled.ask(*Method::from_token("PURGE"), "/any").text == "any");
}

TEST_CASE("A route may ask for a host and for fields") {
  Router router;
  router.route({.pattern = "/x", .host = "a.example"}, named("host"));
  router.route({.pattern = "/x", .headers = {FieldCondition::exists("x-beta")}}, named("beta"));
  router.get("/x", named("any"));

  Compiled compiled(std::move(router));
  Request to_host(Method::get, "/x");
  to_host.authority = "a.example";
  CHECK(compiled.ask(std::move(to_host)).text == "host");
  Request beta(Method::get, "/x");
  beta.headers.set("x-beta", "1");
  CHECK(compiled.ask(std::move(beta)).text == "beta");
  CHECK(compiled.ask(Method::get, "/x").text == "any");
}

TEST_CASE("Parameters reach the context with their escapes decoded") {
  Router router;
  router.get("/files/{owner}/*", named("files"));

  Compiled compiled(std::move(router));
  CHECK(compiled.param("/files/J%C3%BCrgen/a/b%20c?q=/d", "owner") == "J\xC3\xBCrgen");
  CHECK(compiled.param("/files/J%C3%BCrgen/a/b%20c?q=/d", "*") == "a/b c");
  CHECK(compiled.param("/files/x", "*").empty());
  CHECK(compiled.param("/files/x", "nobody").empty());
}

TEST_CASE("What no route matches is a 404 inside the root layers, not inside those of a group") {
  std::string trail;
  Router router;
  router.use(Letter(trail, "r"));
  router.group("/group").use(Letter(trail, "g")).get("/x", named("x"));

  Compiled compiled(std::move(router));
  const auto answer = compiled.ask(Method::get, "/group/y");
  CHECK(answer.status == 404);
  CHECK_FALSE(answer.text.empty());
  CHECK(answer.route.empty());
  CHECK(trail == "r(r)");
}

TEST_CASE("The host may answer what no route matches") {
  std::string trail;
  Router router;
  router.get("/x", named("x"));
  router.not_found(named("nothing here"));
  router.use(Letter(trail, "r"));

  Compiled compiled(std::move(router));
  CHECK(compiled.ask(Method::get, "/y").text == "nothing here");
  CHECK(trail == "r(r)");
  CHECK(compiled.ask(Method::post, "/x").status == 405);
}

TEST_CASE("A method that no route of the path takes is a 405 that lists those that are taken") {
  std::string trail;
  Router router;
  router.use(Letter(trail, "r"));
  router.get("/x", named("x")).del("/x", named("x"));

  Compiled compiled(std::move(router));
  const auto answer = compiled.ask(Method::post, "/x");
  CHECK(answer.status == 405);
  CHECK(answer.allow == "GET, HEAD, DELETE");
  CHECK(trail == "r(r)");
}

TEST_CASE("OPTIONS * takes the route of the root, and is answered 204 where there is none") {
  std::string trail;
  const auto router = [&trail] {
    Router made;
    made.use(Letter(trail, "r"));
    return made;
  };
  Router everything = router();
  everything.any("/*", named("all"));
  CHECK(Compiled(std::move(everything)).ask(Method::options, "*").text == "all");

  Router none = router();
  none.get("/x", named("x")).get("/", named("root"));
  none.not_found(named("not asked"));
  Compiled compiled(std::move(none));
  trail.clear();
  CHECK(compiled.ask(Method::options, "*").status == 204);
  CHECK(trail == "r(r)");
}

TEST_CASE("A refusal by the server passes the root layers") {
  std::string trail;
  Router router;
  router.use(Letter(trail, "r"));
  router.not_found(named("not asked"));

  Compiled compiled(std::move(router));
  const auto answer = compiled.refuse(Response::problem(Status::bad_request, "no sense"));
  CHECK(answer.status == 400);
  CHECK(answer.text == "no sense");
  CHECK(trail == "r(r)");
}

TEST_CASE("A layer may be a function") {
  Router router;
  router.use([](Context& ctx, Next next) -> Task<Response> {
    Response response = co_await next(ctx);
    response.headers.set("allow", "everything");
    co_return response;
  });
  router.get("/x", named("x"));

  CHECK(Compiled(std::move(router)).ask(Method::get, "/x").allow == "everything");
}

TEST_CASE("Equal routes of different groups are a mistake that names both") {
  Router router;
  router.group("/api").get("/users/{id}", named("a"));
  router.route({.pattern = "/api/users/{name}", .methods = {Method::get, Method::put}}, named("b"));

  const Problems problems = problems_of(std::move(router));
  REQUIRE(problems.size() == 1);
  CHECK_THAT(problems[0], Catch::Contains("GET /api/users/{id}"));
  CHECK_THAT(problems[0], Catch::Contains("GET,PUT /api/users/{name}"));
}

TEST_CASE("Every mistake of the wiring is told at once") {
  Router router;
  router.use(MiddlewarePtr());
  router.get("no-slash", named("x"));
  router.get("/no-handler", nullptr);
  router.not_found(named("once"));
  router.not_found(nullptr);
  Router& group = router.group("/group");
  group.use(Function<Task<Response>(Context&, Next) const>());
  group.get("users", named("x"));
  group.not_found(named("x"));
  router.group("/files/*").get("/x", named("x"));
  router.group("api").get("/x", nullptr);

  const Problems problems = problems_of(std::move(router));
  for (const std::string& problem : problems) UNSCOPED_INFO(problem);
  REQUIRE(problems.size() == 11);
  const auto tells = [&problems](std::string_view what) {
    for (const std::string& problem : problems) {
      if (problem.find(what) != std::string::npos) return true;
    }
    return false;
  };
  CHECK(tells("the router was given an empty middleware"));
  CHECK(tells("not_found was given an empty handler"));
  CHECK(tells("not_found was given more than once"));
  CHECK(tells("route GET /no-handler: has no handler"));
  CHECK(tells("the group /group was given an empty middleware"));
  CHECK(tells("not_found belongs to the root router and was given to the group /group"));
  CHECK(tells("the pattern users in the group /group must begin with '/'"));
  CHECK(tells("the prefix /files/* of a group must not hold a wildcard"));
  CHECK(tells("the prefix api of a group must begin with '/'"));
  CHECK(tells("route GET api/x: has no handler"));
  CHECK(tells("route GET no-slash: a pattern must begin with '/'"));
}

TEST_CASE("A router without routes compiles, and finds nothing") {
  Compiled compiled{Router()};
  CHECK(compiled.routes().size() == 0);
  CHECK(compiled.ask(Method::get, "/").status == 404);
}
