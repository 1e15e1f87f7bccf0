// SPDX-License-Identifier: Apache-2.0
#include "routing/route_table.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "allocation_count.hpp"
#include "catch.hpp"

using namespace gatewaykit;
using namespace gatewaykit::routing;

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// A table that is expected to build, asked in one line of text.
class Routes {
 public:
  explicit Routes(std::vector<Match> matches) : matches_(std::move(matches)) {
    RouteTable::Built built = RouteTable::build(matches_);
    for (const RouteProblem& problem : built.problems) UNSCOPED_INFO(problem.text);
    REQUIRE(built.table);
    table_ = std::move(*built.table);
  }

  const RouteTable& table() const { return table_; }

  /// What becomes of a request: "PATTERN name=value ...", "404" or "405 METHODS".
  std::string ask(std::string_view method, std::string_view path, std::string_view authority = {},
                  const Fields& fields = {}) const {
    const RouteMatch match = find(method, path, authority, fields);
    if (match.outcome == RouteMatch::Outcome::not_found) return "404";
    if (match.outcome == RouteMatch::Outcome::method_not_allowed) {
      return "405 " + table_.allow(match.allowed);
    }
    std::array<std::string_view, kMaxCaptures> names;
    REQUIRE(table_.capture_names(match.route, names) == match.captures.size());
    std::string answer(table_.pattern(match.route));
    for (std::size_t i = 0; i < match.captures.size(); ++i) {
      answer += " " + std::string(names[i]) + "=" + std::string(match.captures[i].in(path));
    }
    return answer;
  }
  std::string get(std::string_view path) const { return ask("GET", path); }

  /// The index of the route that takes a request; -1 where none does.
  int route(std::string_view method, std::string_view path, std::string_view authority = {},
            const Fields& fields = {}) const {
    const RouteMatch match = find(method, path, authority, fields);
    return match.outcome == RouteMatch::Outcome::found ? static_cast<int>(match.route) : -1;
  }

 private:
  RouteMatch find(std::string_view method, std::string_view path, std::string_view authority,
                  const Fields& fields) const {
    Headers headers;
    for (const auto& [name, value] : fields) headers.add(name, value);
    const Method parsed = Method::from_token(method).value();
    return table_.match({parsed, path, authority, headers});
  }

  std::vector<Match> matches_;
  RouteTable table_;
};

Match on(std::string pattern) { return {.pattern = std::move(pattern)}; }

std::vector<Match> patterns(std::vector<std::string> texts) {
  std::vector<Match> matches;
  for (std::string& text : texts) matches.push_back(on(std::move(text)));
  return matches;
}

std::vector<std::string> problems_of(const std::vector<Match>& matches) {
  const RouteTable::Built built = RouteTable::build(matches);
  CHECK(built.table.has_value() == built.problems.empty());
  std::vector<std::string> texts;
  for (const RouteProblem& problem : built.problems) texts.push_back(problem.text);
  return texts;
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string repeated;
  for (std::size_t i = 0; i < times; ++i) repeated += text;
  return repeated;
}

const Method kPurge = Method::from_token("PURGE").value();

}  // namespace

TEST_CASE("A table without routes matches nothing") {
  const Routes routes({});
  CHECK(routes.get("/") == "404");
  CHECK(routes.get("/a/b") == "404");
}

TEST_CASE("A literal matches itself, case and trailing slash included") {
  const Routes routes(patterns({"/", "/users", "/users/list", "/files/"}));
  CHECK(routes.get("/") == "/");
  CHECK(routes.get("/users") == "/users");
  CHECK(routes.get("/users/list") == "/users/list");
  CHECK(routes.get("/Users") == "404");
  CHECK(routes.get("/users/") == "404");
  CHECK(routes.get("/user") == "404");
  CHECK(routes.get("/userss") == "404");
  CHECK(routes.get("/users/list/x") == "404");
  CHECK(routes.get("/files/") == "/files/");
  CHECK(routes.get("/files") == "404");
}

TEST_CASE("What is no path matches nothing") {
  const Routes routes(patterns({"/*"}));
  CHECK(routes.ask("OPTIONS", "*") == "404");
  CHECK(routes.get("") == "404");
  CHECK(routes.get("a") == "404");
}

TEST_CASE("A parameter takes one segment that is not empty") {
  const Routes routes(patterns({"/users/{id}", "/users/{id}/orders/{order}"}));
  CHECK(routes.get("/users/7") == "/users/{id} id=7");
  CHECK(routes.get("/users/a%20b") == "/users/{id} id=a%20b");
  CHECK(routes.get("/users/7/orders/42") == "/users/{id}/orders/{order} id=7 order=42");
  CHECK(routes.get("/users/") == "404");
  CHECK(routes.get("/users/7/") == "404");
  CHECK(routes.get("/users/7/orders") == "404");
}

TEST_CASE("A wildcard takes the rest, and the place where the rest would begin") {
  const Routes routes(patterns({"/api/users/*", "/files/{*path}"}));
  CHECK(routes.get("/api/users/7/cart") == "/api/users/* *=7/cart");
  CHECK(routes.get("/api/users/7/") == "/api/users/* *=7/");
  CHECK(routes.get("/api/users/") == "/api/users/* *=");
  CHECK(routes.get("/api/users") == "/api/users/* *=");
  CHECK(routes.get("/api/usersX") == "404");
  CHECK(routes.get("/api") == "404");
  CHECK(routes.get("/files/a/b.txt") == "/files/{*path} path=a/b.txt");
}

TEST_CASE("A wildcard at the root takes everything") {
  const Routes routes(patterns({"/*"}));
  CHECK(routes.get("/") == "/* *=");
  CHECK(routes.get("/a") == "/* *=a");
  CHECK(routes.get("/" + repeat("a/", 3000)) == "/* *=" + repeat("a/", 3000));
}

TEST_CASE("A literal wins over a parameter, a parameter over a wildcard, in any order of wiring") {
  std::vector<std::string> texts = {"/*",       "/{a}",      "/users",      "/users/*",
                                    "/{a}/{b}", "/users/me", "/users/{id}", "/users/{id}/*"};
  std::sort(texts.begin(), texts.end());
  // Every eighth of the 40,320 orders.
  int turn = 0;
  do {
    if (turn++ % 96 != 0) continue;
    const Routes routes(patterns(texts));
    CHECK(routes.get("/users") == "/users");
    CHECK(routes.get("/other") == "/{a} a=other");
    CHECK(routes.get("/users/me") == "/users/me");
    CHECK(routes.get("/users/7") == "/users/{id} id=7");
    CHECK(routes.get("/users/7/x") == "/users/{id}/* id=7 *=x");
    CHECK(routes.get("/users/") == "/users/* *=");
    CHECK(routes.get("/other/7") == "/{a}/{b} a=other b=7");
    CHECK(routes.get("/other/7/x") == "/* *=other/7/x");
  } while (std::next_permutation(texts.begin(), texts.end()));
}

TEST_CASE("Where the narrow way ends nowhere, the wider one is tried") {
  const Routes routes(patterns({"/a/b/c", "/a/{x}/d", "/{x}/b/{y}/e", "/{x}/{*rest}"}));
  CHECK(routes.get("/a/b/c") == "/a/b/c");
  CHECK(routes.get("/a/b/d") == "/a/{x}/d x=b");
  CHECK(routes.get("/a/b/z/e") == "/{x}/b/{y}/e x=a y=z");
  CHECK(routes.get("/a/b/z") == "/{x}/{*rest} x=a rest=b/z");
}

TEST_CASE("The exact end wins over the wildcard that begins there") {
  const Routes routes(patterns({"/a/*", "/a"}));
  CHECK(routes.get("/a") == "/a");
  CHECK(routes.get("/a/") == "/a/* *=");
}

TEST_CASE("Path parameters after ';' are ignored in matching") {
  const Routes routes(patterns({"/users/{id}/cart", "/files/*"}));
  CHECK(routes.get("/users;a=1/7;v=2/cart;x") == "/users/{id}/cart id=7");
  CHECK(routes.get("/users/;v=2/cart") == "404");
  CHECK(routes.get("/files;x/a;b/c") == "/files/* *=a;b/c");
  CHECK(routes.get("/files/;b") == "/files/* *=;b");
  CHECK(routes.get("/;/files/a") == "404");
}

TEST_CASE("Parameters at one place may have different names") {
  const Routes routes(patterns({"/users/{id}/a", "/users/{name}/b"}));
  CHECK(routes.get("/users/7/a") == "/users/{id}/a id=7");
  CHECK(routes.get("/users/7/b") == "/users/{name}/b name=7");
}

TEST_CASE("A route takes the methods that it names, or any") {
  const Routes routes({{.pattern = "/a", .methods = {Method::post, Method::put}},
                       {.pattern = "/b", .methods = {kPurge}},
                       on("/c")});
  CHECK(routes.ask("POST", "/a") == "/a");
  CHECK(routes.ask("PUT", "/a") == "/a");
  CHECK(routes.ask("PURGE", "/b") == "/b");
  CHECK(routes.ask("PURGE", "/c") == "/c");
  CHECK(routes.ask("BREW", "/c") == "/c");
}

TEST_CASE("A path that matches but for the method is answered 405 with what would do") {
  const Routes routes({{.pattern = "/a", .methods = {Method::post}},
                       {.pattern = "/a", .methods = {kPurge, Method::get}},
                       {.pattern = "/{x}", .methods = {Method::del}}});
  CHECK(routes.ask("PATCH", "/a") == "405 GET, HEAD, POST, DELETE, PURGE");
  CHECK(routes.ask("BREW", "/a") == "405 GET, HEAD, POST, DELETE, PURGE");
  CHECK(routes.ask("GET", "/z") == "405 DELETE");
  CHECK(routes.ask("PATCH", "/a/b") == "404");
}

TEST_CASE("A route that refuses the method lets a wider one have the request") {
  const Routes routes({{.pattern = "/users/me", .methods = {Method::get}},
                       {.pattern = "/users/{id}", .methods = {Method::put}},
                       {.pattern = "/users/*", .methods = {Method::del}}});
  CHECK(routes.ask("GET", "/users/me") == "/users/me");
  CHECK(routes.ask("PUT", "/users/me") == "/users/{id} id=me");
  CHECK(routes.ask("DELETE", "/users/me") == "/users/* *=me");
}

TEST_CASE("GET takes HEAD, unless an equal route names HEAD") {
  const Routes routes({{.pattern = "/a", .methods = {Method::get}},
                       {.pattern = "/a", .methods = {Method::head}},
                       {.pattern = "/b/{x}", .methods = {Method::get}},
                       {.pattern = "/b/*", .methods = {Method::head}}});
  CHECK(routes.route("HEAD", "/a") == 1);
  CHECK(routes.route("GET", "/a") == 0);
  CHECK(routes.ask("HEAD", "/b/1") == "/b/{x} x=1");
}

TEST_CASE("An exact host wins over a suffix, a longer suffix over a shorter, each over any host") {
  const Routes routes({{.pattern = "/"},
                       {.pattern = "/", .host = "*.example.com"},
                       {.pattern = "/", .host = "*.eu.example.com"},
                       {.pattern = "/", .host = "shop.eu.example.com"}});
  CHECK(routes.route("GET", "/", "shop.eu.example.com") == 3);
  CHECK(routes.route("GET", "/", "cart.eu.example.com") == 2);
  CHECK(routes.route("GET", "/", "a.b.eu.example.com") == 2);
  CHECK(routes.route("GET", "/", "eu.example.com") == 1);
  CHECK(routes.route("GET", "/", "example.com") == 0);
  CHECK(routes.route("GET", "/", "notexample.com") == 0);
  CHECK(routes.route("GET", "/", ".example.com") == 0);
  CHECK(routes.route("GET", "/", "") == 0);
}

TEST_CASE("A host is compared without case, final dot and, unless a pattern names one, port") {
  const Routes routes({{.pattern = "/", .host = "Shop.Example"},
                       {.pattern = "/", .host = "shop.example:8443"},
                       {.pattern = "/", .host = "*.example:8443"},
                       {.pattern = "/", .host = "[2001:DB8::1]"},
                       {.pattern = "/", .host = "[::1]:81"},
                       {.pattern = "/", .host = "192.0.2.1"}});
  CHECK(routes.route("GET", "/", "SHOP.example") == 0);
  CHECK(routes.route("GET", "/", "shop.example.") == 0);
  CHECK(routes.route("GET", "/", "shop.example:80") == 0);
  CHECK(routes.route("GET", "/", "shop.example:8443") == 1);
  CHECK(routes.route("GET", "/", "shop.example.:8443") == 1);
  CHECK(routes.route("GET", "/", "cart.example:8443") == 2);
  CHECK(routes.route("GET", "/", "cart.example") == -1);
  CHECK(routes.route("GET", "/", "[2001:db8::1]") == 3);
  CHECK(routes.route("GET", "/", "[2001:db8::1]:8080") == 3);
  CHECK(routes.route("GET", "/", "[::1]:81") == 4);
  CHECK(routes.route("GET", "/", "[::1]") == -1);
  CHECK(routes.route("GET", "/", "192.0.2.1:9") == 5);
}

TEST_CASE("A host too long to be one matches no host pattern and costs nothing special") {
  const Routes routes({{.pattern = "/", .host = "*.example"}, {.pattern = "/x"}});
  CHECK(routes.route("GET", "/", repeat("a.", 122) + "example") == 0);
  CHECK(routes.route("GET", "/", repeat("a.", 124) + "example") == -1);
  CHECK(routes.route("GET", "/x", std::string(70000, '.')) == 1);
  CHECK(routes.route("GET", "/", std::string(253, '.')) == -1);
}

TEST_CASE(
    "The path decides before the host, and a wider path serves a host that a narrower lacks") {
  const Routes routes({{.pattern = "/a/*", .host = "shop.example"},
                       {.pattern = "/a/b"},
                       {.pattern = "/a/c", .host = "other.example"}});
  CHECK(routes.route("GET", "/a/b", "shop.example") == 1);
  CHECK(routes.route("GET", "/a/c", "shop.example") == 0);
  CHECK(routes.route("GET", "/a/c", "third.example") == -1);
}

TEST_CASE("Many hosts on one path are all found") {
  std::vector<Match> matches;
  for (int i = 0; i < 1000; ++i) {
    matches.push_back({.pattern = "/*", .host = "t" + std::to_string(i) + ".example"});
    matches.push_back({.pattern = "/*", .host = "*.t" + std::to_string(i) + ".example"});
  }
  matches.push_back({.pattern = "/*"});
  const Routes routes(std::move(matches));
  for (int i = 0; i < 1000; ++i) {
    const std::string host = "t" + std::to_string(i) + ".example";
    REQUIRE(routes.route("GET", "/x", host) == 2 * i);
    REQUIRE(routes.route("GET", "/x", "www." + host) == 2 * i + 1);
  }
  CHECK(routes.route("GET", "/x", "t1000.example") == 2000);
}

TEST_CASE("Conditions on header fields: a whole value, or any") {
  const Routes routes(
      {{.pattern = "/", .headers = {FieldCondition::equals("X-Version", "2")}},
       {.pattern = "/e", .headers = {FieldCondition::exists("X-Beta")}},
       {.pattern = "/k", .headers = {FieldCondition::equals("Accept", "text/html")}}});
  CHECK(routes.route("GET", "/", {}, {{"x-version", "2"}}) == 0);
  CHECK(routes.route("GET", "/", {}, {{"X-VERSION", "2"}}) == 0);
  CHECK(routes.route("GET", "/", {}, {{"x-version", "1"}, {"x-version", "2"}}) == 0);
  CHECK(routes.route("GET", "/", {}, {{"x-version", "22"}}) == -1);
  CHECK(routes.route("GET", "/", {}, {{"x-versio", "2"}}) == -1);
  CHECK(routes.route("GET", "/") == -1);
  CHECK(routes.route("GET", "/e", {}, {{"x-beta", ""}}) == 1);
  CHECK(routes.route("GET", "/e", {}, {{"x-alpha", "1"}}) == -1);
  CHECK(routes.route("GET", "/k", {}, {{"Accept", "text/html"}}) == 2);
  CHECK(routes.route("GET", "/k", {}, {{"Accept", "Text/html"}}) == -1);
}

TEST_CASE("More conditions win over fewer, a value over mere presence, then the first wired") {
  const auto version = FieldCondition::equals("x-version", "2");
  const auto versioned = FieldCondition::exists("x-version");
  const auto beta = FieldCondition::exists("x-beta");
  const Routes routes({{.pattern = "/"},
                       {.pattern = "/", .headers = {versioned}},
                       {.pattern = "/", .headers = {version}},
                       {.pattern = "/", .headers = {beta}},
                       {.pattern = "/", .headers = {beta, version}}});
  CHECK(routes.route("GET", "/") == 0);
  CHECK(routes.route("GET", "/", {}, {{"x-version", "1"}}) == 1);
  CHECK(routes.route("GET", "/", {}, {{"x-version", "2"}}) == 2);
  CHECK(routes.route("GET", "/", {}, {{"x-version", "1"}, {"x-beta", "y"}}) == 1);
  CHECK(routes.route("GET", "/", {}, {{"x-version", "2"}, {"x-beta", "y"}}) == 4);
}

TEST_CASE("An exact host wins over conditions on fields") {
  const Routes routes({{.pattern = "/", .headers = {FieldCondition::exists("x-beta")}},
                       {.pattern = "/", .host = "shop.example"}});
  CHECK(routes.route("GET", "/", "shop.example", {{"x-beta", "1"}}) == 1);
  CHECK(routes.route("GET", "/", "else.example", {{"x-beta", "1"}}) == 0);
}

TEST_CASE("Allow counts only routes whose host and fields hold") {
  const Routes routes(
      {{.pattern = "/a", .methods = {Method::get}, .host = "shop.example"},
       {.pattern = "/a", .methods = {Method::put}, .headers = {FieldCondition::exists("x-beta")}},
       {.pattern = "/a", .methods = {Method::del}, .host = "*.example"}});
  CHECK(routes.ask("POST", "/a", "shop.example") == "405 GET, HEAD, DELETE");
  CHECK(routes.ask("POST", "/a", "cart.example") == "405 DELETE");
  CHECK(routes.ask("POST", "/a", "shop.test", {{"x-beta", ""}}) == "405 PUT");
  CHECK(routes.ask("POST", "/a", "shop.test") == "404");
  CHECK(routes.ask("PUT", "/a", "shop.test") == "404");
}

TEST_CASE("Two equal routes are a mistake that names both") {
  CHECK(problems_of({{.pattern = "/users/{id}", .methods = {Method::get, Method::put}},
                     {.pattern = "/users/{name}", .methods = {Method::put, Method::post}}}) ==
        std::vector<std::string>{
            "route PUT,POST /users/{name}: equal to route GET,PUT /users/{id} (PUT); only one of "
            "them could ever be taken"});
  CHECK(problems_of({on("/a/*"), on("/a/{*rest}")}) ==
        std::vector<std::string>{"route /a/{*rest}: equal to route /a/* (any method); only one of "
                                 "them could ever be taken"});
  CHECK(problems_of({on("/a"), {.pattern = "/a", .methods = {kPurge}}}).size() == 1);
  CHECK(problems_of({{.pattern = "/", .host = "A.example"}, {.pattern = "/", .host = "a.EXAMPLE"}})
            .size() == 1);
  CHECK(problems_of({{.pattern = "/", .host = "*"}, {.pattern = "/"}}).size() == 1);
  const auto x = FieldCondition::exists("X-A");
  const auto y = FieldCondition::equals("x-b", " 1 ");
  CHECK(problems_of({{.pattern = "/", .headers = {x, y}},
                     {.pattern = "/",
                      .headers = {FieldCondition::equals("X-B", "1"), FieldCondition::exists("x-a"),
                                  x}}}) ==
        std::vector<std::string>{
            "route / [X-B: 1, x-a, X-A]: equal to route / [X-A, x-b:  1 ] (any method); only one "
            "of them could ever be taken"});
}

TEST_CASE("Routes that some request can tell apart are not equal") {
  CHECK(problems_of({{.pattern = "/a", .methods = {Method::get}},
                     {.pattern = "/a", .methods = {Method::head}},
                     {.pattern = "/a", .methods = {kPurge}},
                     {.pattern = "/a", .host = "a.example"},
                     {.pattern = "/a", .host = "a.example:81"},
                     {.pattern = "/a", .host = "*.a.example"},
                     {.pattern = "/a", .headers = {FieldCondition::exists("x-a")}},
                     {.pattern = "/a", .headers = {FieldCondition::equals("x-a", "")}},
                     {.pattern = "/a", .headers = {FieldCondition::equals("x-a", "1")}},
                     {.pattern = "/a/"},
                     {.pattern = "/a/*"},
                     {.pattern = "/{x}"}})
            .empty());
}

TEST_CASE("Every mistake of all routes is found at once, in the order of the routes") {
  const std::vector<Match> matches = {
      {.pattern = "/a//b", .host = "no host"},
      on("/ok"),
      {.pattern = "/b", .headers = {FieldCondition::exists("bad name")}},
      on("/ok"),
      on("c"),
  };
  const RouteTable::Built built = RouteTable::build(matches);
  std::vector<std::pair<std::size_t, std::string>> found;
  for (const RouteProblem& problem : built.problems)
    found.emplace_back(problem.route, problem.text);
  CHECK(found ==
        std::vector<std::pair<std::size_t, std::string>>{
            {0, "route no host/a//b: '//' is merged before matching"},
            {0,
             "route no host/a//b: no host is no host: write example.com, *.example.com, an IP "
             "address ([::1]) or an A-label (xn--...), with or without a port"},
            {2, "route /b [bad name]: 'bad name' is no field name"},
            {3, "route /ok: equal to route /ok (any method); only one of them could ever be taken"},
            {4, "route c: a pattern must begin with '/'"}});
}

TEST_CASE("A host that no client can name is a mistake") {
  const std::string host =
      GENERATE("a..b", ".example", "example.", "*", "*.*.example", "a.*", "*example.com", "*.",
               "shop example",
               "b\xC3\xBC"
               "cher.example",
               "user@example.com", "http://example.com", "example.com/",
               "example.com:", "example.com:0", "example.com:65536", "example.com:080",
               "example.com:http", "::1", "[::1", "[]", "[::g]", "*.[::1]");
  CAPTURE(host);
  if (host == "*") {
    CHECK(problems_of({{.pattern = "/", .host = host}}).empty());  // Any host, spelled out.
  } else {
    CHECK(problems_of({{.pattern = "/", .host = host}}).size() == 1);
  }
}

TEST_CASE("A condition on a field that never reaches the routes is a mistake") {
  const std::string name =
      GENERATE("Host", "connection", "Content-Length", "te", "Transfer-Encoding", "Upgrade",
               "Keep-Alive", "Proxy-Connection", "HTTP2-Settings");
  CAPTURE(name);
  CHECK(problems_of({{.pattern = "/", .headers = {FieldCondition::exists(name)}}}).size() == 1);
}

TEST_CASE("A value that no field can have is a mistake") {
  CHECK(problems_of({{.pattern = "/", .headers = {FieldCondition::equals("x-a", "a\nb")}}}) ==
        std::vector<std::string>{
            "route / [x-a: a\nb]: the value asked of x-a holds a control character"});
}

TEST_CASE("A table tells so many unregistered methods apart, and says so beyond") {
  std::vector<Match> matches;
  for (int i = 0; i < 22; ++i) {
    matches.push_back(
        {.pattern = "/", .methods = {Method::from_token("M" + std::to_string(i)).value()}});
  }
  const Routes routes(matches);
  for (int i = 0; i < 22; ++i) CHECK(routes.route("M" + std::to_string(i), "/") == i);
  CHECK(routes.route("M22", "/") == -1);

  matches.push_back({.pattern = "/", .methods = {Method::from_token("M22").value()}});
  CHECK(problems_of(matches) ==
        std::vector<std::string>{"route M22 /: M22 is one unregistered method too many"});
}

TEST_CASE("Patterns at their limits match") {
  const std::string deep = repeat("/s", kMaxPatternSegments);
  std::string captured;
  std::string answer;
  for (std::size_t i = 0; i < kMaxCaptures; ++i) {
    captured += "/{p" + std::to_string(i) + "}";
    answer += " p" + std::to_string(i) + "=" + std::to_string(i);
  }
  const Routes routes(patterns({deep, captured, repeat("/s", kMaxPatternSegments - 1) + "/*"}));
  CHECK(routes.get(deep) == deep);
  CHECK(routes.get(deep + "/s") == repeat("/s", kMaxPatternSegments - 1) + "/* *=s/s");
  CHECK(routes.get("/0/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15") == captured + answer);
}

TEST_CASE("A long segment that begins like a literal is not that literal") {
  const std::string literal(300, 'x');
  const Routes routes(patterns({"/" + literal, "/short", "/other"}));
  CHECK(routes.get("/" + literal) == "/" + literal);
  CHECK(routes.get("/" + literal + "x") == "404");
  CHECK(routes.get("/" + literal.substr(1)) == "404");
  CHECK(routes.get("/" + std::string(8000, 'x')) == "404");
}

TEST_CASE("A path that almost matches a deep chain of alternatives costs no search") {
  // Every level of these 24 can be taken as a literal or as a parameter, but each route leaves the
  // literal way once: the table is bounded by levels times routes, and so is any walk.
  std::vector<Match> matches = patterns({repeat("/x", 24)});
  for (std::size_t i = 0; i < 24; ++i)
    matches.push_back(on(repeat("/x", i) + "/{p}" + repeat("/x", 23 - i)));
  for (std::size_t i = 0; i < 12; ++i)
    matches.push_back(on(repeat("/x", 2 * i) + "/{a}/x/{b}" + repeat("/x", 30)));
  std::string alternating;
  for (std::size_t i = 0; i < kMaxCaptures; ++i) alternating += "/{p" + std::to_string(i) + "}/x";
  matches.push_back(on(alternating));
  const Routes routes(std::move(matches));
  CHECK(routes.get(repeat("/x", 24)) == repeat("/x", 24));
  CHECK(routes.get(repeat("/x", 23) + "/y") == repeat("/x", 23) + "/{p} p=y");
  CHECK(routes.get("/y" + repeat("/x", 23)) == "/{p}" + repeat("/x", 23) + " p=y");
  CHECK(routes.get(repeat("/x", 31) + "/y/y") == "404");
  CHECK(routes.get(repeat("/x", 4000)) == "404");
}

TEST_CASE("Routes on which one path could be tried in too many ways are refused") {
  // All ways to write LEVELS segments as x or as a parameter.
  const auto combinations = [](std::size_t levels) {
    std::vector<Match> matches;
    for (std::size_t bits = 0; bits < std::size_t{1} << levels; ++bits) {
      std::string pattern;
      for (std::size_t level = 0; level < levels; ++level) {
        pattern += (bits >> level & 1) != 0 ? "/{p" + std::to_string(level) + "}" : "/x";
      }
      matches.push_back(on(pattern));
    }
    return matches;
  };
  const Routes most(combinations(11));
  CHECK(most.get(repeat("/x", 10) + "/y/z") == "404");
  CHECK(most.get("/y" + repeat("/x", 10)) == "/{p0}" + repeat("/x", 10) + " p0=y");
  CHECK(
      problems_of(combinations(12)) ==
      std::vector<std::string>{"the routes overlap on so many levels that one path could be tried "
                               "in 8191 ways; 4096 are allowed"});
}

TEST_CASE("A lookup allocates nothing") {
  std::vector<Match> matches =
      patterns({"/users/{id}/orders/{order}", "/users/{id}/*", "/{a}/{b}"});
  matches.push_back({.pattern = "/users/{id}", .methods = {kPurge}, .host = "*.example.com"});
  matches.push_back({.pattern = "/users/{id}",
                     .headers = {FieldCondition::equals("x-version", std::string(100, '2'))}});
  const Routes routes(std::move(matches));
  Headers headers;
  headers.add("x-version", "1");
  const std::string authority = "a-long-name-of-a-host.some-region.example.com:8443";
  const auto allocations = [&](const Method& method, std::string_view path) {
    const std::size_t before = allocation_count();
    const RouteMatch match = routes.table().match({method, path, authority, headers});
    const std::size_t after = allocation_count();
    CHECK(match.outcome != RouteMatch::Outcome::not_found);
    return after - before;
  };
  CHECK(allocations(Method::get, "/users/7/orders/42") == 0);
  CHECK(allocations(Method::get, "/users/7/x/y/z") == 0);
  CHECK(allocations(kPurge, "/users/7") == 0);
  CHECK(allocations(Method::get, "/users/7") == 0);
  CHECK(allocation_count() > 0);  // The count does count.
}

TEST_CASE("100,000 routes take less than 512 bytes each, and all of them are found") {
  constexpr std::size_t kRoutes = 100000;
  std::vector<Match> matches;
  const auto path_of = [](std::size_t i, const std::string& order, const std::string& line) {
    return "/tenants/tenant-" + std::to_string(i) + "/v1/orders/" + order + "/lines/" + line;
  };
  for (std::size_t i = 0; i < kRoutes; ++i) matches.push_back(on(path_of(i, "{order}", "{line}")));
  const Routes routes(std::move(matches));
  CHECK(routes.table().size() == kRoutes);
  CHECK(routes.table().bytes() < 512 * kRoutes);
  const Headers headers;
  for (std::size_t i = 0; i < kRoutes; i += 7) {
    const std::string path = path_of(i, "4711", "3");
    const RouteMatch match = routes.table().match({Method::get, path, "", headers});
    REQUIRE(match.outcome == RouteMatch::Outcome::found);
    REQUIRE(match.route == i);
  }
}

TEST_CASE("Thousands of equal routes are told one by one, without comparing all pairs") {
  const std::vector<Match> matches(20000, on("/same"));
  const RouteTable::Built built = RouteTable::build(matches);
  CHECK(built.problems.size() == matches.size() - 1);
  CHECK(built.problems.back().route == matches.size() - 1);
}

TEST_CASE("A table outlives the matches that it was built from, and can be moved") {
  RouteTable table;
  {
    const std::vector<Match> matches = patterns({"/users/{id}", "/users/list"});
    RouteTable::Built built = RouteTable::build(matches);
    REQUIRE(built.table);
    table = std::move(*built.table);
  }
  const Headers headers;
  const RouteMatch match = table.match({Method::get, "/users/7", "", headers});
  REQUIRE(match.outcome == RouteMatch::Outcome::found);
  CHECK(table.pattern(match.route) == "/users/{id}");
  CHECK(table.size() == 2);
}

TEST_CASE("A route is named in one line") {
  CHECK(to_string(on("/a/*")) == "/a/*");
  CHECK(to_string({.pattern = "/cart/{id}",
                   .methods = {Method::get, kPurge},
                   .host = "shop.example",
                   .headers = {FieldCondition::equals("x-beta", "1"),
                               FieldCondition::exists("x-debug")}}) ==
        "GET,PURGE shop.example/cart/{id} [x-beta: 1, x-debug]");
}
