// SPDX-License-Identifier: Apache-2.0
// cors: preflights and actual requests as the Fetch standard (section 3.3) has them.
#include "gatewaykit/middleware/cors.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/routing/router.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"
#include "routing/route_set.hpp"

using namespace gatewaykit;
using namespace std::chrono_literals;
using testing::ScriptedNext;
using testing::TestExchange;
using testing::VirtualExecutor;

namespace {

constexpr std::string_view kApp = "https://app.example";

CorsOptions for_app() {
  CorsOptions options;
  options.origins = {std::string(kApp), "https://*.wild.example"};
  return options;
}

Request preflight(std::string_view origin, std::string_view method, std::string_view headers = "") {
  Request request(Method::options, "/");
  request.headers.add("Origin", origin);
  request.headers.add("Access-Control-Request-Method", method);
  if (!headers.empty()) request.headers.add("Access-Control-Request-Headers", headers);
  return request;
}

Request from(std::string_view origin, Method method = Method::get) {
  Request request(std::move(method), "/");
  request.headers.add("Origin", origin);
  return request;
}

/// A cors layer in front of a handler that answers as the test wants.
class Site {
 public:
  explicit Site(CorsOptions options) : layer_(cors(std::move(options))) {}

  Response answer(Request request, Response response = Response()) {
    ScriptedNext next;
    next.respond(std::move(response));
    TestExchange exchange(executor_, std::move(request));
    Response answer = exchange.run(*layer_, next);
    calls_ += next.calls();
    return answer;
  }

  /// How often the rest of the chain ran.
  std::size_t calls() const { return calls_; }

 private:
  VirtualExecutor executor_;
  MiddlewarePtr layer_;
  std::size_t calls_ = 0;
};

/// The value of the one line of that name; "-" where there is none, "several" for more.
std::string value_of(const Response& response, std::string_view name) {
  const std::size_t lines = response.headers.count(name);
  if (lines > 1) return "several";
  return std::string(response.headers.get(name).value_or("-"));
}

std::string allow_origin(const Response& response) {
  return value_of(response, "access-control-allow-origin");
}

std::size_t cors_fields(const Response& response) {
  std::size_t count = 0;
  for (const FieldLine line : response.headers) {
    count += line.name.starts_with("access-control-") ? 1 : 0;
  }
  return count;
}

std::vector<std::string> problems_of(CorsOptions options) {
  try {
    static_cast<void>(cors(std::move(options)));
  } catch (const ConfigError& error) {
    return error.problems();
  }
  return {};
}

}  // namespace

TEST_CASE("A preflight of an allowed origin is told what is allowed, and the rest does not run") {
  CorsOptions options = for_app();
  options.methods = {"GET", "PUT"};
  options.headers = {"content-type", "x-tenant"};
  options.exposed_headers = {"x-total"};
  options.max_age = 600s;
  Site site(std::move(options));
  const Response response = site.answer(preflight(kApp, "PUT", "x-tenant"));
  CHECK(response.status == Status::no_content);
  CHECK(response.body.empty());
  CHECK(allow_origin(response) == kApp);
  CHECK(value_of(response, "access-control-allow-methods") == "GET, PUT");
  CHECK(value_of(response, "access-control-allow-headers") == "content-type, x-tenant");
  CHECK(value_of(response, "access-control-max-age") == "600");
  CHECK(value_of(response, "vary") ==
        "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
  CHECK(cors_fields(response) == 4);
  CHECK(site.calls() == 0);
}

TEST_CASE("A preflight of another origin is answered with nothing but Vary") {
  Site site(for_app());
  const std::string origin =
      GENERATE(as<std::string>{}, "https://evil.example", "null", "https://wild.example", "");
  const Response response = site.answer(preflight(origin, "GET"));
  CHECK(response.status == Status::no_content);
  CHECK(cors_fields(response) == 0);
  CHECK(value_of(response, "vary").starts_with("Origin, "));
  CHECK(site.calls() == 0);
}

TEST_CASE("What is allowed does not depend on what is asked for") {
  Site site(for_app());
  const Response response = site.answer(preflight(kApp, "DELETE", "x-secret"));
  CHECK(allow_origin(response) == kApp);
  CHECK(value_of(response, "access-control-allow-methods") == "GET, HEAD, POST");
  CHECK(value_of(response, "access-control-allow-headers") == "-");
  CHECK(value_of(response, "access-control-max-age") == "-");
}

TEST_CASE("A star among methods and headers allows what is asked for, credentials or not") {
  CorsOptions options = for_app();
  options.methods = {"*"};
  options.headers = {"*"};
  options.credentials = GENERATE(false, true);
  Site site(std::move(options));
  const Response response = site.answer(preflight(kApp, "PURGE", "authorization,x-a , ,x-b"));
  CHECK(value_of(response, "access-control-allow-methods") == "PURGE");
  CHECK(value_of(response, "access-control-allow-headers") == "authorization, x-a, x-b");
}

TEST_CASE("Names that are asked for in several lines are all allowed") {
  CorsOptions options = for_app();
  options.headers = {"*"};
  Site site(std::move(options));
  Request request = preflight(kApp, "GET", "x-a");
  request.headers.add("access-control-request-headers", "x-b");
  const Response response = site.answer(std::move(request));
  CHECK(value_of(response, "access-control-allow-headers") == "x-a, x-b");
}

TEST_CASE("What is asked for is not echoed where it is no token") {
  CorsOptions options = for_app();
  options.methods = {"*"};
  options.headers = {"*"};
  Site site(std::move(options));
  const Response response = site.answer(preflight(kApp, "a b", "x-a, <b>"));
  CHECK(allow_origin(response) == kApp);
  CHECK(value_of(response, "access-control-allow-methods") == "-");
  CHECK(value_of(response, "access-control-allow-headers") == "-");
}

TEST_CASE("OPTIONS is no preflight without Origin and the method that is asked for") {
  Site site(for_app());
  Request request(Method::options, "/");
  SECTION("no Origin") { request.headers.add("access-control-request-method", "GET"); }
  SECTION("no method") { request.headers.add("origin", kApp); }
  SECTION("neither") {}
  CHECK(site.answer(std::move(request)).status == Status::ok);
  CHECK(site.calls() == 1);
}

TEST_CASE("A request that asks for a method is no preflight unless it is OPTIONS") {
  Site site(for_app());
  Request request = preflight(kApp, "GET");
  request.method = Method::post;
  CHECK(site.answer(std::move(request)).status == Status::ok);
  CHECK(site.calls() == 1);
}

TEST_CASE("The response to an allowed origin names it, and may be read with credentials") {
  CorsOptions options = for_app();
  options.exposed_headers = {"x-total", "etag"};
  options.credentials = true;
  Site site(std::move(options));
  const std::string origin =
      GENERATE(as<std::string>{}, "https://app.example", "https://a.wild.example");
  const Response response = site.answer(from(origin));
  CHECK(allow_origin(response) == origin);
  CHECK(value_of(response, "access-control-allow-credentials") == "true");
  CHECK(value_of(response, "access-control-expose-headers") == "x-total, etag");
  CHECK(value_of(response, "vary") == "Origin");
  CHECK(cors_fields(response) == 3);

  const Response asked = site.answer(preflight(origin, "GET"));
  CHECK(value_of(asked, "access-control-allow-credentials") == "true");
}

TEST_CASE("A request of another origin runs, and its response cannot be read") {
  Site site(for_app());
  const Response response = site.answer(from("https://evil.example", Method::post));
  CHECK(response.status == Status::ok);
  CHECK(site.calls() == 1);
  CHECK(cors_fields(response) == 0);
  CHECK(value_of(response, "vary") == "Origin");
}

TEST_CASE("Two Origins are none that is allowed") {
  Site site(for_app());
  Request request = from(kApp);
  request.headers.add("origin", kApp);
  CHECK(cors_fields(site.answer(std::move(request))) == 0);
  Request asked = preflight(kApp, "GET");
  asked.headers.add("origin", kApp);
  CHECK(cors_fields(site.answer(std::move(asked))) == 0);
}

TEST_CASE("Failures and problems can be read like any response") {
  Site site(for_app());
  const Response failure =
      site.answer(from(kApp), Response::failure(Error(Errc::connect_failed, Origin::upstream)));
  CHECK(failure.status == Status::bad_gateway);
  CHECK(failure.wants_rendering());
  CHECK(allow_origin(failure) == kApp);
  CHECK(value_of(failure, "vary") == "Origin");
  const Response problem =
      site.answer(from(kApp), Response::problem(Status::too_many_requests, "Slow down."));
  CHECK(problem.wants_rendering());
  CHECK(allow_origin(problem) == kApp);
}

TEST_CASE("What a target says about CORS is replaced") {
  Site site(for_app());
  const auto of_target = [] {
    Response response;
    response.headers.add("Access-Control-Allow-Origin", "*");
    response.headers.add("Access-Control-Allow-Origin", "https://evil.example");
    response.headers.add("ACCESS-CONTROL-ALLOW-CREDENTIALS", "true");
    response.headers.add("Access-Control-Expose-Headers", "x-secret");
    response.headers.add("X-Own", "1");
    return response;
  };
  const Response allowed = site.answer(from(kApp), of_target());
  CHECK(allow_origin(allowed) == kApp);
  CHECK(value_of(allowed, "access-control-allow-credentials") == "-");
  CHECK(value_of(allowed, "access-control-expose-headers") == "-");
  CHECK(value_of(allowed, "x-own") == "1");
  const Response other = site.answer(from("https://evil.example"), of_target());
  CHECK(other.headers.size() == 2);  // X-Own and Vary.
}

TEST_CASE("Vary keeps what the target says") {
  Site site(for_app());
  Response response;
  response.headers.add("Vary", "Accept-Encoding, origin");
  CHECK(value_of(site.answer(from(kApp), std::move(response)), "vary") ==
        "Accept-Encoding, origin");
}

TEST_CASE("A response that a cache may hand to pages later varies by Origin") {
  Site site(for_app());
  Response response;
  response.headers.add("access-control-allow-origin", "*");
  const Response got = site.answer(Request(Method::get, "/"), std::move(response));
  CHECK(value_of(got, "vary") == "Origin");
  CHECK(cors_fields(got) == 0);
  CHECK(value_of(site.answer(Request(Method::head, "/")), "vary") == "Origin");
}

TEST_CASE("Other requests without an Origin are left alone") {
  Site site(for_app());
  CHECK(site.answer(Request(Method::post, "/")).headers.empty());
  CHECK(site.answer(Request(Method::options, "/")).headers.empty());
}

TEST_CASE("Everybody is allowed by a star, and nothing depends on the origin") {
  CorsOptions options;
  options.origins = {"*"};
  options.exposed_headers = {"*"};
  Site site(std::move(options));
  const Response response = site.answer(from("https://whoever.example"));
  CHECK(allow_origin(response) == "*");
  CHECK(value_of(response, "access-control-expose-headers") == "*");
  CHECK(value_of(response, "vary") == "-");
  CHECK(allow_origin(site.answer(from("null"))) == "*");
  CHECK(allow_origin(site.answer(Request(Method::get, "/"))) == "*");
  CHECK(allow_origin(site.answer(preflight("https://whoever.example", "GET"))) == "*");
}

TEST_CASE("A page without an origin is allowed only where null is listed") {
  CHECK(cors_fields(Site(for_app()).answer(from("null"))) == 0);
  CorsOptions options;
  options.origins = {"null"};
  CHECK(allow_origin(Site(std::move(options)).answer(from("null"))) == "null");
}

TEST_CASE("Private networks are opened on request and by option only") {
  CorsOptions options = for_app();
  options.private_network = GENERATE(false, true);
  const bool is_open = options.private_network;
  Site site(std::move(options));
  Request request = preflight(kApp, "GET");
  request.headers.add("access-control-request-private-network", "true");
  const Response response = site.answer(std::move(request));
  CHECK(value_of(response, "access-control-allow-private-network") == (is_open ? "true" : "-"));
  CHECK(value_of(response, "vary").ends_with("Private-Network") == is_open);
  CHECK(value_of(site.answer(preflight(kApp, "GET")), "access-control-allow-private-network") ==
        "-");
}

TEST_CASE("A max_age of zero is said, not left out") {
  CorsOptions options = for_app();
  options.max_age = 0s;
  CHECK(value_of(Site(std::move(options)).answer(preflight(kApp, "GET")),
                 "access-control-max-age") == "0");
}

TEST_CASE("A tunnel is none of its business") {
  Site site(for_app());
  const Response response = site.answer(from(kApp), Response::switching_to("websocket", Body()));
  CHECK(response.is_tunnel());
  CHECK(response.headers.empty());
}

TEST_CASE("The origin counts as it was asked with, whatever the layers behind do to the request") {
  VirtualExecutor executor;
  TestExchange exchange(executor, from(kApp));
  const ScriptedNext next([](Context& ctx) -> Task<Response> {
    ctx.request().headers.clear();
    ctx.request().headers.set("origin", "https://evil.example");
    return [](Status status) -> Task<Response> { co_return Response(status); }(Status::ok);
  });
  CHECK(allow_origin(exchange.run(*cors(for_app()), next)) == kApp);
}

TEST_CASE("On the root router preflights are answered for every path, taken or not") {
  const auto answer = [](Context&) -> Task<Response> {
    return [](Status status) -> Task<Response> { co_return Response(status); }(Status::ok);
  };
  Router router;
  router.use(cors(for_app()));
  router.get("/items", answer);
  const std::shared_ptr<const RouteSet> routes = RouteSet::compile(std::move(router));
  VirtualExecutor executor;
  const auto run = [&](Request request) {
    TestExchange exchange(executor, std::move(request));
    return exchange.run(Next(routes->match(exchange.context()))(exchange.context()));
  };
  for (const char* target : {"/items", "/nothing", "*"}) {
    Request request = preflight(kApp, "GET");
    request.target = target;
    const Response response = run(std::move(request));
    CHECK(response.status == Status::no_content);
    CHECK(allow_origin(response) == kApp);
  }
  Request post = from(kApp, Method::post);
  post.target = "/items";
  const Response refused = run(std::move(post));
  CHECK(refused.status == Status::method_not_allowed);
  CHECK(allow_origin(refused) == kApp);
}

TEST_CASE("In a group a preflight is answered where a route takes OPTIONS") {
  const auto answer = [](Context&) -> Task<Response> {
    return [](Status status) -> Task<Response> { co_return Response(status); }(Status::ok);
  };
  Router router;
  Router& api = router.group("/api");
  api.use(cors(for_app()));
  api.get("/get", answer);
  api.any("/any", answer);
  const std::shared_ptr<const RouteSet> routes = RouteSet::compile(std::move(router));
  VirtualExecutor executor;
  const auto run = [&](std::string_view target) {
    Request request = preflight(kApp, "GET");
    request.target = target;
    TestExchange exchange(executor, std::move(request));
    return exchange.run(Next(routes->match(exchange.context()))(exchange.context())).status;
  };
  CHECK(run("/api/any") == Status::no_content);
  CHECK(run("/api/get") == Status::method_not_allowed);
}

TEST_CASE("Mistakes in the options of cors are told at once") {
  CorsOptions options;
  options.origins = {"*", "app.example", "https://app.example/path", "https://app.example"};
  options.methods = {"GET", "G T", "*"};
  options.headers = {"x a"};
  options.exposed_headers = {"*"};
  options.credentials = true;
  options.private_network = true;
  options.max_age = -1s;
  // Two origins, "*" beside others, with credentials, with private_network; two methods, a header;
  // the exposed "*", max_age.
  CHECK(problems_of(std::move(options)).size() == 10);
  CHECK(problems_of({}).size() == 1);
  CHECK(problems_of(for_app()).empty());
}

TEST_CASE("Everybody with credentials is refused") {
  CorsOptions options;
  options.origins = {"*"};
  options.credentials = true;
  const std::vector<std::string> problems = problems_of(std::move(options));
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].find("credentials") != std::string::npos);
}
