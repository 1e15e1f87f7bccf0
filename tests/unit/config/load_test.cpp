// SPDX-License-Identifier: Apache-2.0
// config::load: what a text wires, and how each mistake in one is told.
#include "gatewaykit/config/load.hpp"

#include <string>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/server/gateway.hpp"
#include "gatewaykit/testing/fake_upstream.hpp"
#include "gatewaykit/testing/memory_network.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using namespace gatewaykit::config;
using namespace gatewaykit::testing;

namespace {

using Lines = std::vector<std::string>;

Lines problems_of(std::string_view text, const Catalog& catalog = {}) {
  Lines lines;
  for (const Problem& problem : load(text, catalog).problems) {
    lines.push_back(to_string(problem, "f"));
  }
  return lines;
}

config::Wiring wire(std::string_view text, const Catalog& catalog = {},
                    const Services& running = {}) {
  Loaded loaded = load(text, catalog, running);
  for (const Problem& problem : loaded.problems) UNSCOPED_INFO(to_string(problem, "f"));
  REQUIRE(loaded.wiring);
  return std::move(*loaded.wiring);
}

/// A whole text around some of its keys.
std::string with(std::string_view keys) {
  return R"({"listen": "127.0.0.1:0", "routes": [])" +
         (keys.empty() ? "" : ", " + std::string(keys)) + "}";
}
std::string with_service(std::string_view keys) {
  return with(R"("services": {"s": {"targets": ["memory:s"])" +
              (keys.empty() ? "" : ", " + std::string(keys)) + "}}");
}
std::string with_route(std::string_view route) {
  return R"({"listen": "127.0.0.1:0", "services": {"s": {"targets": ["memory:s"]}}, "routes": [)" +
         std::string(route) + "]}";
}

/// What a gateway by the text answers to `GET target`, with virtual time and targets in memory.
struct Served {
  explicit Served(std::string_view text, const Catalog& catalog = {})
      : gateway(wire(text, catalog).router) {}

  Response get(std::string_view target) {
    return executor.run(gateway.handle(Request(Method::get, target)));
  }
  std::string content(std::string_view target) {
    Response response = get(target);
    return *executor.run(response.body.collect(1 << 20));
  }

  VirtualExecutor executor;
  MemoryNetwork network{executor};
  Gateway gateway;
};

}  // namespace

// --- What is wired.

TEST_CASE("listeners have an address, or an address and options") {
  const config::Wiring wiring = wire(R"({"routes": [], "listen": [
    "127.0.0.1:8080",
    {"address": "[::1]:8443",
     "trustedProxies": ["10.0.0.0/8"], "clientField": "forwarded", "encodedSlash": "keep",
     "proxyProtocol": true,
     "limits": {"target": 100, "headerBytes": "64KiB", "headerFields": 50, "headerTimeout": "3s",
                "body": "10MiB", "bodyIdle": "4s", "bodyRate": "none", "idle": "1m",
                "sendIdle": "5s", "halfClose": "800ms"}}]})");
  REQUIRE(wiring.listeners.size() == 2);
  CHECK(wiring.listeners[0].address == "127.0.0.1:8080");
  CHECK(wiring.listeners[0].options.limits.target == ListenLimits().target);
  CHECK(wiring.listeners[1].address == "[::1]:8443");
  const ListenOptions& options = wiring.listeners[1].options;
  CHECK(options.trusted_proxies == Lines{"10.0.0.0/8"});
  CHECK(options.client_field == ClientField::forwarded);
  CHECK(options.encoded_slash == EncodedSlash::keep);
  CHECK(options.proxy_protocol);
  CHECK_FALSE(wiring.listeners[0].options.proxy_protocol);
  CHECK(options.limits.target == 100);
  CHECK(options.limits.header_bytes == 65536);
  CHECK(options.limits.header_fields == 50);
  CHECK(options.limits.header_timeout == 3s);
  CHECK(options.limits.body == 10u << 20);
  CHECK(options.limits.body_idle == 4s);
  CHECK_FALSE(options.limits.body_rate);
  CHECK(options.limits.idle == 60s);
  CHECK(options.limits.send_idle == 5s);
  CHECK(options.limits.half_close == 800ms);
}

TEST_CASE("options of the gateway") {
  const config::Wiring wiring =
      wire(with(R"("workers": 4, "drainTimeout": "30s", "maxConnections": 99, "idleWhenFull": "2s",
              "maxHandshakes": 7)"));
  CHECK(wiring.options.workers == 4);
  CHECK(wiring.options.drain_timeout == 30s);
  CHECK(wiring.options.max_connections == 99u);
  CHECK(wiring.options.idle_when_full == 2s);
  CHECK(wiring.options.max_handshakes == 7);
  CHECK_FALSE(wire(with(R"("maxConnections": "none")")).options.max_connections);
}

TEST_CASE("routes answer by themselves or through a service") {
  Served served(R"({"listen": "127.0.0.1:0",
    "services": {"users": {"targets": ["memory:users"], "host": "users.test"}},
    "routes": [
      {"path": "/hello", "respond": {"status": 201, "body": "hi", "contentType": "text/x"}},
      {"path": "/teapot", "respond": {"status": 418}},
      {"path": "/api/users/*", "methods": ["GET"], "service": "users", "stripPrefix": "/api"}]})");
  FakeUpstream users(served.network, "memory:users");
  users.answer_all("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nuser");
  Response hello = served.get("/hello");
  CHECK(hello.status == Status::created);
  CHECK(hello.headers.get("content-type") == "text/x");
  CHECK(*served.executor.run(hello.body.collect(10)) == "hi");
  CHECK(code(served.get("/teapot").status) == 418);
  CHECK(served.content("/api/users/7") == "user");
  CHECK(users.requests().back().target() == "/users/7");
  CHECK(users.requests().back().field("host") == "users.test");
  CHECK(served.get("/nowhere").status == Status::not_found);
}

TEST_CASE("routes have conditions on host and fields") {
  Served served(R"({"listen": "127.0.0.1:0", "routes": [
      {"path": "/x", "headers": {"x-beta": "1"}, "respond": {"body": "beta"}},
      {"path": "/x", "headers": {"x-any": {"exists": true}}, "respond": {"body": "any"}},
      {"path": "/x", "host": "a.test", "respond": {"body": "host"}},
      {"path": "/x", "respond": {"body": "plain"}}]})");
  const auto ask = [&](std::string_view host, std::string_view field, std::string_view value) {
    Request request(Method::get, "/x");
    request.authority = host;
    if (!field.empty()) request.headers.add(field, value);
    Response response = served.executor.run(served.gateway.handle(std::move(request)));
    return *served.executor.run(response.body.collect(100));
  };
  CHECK(ask("b.test", "", "") == "plain");
  CHECK(ask("a.test", "", "") == "host");
  CHECK(ask("b.test", "x-beta", "1") == "beta");
  CHECK(ask("b.test", "x-beta", "2") == "plain");
  CHECK(ask("b.test", "x-any", "2") == "any");
}

TEST_CASE("middlewares lie around all routes, or around one") {
  Catalog catalog;
  catalog.add("mark", [](Reader& options) {
    std::string text = "root";
    options.read("text", text);
    return after([text](Context&, Response& response) { response.headers.add("x-mark", text); });
  });
  Served served(R"({"listen": "127.0.0.1:0", "middleware": ["mark"], "routes": [
      {"path": "/a", "middleware": [{"mark": {"text": "one"}}], "respond": {}},
      {"path": "/b", "respond": {}}]})",
                catalog);
  const Response a = served.get("/a");
  CHECK(a.headers.count("x-mark") == 2);
  CHECK(a.headers.get("x-mark") == "one");
  CHECK(served.get("/b").headers.count("x-mark") == 1);
  CHECK(served.get("/none").headers.count("x-mark") == 1);
}

TEST_CASE("the library's middlewares are there by name") {
  Served served(R"({"listen": "127.0.0.1:0",
    "middleware": [
      {"headers": {"request": {"set": {"x-route": "{route}"}, "remove": ["x-secret"]},
                   "response": {"append": {"x-mark": "one"}}}}],
    "services": {"s": {"targets": ["memory:s"]}},
    "routes": [
      {"path": "/old/*", "redirect": "/new{target}"},
      {"path": "/moved", "redirect": {"location": "https://b.test/", "status": 302}},
      {"path": "/static", "respond": {"body": "x", "headers": {"x-a": "1"}}},
      {"path": "/short", "respond": "hi"},
      {"path": "/slow", "service": "s", "timeout": "1s"},
      {"path": "/limited", "service": "s",
       "middleware": [{"bodyLimit": {"bytes": "1KiB"}}, {"timeout": {"after": "5s"}}]},
      {"path": "/closed", "middleware": [{"ipFilter": {"allow": ["10.0.0.0/8"]}}],
       "respond": {}}]})");
  FakeUpstream target(served.network, "memory:s");
  CHECK(served.get("/old/a?b=c").headers.get("location") == "/new/old/a?b=c");
  CHECK(served.get("/moved").status == Status::found);
  const Response fixed = served.get("/static");
  CHECK(fixed.headers.get("x-a") == "1");
  CHECK(fixed.headers.get("x-mark") == "one");
  CHECK(served.content("/short") == "hi");
  const TimePoint begun = served.executor.now();
  CHECK(served.get("/slow").status == Status::gateway_timeout);
  CHECK(served.executor.now() - begun < 2s);
  Request large(Method::post, "/limited");
  large.body = Body(Chunk::copy_of(std::string(1025, 'x')));
  CHECK(served.executor.run(served.gateway.handle(std::move(large))).status ==
        Status::content_too_large);
  CHECK(served.get("/closed").status == Status::forbidden);
}

TEST_CASE("cors and compression by name") {
  Served served(R"({"listen": "127.0.0.1:0",
    "middleware": [
      {"cors": {"origins": ["https://app.example"], "methods": ["PUT"], "headers": ["x-a"],
                "exposedHeaders": ["x-b"], "credentials": true, "maxAge": "10m",
                "privateNetwork": true}},
      {"compression": {"codings": ["gzip"], "types": ["text/*"], "minSize": 10, "gzipLevel": 9,
                       "brotliLevel": 11, "zstdLevel": 19, "memory": "8MiB"}}],
    "routes": [{"path": "/", "respond": "a text that is long enough, long enough, long enough"}]})");
  Request request(Method::get, "/");
  request.headers.add("origin", "https://app.example");
  request.headers.add("accept-encoding", "gzip, br");
  const Response answer = served.executor.run(served.gateway.handle(std::move(request)));
  CHECK(answer.headers.get("access-control-allow-origin") == "https://app.example");
  CHECK(answer.headers.get("access-control-allow-credentials") == "true");
  CHECK(answer.headers.get("content-encoding") == "gzip");
  Request preflight(Method::options, "/anywhere");
  preflight.headers.add("origin", "https://app.example");
  preflight.headers.add("access-control-request-method", "PUT");
  const Response allowed = served.executor.run(served.gateway.handle(std::move(preflight)));
  CHECK(allowed.status == Status::no_content);
  CHECK(allowed.headers.get("access-control-max-age") == "600");
}

TEST_CASE("a service says whether its targets speak HTTP/2") {
  for (const char* const use : {"auto", "always", "never"}) {
    const std::string keys = R"("http2": ")" + std::string(use) + R"(", "http2Streams": 10)";
    CHECK(problems_of(with_service(keys)).empty());
  }
  CHECK(problems_of(with_service(R"("http2": "sometimes")")).size() == 1);
  CHECK(problems_of(with_service(R"("http2Streams": 0)")).size() == 1);
}

TEST_CASE("a service of the same definition keeps its pool, another one gets a new one") {
  const std::string text = with_service(R"("keepAlive": "7s")");
  const config::Wiring first = wire(text);
  const auto pool_of = [](const config::Wiring& wiring) {
    return &wiring.services.at("s").pool.name();
  };
  CHECK(pool_of(wire(text + "\n", {}, first.services)) == pool_of(first));
  CHECK(pool_of(wire(with_service(R"( "keepAlive":"7s" )"), {}, first.services)) == pool_of(first));
  CHECK(pool_of(wire(with_service(R"("keepAlive": "8s")"), {}, first.services)) != pool_of(first));
  CHECK(pool_of(wire(text)) != pool_of(first));
}

// --- Mistakes.

TEST_CASE("a text needs listeners and routes") {
  CHECK(problems_of("{}") ==
        Lines{"f:1:1: needs \"listen\": where to serve", "f:1:1: needs \"routes\""});
  CHECK(problems_of("[]") == Lines{"f:1:1: must be an object"});
  CHECK(problems_of(with("")).empty());
}

TEST_CASE("all mistakes of a text are told at once, each at its place") {
  CHECK(
      problems_of(R"({
  "listen": ["127.0.0.1:0", {"address": "nowhere", "limit": 3}],
  "workers": 2000,
  "services": {
    "users": {"targets": ["http://127.0.0.1:9000"], "balanse": "roundRobin"},
    "other": {}
  },
  "middleware": ["requestID", {"accessLog": {"file": 3}}],
  "routes": [
    {"path": "/a", "service": "usres"},
    {"path": "/b", "methods": ["GET", "G ET"], "respond": {"status": 900}},
    {"path": "/c", "respond": {}, "service": "users"},
    {"path": "d", "respond": {}}
  ]
})") ==
      Lines{
          R"(f:2:41: /listen/1/address: cannot listen on 'nowhere': expected ADDRESS:PORT or unix:PATH)",
          R"(f:2:52: /listen/1/limit: is no key that is known here (did you mean "limits"?))",
          R"(f:3:14: /workers: must be a whole number from 0 to 1024)",
          R"(f:5:53: /services/users/balanse: is no key that is known here )"
          R"((did you mean "balance"?))",
          R"(f:6:14: /services/other: Upstream pool "other": it has no target.)",
          R"(f:8:18: /middleware/0: there is no middleware "requestID" )"
          R"((did you mean "requestId"?))",
          R"(f:8:54: /middleware/1/accessLog/file: must be a string, not a number)",
          R"(f:10:31: /routes/0/service: there is no service "usres" (did you mean "users"?))",
          R"(f:11:31: /routes/1/methods: "G ET" is no method)",
          R"(f:11:70: /routes/1/respond/status: must be a whole number from 100 to 599)",
          R"(f:12:5: /routes/2: has more than one of "service", "respond" and "redirect")",
          R"(f:13:5: /routes/3: route d: a pattern must begin with '/')"});
}

TEST_CASE("what is meant is suggested only where some of it was written") {
  CHECK(problems_of(with_route(R"({"path": "/a", "service": "x"})")) ==
        Lines{R"(f:1:110: /routes/0/service: there is no service "x")"});
  CHECK(problems_of(with_route(R"({"path": "/a", "methods": ["get", "MOVE"], "respond": ""})")) ==
        Lines{R"(f:1:110: /routes/0/methods: "get" is no method (did you mean "GET"?))"});
  CHECK(problems_of(with_route(R"({"path": "/a"})")) ==
        Lines{R"(f:1:84: /routes/0: needs one of "service", "respond" and "redirect")"});
}

TEST_CASE("a part of a certificate that is missing is told once") {
  CHECK(problems_of(R"({"listen": {"address": "127.0.0.1:0", "tls": {"certificate": "c.pem"}},
                        "routes": []})") ==
        Lines{R"(f:1:46: /listen/tls: needs a "privateKey": a PEM file)"});
}

TEST_CASE("what this version cannot do is refused, not ignored") {
  const std::string key = GENERATE("auth", "rateLimit", "admin", "cache", "x");
  CHECK(problems_of(with("\"" + key + "\": {}")).size() == 1);
  CHECK(problems_of(with_service("\"" + key + "\": {}")).size() == 1);
  CHECK(problems_of(with_route(R"({"path": "/", "service": "s", ")" + key + R"(": {}})")).size() ==
        1);
}

TEST_CASE("routes that exclude each other are told at the later one") {
  CHECK(problems_of(with_route("{\"path\": \"/x\", \"respond\": {}},\n"
                               "{\"path\": \"/x\", \"service\": \"s\"}")) ==
        Lines{"f:2:1: /routes/1: route /x: equal to route /x (any method); only one of them could "
              "ever be taken"});
}

TEST_CASE("values of the wrong kind") {
  CHECK(problems_of(with(R"("workers": "4")")).size() == 1);
  CHECK(problems_of(with(R"("workers": 1.5)")).size() == 1);
  CHECK(problems_of(with(R"("workers": -1)")).size() == 1);
  CHECK(problems_of(with(R"("drainTimeout": 10)")).size() == 1);
  CHECK(problems_of(with(R"("drainTimeout": "10")")).size() == 1);
  CHECK(problems_of(with(R"("drainTimeout": "10 s")")).size() == 1);
  CHECK(problems_of(with(R"("drainTimeout": "-1s")")).size() == 1);
  CHECK(problems_of(with(R"("drainTimeout": "99999999999d")")).size() == 1);
  CHECK(problems_of(with(R"("maxConnections": "all")")).size() == 1);
  CHECK(problems_of(with(R"("maxConnections": 0)")).size() == 1);
  CHECK(problems_of(with(R"("services": [])")).size() == 1);
  CHECK(problems_of(with(R"("services": {"s": []})")).size() == 1);
  CHECK(problems_of(with(R"("middleware": {})")).size() == 1);
  CHECK(problems_of(with(R"("middleware": [{"requestId": {}, "accessLog": {}}])")).size() == 1);
  CHECK(problems_of(with(R"("middleware": [{"requestId": 1}])")).size() == 1);
  CHECK(problems_of(with_service(R"("balance": "best")")).size() == 1);
  CHECK(problems_of(with_service(R"("retries": {"budget": 2})")).size() == 1);
  CHECK(problems_of(with_service(R"("timeout": "1s", "timeouts": {"total": "1s"})")).size() == 1);
  CHECK(problems_of(with_route("3")).size() == 1);
  CHECK(problems_of(with_route(R"({"respond": {}})")).size() == 1);
  CHECK(problems_of(with_route(R"({"path": "/"})")).size() == 1);
  CHECK(problems_of(with_route(R"({"path": "/", "respond": {}, "headers": {"x": 1}})")).size() ==
        1);
}

TEST_CASE("the library's middlewares tell what is wrong with their options") {
  const auto problems = [](std::string_view middleware) {
    return problems_of(with(R"("middleware": [{)" + std::string(middleware) + "}]")).size();
  };
  CHECK(problems(R"("requestId": {"field": "x y"})") == 1);
  CHECK(problems(R"("accessLog": {"file": "/nowhere/x"})") == 1);
  CHECK(problems(R"("bodyLimit": {"bytes": "1 MB"})") == 1);
  CHECK(problems(R"("timeout": {})") == 1);
  CHECK(problems(R"("timeout": {"after": 3})") == 1);
  CHECK(problems(R"("headers": {"request": {"set": {"host": "x", "a": "{nothing}"}}})") == 2);
  CHECK(problems(R"("cors": {"origins": ["*"], "credentials": true})") == 1);
  CHECK(problems(R"("compression": {"codings": ["lzma"], "gzipLevel": 10})") == 2);
  CHECK(problems(R"("ipFilter": {"allow": ["x", "10.0.0.0/33"]})") == 2);
  CHECK(problems(R"("ipFilter": {})") == 1);
  CHECK(problems(R"("ipFilter": {"of": "me", "deny": ["::1"]})") == 1);
  CHECK(problems_of(with_route(R"({"path": "/", "redirect": "{x}"})")).size() == 1);
  CHECK(problems_of(with_route(R"({"path": "/", "redirect": {"location": "/", "status": 200}})"))
            .size() == 1);
  CHECK(
      problems_of(with_route(R"({"path": "/", "respond": {"status": 204, "body": "x"}})")).size() ==
      1);
}

TEST_CASE("a host's middleware reports its mistakes like the library's own") {
  Catalog catalog;
  catalog.add("guard", [](Reader& options) -> MiddlewarePtr {
    std::string realm;
    if (!options.read("realm", realm)) options.problem("", "needs a \"realm\"");
    if (realm == "bad") throw ConfigError({"the realm is bad", "very bad"});
    return before([](Context&) -> std::optional<Response> { return std::nullopt; });
  });
  CHECK(problems_of(with(R"("middleware": [{"guard": {"realm": "x"}}])"), catalog).empty());
  CHECK(problems_of(with(R"("middleware": ["guard"])"), catalog).size() == 1);
  CHECK(problems_of(with(R"("middleware": [{"guard": {"realm": "bad"}}])"), catalog).size() == 2);
  CHECK(problems_of(with(R"("middleware": [{"guard": {"realm": "x", "relm": 1}}])"), catalog) ==
        Lines{"f:1:81: /middleware/0/guard/relm: is no key that is known here (did you mean "
              "\"realm\"?)"});
  CHECK_THROWS_AS(catalog.add("guard", nullptr), ConfigError);
  CHECK_THROWS_AS(catalog.add("requestId", nullptr), ConfigError);
}

TEST_CASE("A parameter that a rewrite needs and the path lacks is told at its route") {
  CHECK(
      problems_of(with_route(R"({"path": "/a", "service": "s"},
{"path": "/users/{name}", "service": "s", "rewrite": "/v2/{id}"})")) ==
      Lines{"f:2:1: /routes/1: route /users/{name}: proxy to s needs {id}, which the pattern does "
            "not capture"});
}

TEST_CASE("Layers in an order that cannot work are told") {
  CHECK(problems_of(R"({"listen": "127.0.0.1:0", "routes": [{"path": "/", "respond": "x"}],
      "middleware": [{"headers": {"request": {"set": {"x-copy": "{id}"}}}}, "requestId"]})") ==
        Lines{"f:1:38: /routes/0: route /: header_rules needs gatewaykit::RequestId, which "
              "request_id provides, but not before it"});
}
