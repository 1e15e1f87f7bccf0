// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/proxy.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/testing/fake_upstream.hpp"
#include "gatewaykit/testing/memory_network.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"
#include "routing/route_set.hpp"

using namespace gatewaykit;
using testing::FakeUpstream;
using testing::MemoryNetwork;
using testing::TestExchange;
using testing::VirtualExecutor;
using testing::WireMessage;

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;
using Lines = std::vector<std::string>;

constexpr std::string_view kEmptyAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

const Peer kPeer(IpAddress::v4({192, 0, 2, 1}), 49152);

/// A proxy in front of one target.
class Service {
 public:
  explicit Service(ProxyOptions options = {}, std::string_view answer = kEmptyAnswer)
      : target_(network_, "memory:users"),
        pool_(UpstreamOptions{.name = "users", .targets = {"memory:users"}}),
        handler_(proxy(pool_, std::move(options))) {
    target_.answer_all(std::string(answer));
  }

  /// What the target received.
  WireMessage forward(Request request, const Peer& peer = kPeer, bool is_trusted = false) {
    TestExchange exchange(executor_, std::move(request), {peer, peer, is_trusted});
    const Response response = exchange.run(handler_);
    REQUIRE(response.error() == nullptr);
    REQUIRE_FALSE(target_.requests().empty());
    return target_.requests().back();
  }
  WireMessage forward_target(std::string_view target) { return forward(get(target)); }
  /// From a trusted peer, with fields that it has set.
  WireMessage forward_trusted(const Fields& fields, const Peer& peer = kPeer) {
    Request request = get("/");
    for (const auto& [name, value] : fields) request.headers.add(name, value);
    return forward(std::move(request), peer, true);
  }

  static Request get(std::string_view target) {
    Request request(Method::get, target);
    request.scheme = "https";
    request.authority = "shop.example";
    return request;
  }

  const Handler& handler() const { return handler_; }
  VirtualExecutor& executor() { return executor_; }
  FakeUpstream& target() { return target_; }

 private:
  VirtualExecutor executor_;
  MemoryNetwork network_{executor_};
  FakeUpstream target_;
  UpstreamPool pool_;
  Handler handler_;
};

}  // namespace

TEST_CASE("A request reaches the target with who sent it, over what, and through whom") {
  Service service;
  const WireMessage got = service.forward_target("/users?x=1");
  CHECK(got.start_line() == "GET /users?x=1 HTTP/1.1");
  CHECK(got.fields("host") == Lines{"shop.example"});
  CHECK(got.fields("via") == Lines{"1.1 gatewaykit"});
  CHECK(got.fields("x-forwarded-for") == Lines{"192.0.2.1"});
  CHECK(got.fields("x-forwarded-proto") == Lines{"https"});
  CHECK(got.fields("x-forwarded-host") == Lines{"shop.example"});
  CHECK(got.fields("x-forwarded-prefix").empty());
  CHECK(got.fields("forwarded").empty());
}

TEST_CASE("Other fields pass in their order, with the case of their names") {
  Service service;
  Request request = Service::get("/");
  request.headers.add("X-One", "1");
  request.headers.add("Cookie", "a=b");
  request.headers.add("x-one", "2");
  const WireMessage got = service.forward(std::move(request));
  CHECK(got.fields("x-one") == Lines{"1", "2"});
  CHECK(got.head.find("X-One: 1\r\nCookie: a=b\r\nx-one: 2\r\n") != std::string::npos);
}

TEST_CASE("What an untrusted request says about its way is replaced") {
  Service service;
  Request request = Service::get("/");
  request.headers.add("x-forwarded-for", "10.0.0.1");
  request.headers.add("X-Forwarded-For", "10.0.0.2");
  request.headers.add("x-forwarded-proto", "http");
  request.headers.add("x-forwarded-host", "evil.example");
  const WireMessage got = service.forward(std::move(request));
  CHECK(got.fields("x-forwarded-for") == Lines{"192.0.2.1"});
  CHECK(got.fields("x-forwarded-proto") == Lines{"https"});
  CHECK(got.fields("x-forwarded-host") == Lines{"shop.example"});
}

TEST_CASE("What a trusted peer says about the way is kept, and the peer added to it") {
  Service service;
  const WireMessage got = service.forward_trusted({{"x-forwarded-for", "203.0.113.9"},
                                                   {"x-forwarded-for", "10.0.0.7"},
                                                   {"x-forwarded-proto", "http"},
                                                   {"x-forwarded-host", "outer.example"},
                                                   {"via", "1.1 cdn"}});
  CHECK(got.fields("x-forwarded-for") == Lines{"203.0.113.9, 10.0.0.7, 192.0.2.1"});
  CHECK(got.fields("x-forwarded-proto") == Lines{"http"});
  CHECK(got.fields("x-forwarded-host") == Lines{"outer.example"});
  CHECK(got.fields("via") == Lines{"1.1 cdn", "1.1 gatewaykit"});
}

TEST_CASE("A trusted peer that says nothing about the way is where it began") {
  Service service;
  const WireMessage got = service.forward_trusted({});
  CHECK(got.fields("x-forwarded-for") == Lines{"192.0.2.1"});
  CHECK(got.fields("x-forwarded-proto") == Lines{"https"});
}

TEST_CASE("Forwarded is gone on with where a trusted peer uses it") {
  Service service;
  const Peer v6(*IpAddress::parse("2001:db8::1"), 1);
  CHECK(service.forward_trusted({{"forwarded", "for=203.0.113.9"}}).fields("forwarded") ==
        Lines{"for=203.0.113.9", "for=192.0.2.1"});
  CHECK(service.forward_trusted({{"forwarded", "for=203.0.113.9"}}, v6).fields("forwarded") ==
        Lines{"for=203.0.113.9", "for=\"[2001:db8::1]\""});
  CHECK(service.forward_trusted({{"forwarded", "for=203.0.113.9"}}, Peer()).fields("forwarded") ==
        Lines{"for=203.0.113.9", "for=unknown"});
}

TEST_CASE("A peer without an address adds none") {
  Service service;
  CHECK(service.forward(Service::get("/"), Peer()).fields("x-forwarded-for").empty());
  CHECK(service.forward_trusted({{"x-forwarded-for", "203.0.113.9"}}, Peer())
            .fields("x-forwarded-for") == Lines{"203.0.113.9"});
}

TEST_CASE("A prefix is stripped on a segment boundary and told to the target") {
  Service service({.strip_prefix = "/api"});
  const auto [target, forwarded] = GENERATE(table<std::string, std::string>({
      {"/api/users", "/users"},
      {"/api/users/api/", "/users/api/"},
      {"/api", "/"},
      {"/api/", "/"},
      {"/api?x=/api", "/?x=/api"},
      {"/api/?x", "/?x"},
  }));
  const WireMessage got = service.forward_target(target);
  CHECK(got.target() == forwarded);
  CHECK(got.fields("x-forwarded-prefix") == Lines{"/api"});
}

TEST_CASE("What does not begin with the prefix is left alone") {
  Service service({.strip_prefix = "/api"});
  const std::string target = GENERATE(as<std::string>{}, "/apis", "/apis/users", "/", "/API/users",
                                      "/users/api", "/ap", "/?/api/");
  const WireMessage got = service.forward_target(target);
  CHECK(got.target() == target);
  CHECK(got.fields("x-forwarded-prefix").empty());
}

TEST_CASE("A prefix may be written with a slash at its end") {
  Service service({.strip_prefix = "/api/"});
  CHECK(service.forward_target("/api/users").target() == "/users");
  CHECK(service.forward_target("/apis").target() == "/apis");
}

TEST_CASE("The prefix that a trusted peer has stripped stands in front of ours") {
  Service service({.strip_prefix = "/api"});
  Request request = Service::get("/api/users");
  request.headers.add("x-forwarded-prefix", "/outer/");
  const WireMessage got = service.forward(std::move(request), kPeer, true);
  CHECK(got.fields("x-forwarded-prefix") == Lines{"/outer/api"});
}

TEST_CASE("The host that the target sees is the client's, the target's own or a fixed one") {
  const auto host = [](ProxyOptions options) {
    Service service(std::move(options));
    const WireMessage got = service.forward_target("/");
    CHECK(got.fields("x-forwarded-host") == Lines{"shop.example"});
    return got.fields("host");
  };
  CHECK(host({}) == Lines{"shop.example"});
  CHECK(host({.host = ProxyOptions::Host::target}) != Lines{"shop.example"});
  CHECK(host({.host_name = "internal.example:81"}) == Lines{"internal.example:81"});
}

TEST_CASE("OPTIONS with Max-Forwards is counted down, and answered here at zero") {
  Service service;
  const auto request = [](Method method, std::string_view hops) {
    Request made = Service::get("/");
    made.method = std::move(method);
    made.headers.set("max-forwards", hops);
    return made;
  };
  CHECK(service.forward(request(Method::options, "3")).fields("max-forwards") == Lines{"2"});
  CHECK(service.forward(request(Method::options, "x")).fields("max-forwards") == Lines{"x"});
  CHECK(service.forward(request(Method::get, "0")).fields("max-forwards") == Lines{"0"});

  const std::size_t seen = service.target().requests().size();
  TestExchange last(service.executor(), request(Method::options, "0"));
  CHECK(last.run(service.handler()).status == Status::no_content);
  TestExchange trace(service.executor(), request(Method::trace, "0"));
  CHECK(trace.run(service.handler()).status == Status::method_not_allowed);
  CHECK(service.target().requests().size() == seen);
}

TEST_CASE("The content goes to the target, the rest of the request stays for the layers around") {
  Service service({.strip_prefix = "/api"});
  Request request = Service::get("/api/users");
  request.method = Method::post;
  request.headers.set("origin", "https://app.example");
  request.body = Body(Chunk::copy_of("content"));
  TestExchange exchange(service.executor(), std::move(request));
  const Response response = exchange.run(service.handler());
  CHECK(response.status == Status::ok);
  CHECK(service.target().requests().back().body == "content");
  CHECK(exchange.request().method == Method::post);
  CHECK(exchange.request().target == "/api/users");
  CHECK(exchange.request().authority == "shop.example");
  CHECK(exchange.request().headers.get("origin") == "https://app.example");
  CHECK_FALSE(exchange.request().headers.contains("via"));
}

TEST_CASE("The response passes with Via behind that of the target's side") {
  Service service({.via = "edge-1"},
                  "HTTP/1.1 418 Teapot\r\nVia: 1.0 inner\r\nX-Own: 1\r\n"
                  "Content-Length: 5\r\n\r\nhello");
  TestExchange exchange(service.executor(), Service::get("/"));
  Response response = exchange.run(service.handler());
  CHECK(code(response.status) == 418);
  CHECK(response.headers.get("x-own") == "1");
  Lines via;
  for (const FieldLine line : response.headers) {
    if (line.field == Field::via) via.emplace_back(line.value);
  }
  CHECK(via == Lines{"1.0 inner", "1.1 edge-1"});
  const Result<std::string> content = exchange.run(response.body.collect(100));
  REQUIRE(content);
  CHECK(*content == "hello");
  CHECK(service.target().requests().back().fields("via") == Lines{"1.1 edge-1"});
}

TEST_CASE("Via tells the version that each side spoke") {
  Service service({}, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
  for (const auto& [version, told] : {std::pair(HttpVersion::http_1_0, "1.0 gatewaykit"),
                                      std::pair(HttpVersion::http_1_1, "1.1 gatewaykit"),
                                      std::pair(HttpVersion::http_2, "2.0 gatewaykit")}) {
    TestExchange exchange(service.executor(), Service::get("/"));
    exchange.context().set_version(version);
    const Response response = exchange.run(service.handler());
    CHECK(service.target().requests().back().fields("via") == Lines{told});
    CHECK(response.headers.get("via") == "1.0 gatewaykit");
  }
}

TEST_CASE("A target that cannot be reached is a failure of the upstream, told without its name") {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  const UpstreamPool pool(UpstreamOptions{.name = "users", .targets = {"memory:nobody"}});
  const Handler handler = proxy(pool);
  TestExchange exchange(executor, Service::get("/"));
  const Response response = exchange.run(handler);
  CHECK(response.status == Status::bad_gateway);
  REQUIRE(response.error() != nullptr);
  CHECK(response.error()->code == Errc::connect_failed);
  CHECK(response.error()->origin == Origin::upstream);
  CHECK(response.problem_detail().find("nobody") == std::string_view::npos);
  CHECK_FALSE(response.headers.contains("via"));
}

TEST_CASE("Mistakes in the options are told at once") {
  const UpstreamPool pool(UpstreamOptions{.name = "users", .targets = {"memory:users"}});
  const auto problems = [&pool](ProxyOptions options) {
    try {
      static_cast<void>(proxy(pool, std::move(options)));
    } catch (const ConfigError& error) {
      return error.problems().size();
    }
    return std::size_t{0};
  };
  CHECK(problems({.strip_prefix = "api", .host_name = "", .via = "a b"}) == 3);
  CHECK(problems({.strip_prefix = "/a\r\nb"}) == 1);
  CHECK(problems({.host_name = "a b"}) == 1);
  CHECK(problems({.strip_prefix = "/"}) == 0);
}

namespace {

/// The target that reaches the service behind a route that rewrites it; the status where none does.
std::string rewritten(std::string_view pattern, std::string rewrite, std::string_view target) {
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  FakeUpstream upstream(network, "memory:users");
  upstream.answer_all(std::string(kEmptyAnswer));
  const UpstreamPool pool(UpstreamOptions{.name = "users", .targets = {"memory:users"}});
  Router router;
  router.any(pattern, proxy(pool, {.rewrite = std::move(rewrite)}));
  const auto routes = RouteSet::compile(router);
  TestExchange exchange(executor, Service::get(target));
  const Response response =
      exchange.run(Next(routes->match(exchange.context()))(exchange.context()));
  if (upstream.requests().empty()) return std::to_string(code(response.status));
  CHECK(exchange.context().request().target == target);  // What layers around it see and log.
  return upstream.requests().back().target();
}

}  // namespace

TEST_CASE("A rewritten path is made of what the route captured; the query goes on behind it") {
  CHECK(rewritten("/users/{id}", "/v2/people/{id}", "/users/7?x=1&y=%20") ==
        "/v2/people/7?x=1&y=%20");
  CHECK(rewritten("/{a}/{b}", "/{b}/{a}", "/1/2") == "/2/1");
  CHECK(rewritten("/api/*", "/v2/*", "/api/a;v=1/b/?q") == "/v2/a;v=1/b/?q");
  CHECK(rewritten("/api/{*rest}", "/v2/{*rest}", "/api/") == "/v2/");
  CHECK(rewritten("/api/{*rest}", "/v2/{*rest}", "/api?q") == "/v2?q");
  CHECK(rewritten("/api/*", "/*", "/api") == "/");
  CHECK(rewritten("/*", "/added/*", "/a") == "/added/a");
  CHECK(rewritten("/old", "/new", "/old") == "/new");
}

TEST_CASE("Values reach the target as they were encoded, and stay in their segment") {
  for (const std::string value :
       {"a%2Fb", "a%3Fb", "a%23b", "a%25b", "a+b", "a%2Bb", "%C3%A9", "..."}) {
    CHECK(rewritten("/users/{id}", "/v2/{id}/x", "/users/" + value) == "/v2/" + value + "/x");
  }
  CHECK(rewritten("/users/{id}", "/v2/{id}/x", "/users/a;admin=1") == "/v2/a/x");
}

TEST_CASE(
    "A request made in-process, which nobody has normalised, is refused where it would escape") {
  for (const std::string value : {"..", ".", "%2e%2e", "%0D%0A", "a%", "a%5Cb", "%00"}) {
    CHECK(rewritten("/users/{id}", "/v2/{id}/x", "/users/" + value) == "400");
  }
  CHECK(rewritten("/api/*", "/v2/*", "/api/../../x") == "400");
  CHECK(rewritten("/users/{id}", "/v2/{id}", "/users/a#b") == "/v2/a%23b");
  CHECK(rewritten("/users/{id}", "/v2/{id}", "/users/a\r\nb") == "400");
  CHECK(rewritten("/users/{id}", "/v2/{id}", "/users/a b") == "/v2/a%20b");
}

TEST_CASE("A rewrite that could never work is told while wiring") {
  const UpstreamPool pool(UpstreamOptions{.name = "users", .targets = {"memory:users"}});
  for (const std::string path : {"v2", "/v2?x", "/{", "/a/../b", "/*/a"}) {
    CHECK_THROWS_AS(proxy(pool, {.rewrite = path}), ConfigError);
  }
  CHECK_THROWS_AS(proxy(pool, {.strip_prefix = "/a", .rewrite = "/b"}), ConfigError);
  Router router;
  router.get("/users/{name}", proxy(pool, {.rewrite = "/v2/{id}"}));
  CHECK_THROWS_AS(RouteSet::compile(router), ConfigError);
}
