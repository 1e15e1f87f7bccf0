// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/request_id.hpp"

#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using namespace gatewaykit;
using namespace std::chrono_literals;
using testing::ScriptedNext;
using testing::TestExchange;
using testing::VirtualExecutor;

namespace {

/// An id where the target, the client and the other layers find it.
struct Seen {
  std::string forwarded;
  std::string echoed;
  std::string kept;
};

class Gateway {
 public:
  explicit Gateway(RequestIdOptions options = {})
      : field_(options.field), layer_(request_id(std::move(options))) {}

  Seen exchange(Request request, bool is_trusted = false, Response response = Response()) {
    TestExchange::Client client;
    client.is_trusted = is_trusted;
    TestExchange exchange(executor_, std::move(request), client);
    Seen seen;
    ScriptedNext next;
    next.respond(std::move(response));
    const Response answer = exchange.run(*layer_, next);
    seen.forwarded = exchange.request().headers.get(field_).value_or("");
    seen.echoed = answer.headers.get(field_).value_or("");
    seen.kept = exchange.context().get<RequestId>()->value;
    return seen;
  }
  Seen exchange_with(std::string_view inbound, bool is_trusted) {
    Request request(Method::get, "/");
    request.headers.set(field_, inbound);
    return exchange(std::move(request), is_trusted);
  }
  std::string make() { return exchange(Request(Method::get, "/")).kept; }

  VirtualExecutor& executor() { return executor_; }

 private:
  VirtualExecutor executor_;
  std::string field_;
  MiddlewarePtr layer_;
};

bool is_uuid_v7(std::string_view id) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-7xxx-yxxx-xxxxxxxxxxxx";
  if (id.size() != kShape.size()) return false;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const std::string_view allowed = kShape[i] == 'x'   ? "0123456789abcdef"
                                     : kShape[i] == 'y' ? "89ab"
                                                        : kShape.substr(i, 1);
    if (allowed.find(id[i]) == std::string_view::npos) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("A request gets a UUIDv7, which is forwarded, echoed and kept") {
  Gateway gateway;
  const Seen seen = gateway.exchange(Request(Method::get, "/"));
  CHECK(is_uuid_v7(seen.kept));
  CHECK(seen.forwarded == seen.kept);
  CHECK(seen.echoed == seen.kept);
}

TEST_CASE("The layers behind find the id in the request and in the context") {
  VirtualExecutor executor;
  TestExchange exchange(executor);
  std::string in_request;
  std::string in_context;
  const ScriptedNext next([&](Context& ctx) -> Task<Response> {
    in_request = ctx.request().headers.get("x-request-id").value_or("");
    in_context = ctx.get<RequestId>()->value;
    return [](Status status) -> Task<Response> { co_return Response(status); }(Status::ok);
  });
  exchange.run(*request_id(), next);
  CHECK(is_uuid_v7(in_request));
  CHECK(in_context == in_request);
}

TEST_CASE("An id begins with the time in milliseconds") {
  Gateway gateway;
  // The virtual wall clock begins at 2026-01-01 00:00 UTC.
  const std::string first = gateway.make();
  const auto millis = [](const std::string& id) {
    return std::stoull(id.substr(0, 8) + id.substr(9, 4), nullptr, 16);
  };
  CHECK(millis(first) == 1767225600000);
  gateway.executor().advance(1234ms);
  CHECK(millis(gateway.make()) == 1767225601234);
}

TEST_CASE("Ids that were made one after the other sort that way, within a millisecond too") {
  Gateway gateway;
  std::string last = gateway.make();
  for (int i = 0; i < 2000; ++i) {
    gateway.executor().advance(250ns);
    std::string next = gateway.make();
    REQUIRE(last < next);
    last = std::move(next);
  }
}

TEST_CASE("Ids of one moment differ") {
  Gateway gateway;
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(gateway.make());
  CHECK(ids.size() == 1000);
}

TEST_CASE("A failure is answered with its id too") {
  Gateway gateway;
  const Seen seen =
      gateway.exchange(Request(Method::get, "/"), false,
                       Response::failure(Error(Errc::connect_failed, Origin::upstream)));
  CHECK(is_uuid_v7(seen.echoed));
}

TEST_CASE("The id that a target echoes or makes up is replaced by the gateway's") {
  Gateway gateway;
  Response response;
  response.headers.add("x-request-id", "theirs");
  response.headers.add("X-Request-Id", "another");
  const Seen seen = gateway.exchange(Request(Method::get, "/"), false, std::move(response));
  CHECK(seen.echoed == seen.kept);
}

TEST_CASE("A client cannot choose its id") {
  Gateway gateway;
  const Seen seen = gateway.exchange_with("mine", false);
  CHECK(is_uuid_v7(seen.kept));
  CHECK(seen.forwarded == seen.kept);
}

TEST_CASE("The id of a trusted peer is taken over") {
  Gateway gateway;
  const std::string id =
      GENERATE(as<std::string>{}, "a", "7c9e6679-7425-40de-944b-e07fc1f90ae7",
               "Root=1-67891233-abcdef", "AZaz09._~:/+=@-", std::string(128, 'x'));
  const Seen seen = gateway.exchange_with(id, true);
  CHECK(seen.kept == id);
  CHECK(seen.forwarded == id);
  CHECK(seen.echoed == id);
}

TEST_CASE("What a trusted peer passes on is replaced where it is no well-formed id") {
  Gateway gateway;
  const std::string id = GENERATE(as<std::string>{}, "", "a b", "a\"b", "a,b", "<script>", "a\\b",
                                  "\xc3\xa4", std::string(129, 'x'));
  const Seen seen = gateway.exchange_with(id, true);
  CHECK(is_uuid_v7(seen.kept));
  CHECK(seen.forwarded == seen.kept);
}

TEST_CASE("Two ids of a trusted peer are none") {
  Gateway gateway;
  Request request(Method::get, "/");
  request.headers.add("x-request-id", "one");
  request.headers.add("x-request-id", "two");
  const Seen seen = gateway.exchange(std::move(request), true);
  CHECK(is_uuid_v7(seen.kept));
}

TEST_CASE("The field may have another name") {
  Gateway gateway({.field = "x-correlation-id"});
  const Seen seen = gateway.exchange(Request(Method::get, "/"));
  CHECK(is_uuid_v7(seen.echoed));
  CHECK(seen.forwarded == seen.echoed);
}

TEST_CASE("A name that no field can have is a mistake of the wiring") {
  CHECK_THROWS_AS(request_id({.field = "x request id"}), ConfigError);
  CHECK_THROWS_AS(request_id({.field = ""}), ConfigError);
}
