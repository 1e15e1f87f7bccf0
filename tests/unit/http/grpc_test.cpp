// SPDX-License-Identifier: Apache-2.0
// Which requests are calls of gRPC, how long they may take, and how their failures are told.
#include "http/grpc.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "catch.hpp"
#include "gatewaykit/core/timer.hpp"

using namespace gatewaykit;
using namespace std::chrono_literals;

namespace {

Request call(std::string_view type, std::string_view timeout = {}) {
  Request request(Method::post, "/shop.Cart/Add");
  request.headers.set("content-type", type);
  if (!timeout.empty()) request.headers.set("grpc-timeout", timeout);
  return request;
}

std::optional<Duration> timeout_of(std::string_view text) {
  return grpc_timeout_of(call("application/grpc", text));
}

std::string told(Status status, std::string_view detail = "detail") {
  Response response = Response::problem(status, std::string(detail));
  render_grpc_error(call("application/grpc+proto"), response);
  CHECK(response.status == Status::ok);
  CHECK(response.headers.get("content-type") == "application/grpc+proto");
  CHECK(response.body.size() == 0u);
  return std::string(*response.headers.get("grpc-status")) + ' ' +
         std::string(*response.headers.get("grpc-message"));
}

}  // namespace

TEST_CASE("gRPC is known by its type") {
  for (const std::string_view type :
       {"application/grpc", "application/grpc+proto", "Application/GRPC; charset=utf-8",
        "application/grpc-web", "application/grpc-web-text+proto"}) {
    CHECK(is_grpc(call(type)));
  }
  for (const std::string_view type : {"application/json", "application/grpcs", "application/grp"}) {
    CHECK_FALSE(is_grpc(call(type)));
  }
  CHECK_FALSE(is_grpc(Request(Method::post, "/")));
}

TEST_CASE("a timeout of gRPC has a number and a unit") {
  CHECK(timeout_of("2H") == 2h);
  CHECK(timeout_of("3M") == 3min);
  CHECK(timeout_of("4S") == 4s);
  CHECK(timeout_of("100m") == 100ms);
  CHECK(timeout_of("00000005u") == 5us);
  CHECK(timeout_of("0n") == 0ns);
}

TEST_CASE("the longest timeouts of gRPC are not over at once") {
  CHECK(timeout_of("99999999H") > 24h * 365 * 100);
  CHECK(timeout_of("99999999M") == 99'999'999min);
}

TEST_CASE("a malformed timeout of gRPC is none") {
  for (const std::string_view text :
       {"", "5", "m", "-5m", "+5m", "5 m", "5.0S", "5s", "5ms", "5x", "100000000n", "0x5m"}) {
    INFO(text);
    CHECK(timeout_of(text) == std::nullopt);
  }
}

TEST_CASE("others may use the field as they like") {
  CHECK(grpc_timeout_of(call("application/json", "1m")) == std::nullopt);
}

TEST_CASE("a failure is told by a status of gRPC") {
  CHECK(told(Status::bad_request) == "13 detail");
  CHECK(told(Status::unauthorized) == "16 detail");
  CHECK(told(Status::forbidden) == "7 detail");
  CHECK(told(Status::not_found) == "12 detail");
  CHECK(told(Status::too_many_requests) == "8 detail");
  CHECK(told(Status::bad_gateway) == "14 detail");
  CHECK(told(Status::service_unavailable) == "14 detail");
  CHECK(told(Status::gateway_timeout) == "4 detail");
  CHECK(told(Status::internal_server_error) == "2 detail");
}

TEST_CASE("a failure behind the head is told in trailers") {
  const Headers trailers =
      grpc_trailers_of(Error(Errc::total_timeout, Origin::gateway, "not for clients"));
  CHECK(trailers.get("grpc-status") == "4");
  CHECK(trailers.get("grpc-message") == "The upstream service did not answer in time.");
}

TEST_CASE("gRPC itself has trailers, gRPC-Web and others do not") {
  const auto has_trailers = [](std::string_view type) {
    Response response;
    response.headers.set("content-type", type);
    return ends_with_grpc_trailers(response);
  };
  CHECK(has_trailers("application/grpc"));
  CHECK(has_trailers("application/grpc+proto"));
  CHECK_FALSE(has_trailers("application/grpc-web"));
  CHECK_FALSE(has_trailers("application/grpc-web-text+proto"));
  CHECK_FALSE(has_trailers("text/html"));
  CHECK_FALSE(ends_with_grpc_trailers(Response()));
}

TEST_CASE("the message of a failure is percent-encoded") {
  CHECK(told(Status::forbidden, "50 % of\nit: \xc3\xa9") == "7 50 %25 of%0Ait: %C3%A9");
}
