// SPDX-License-Identifier: Apache-2.0
// Response: content and its type, refusals and failures that the server renders, and which status
// stands for which failure.
#include "gatewaykit/http/response.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "catch.hpp"

using gatewaykit::Body;
using gatewaykit::Chunk;
using gatewaykit::code;
using gatewaykit::Errc;
using gatewaykit::Error;
using gatewaykit::Origin;
using gatewaykit::render_problem;
using gatewaykit::Response;
using gatewaykit::Status;
using gatewaykit::status_of;

namespace {

std::string content_of(Response& response) {
  Chunk chunk;
  REQUIRE(response.body.ready(chunk));
  return std::string(chunk.view());
}

}  // namespace

TEST_CASE("a response is 200 without content unless told otherwise") {
  const Response response;
  CHECK(response.status == Status::ok);
  CHECK(response.headers.empty());
  CHECK(response.body.empty());
  CHECK(response.error() == nullptr);
  CHECK_FALSE(response.wants_rendering());
  CHECK_FALSE(response.is_tunnel());
}

TEST_CASE("text and json bring their content and its type") {
  Response text = Response::text(Status::created, "made");
  CHECK(text.status == Status::created);
  CHECK(text.headers.get("content-type") == "text/plain; charset=utf-8");
  CHECK(text.body.size() == 4);
  CHECK(content_of(text) == "made");

  Response json = Response::json(Status::ok, R"({"a":1})");
  CHECK(json.headers.get("content-type") == "application/json");
  CHECK(content_of(json) == R"({"a":1})");
}

TEST_CASE("the content of a response is its own") {
  std::string text = "kept";
  Response response = Response::text(Status::ok, text);
  text.assign("gone");
  CHECK(content_of(response) == "kept");
}

TEST_CASE("a problem wants rendering until somebody sets a body") {
  Response response = Response::problem(Status::bad_request, "x-tenant is required");
  CHECK(response.status == Status::bad_request);
  CHECK(response.problem_detail() == "x-tenant is required");
  CHECK(response.error() == nullptr);
  CHECK(response.wants_rendering());
  response.body = Body(Chunk::of_static("own words"));
  CHECK_FALSE(response.wants_rendering());
}

TEST_CASE("a problem without a detail says what its status means") {
  CHECK(Response::problem(Status::not_found, "").problem_detail() == "Not Found");
}

TEST_CASE("a failure carries its Error, whose detail stays inside") {
  const Response response =
      Response::failure(Error(Errc::connect_failed, Origin::upstream, "10.0.0.7 refused", true));
  CHECK(response.status == Status::bad_gateway);
  REQUIRE(response.error() != nullptr);
  CHECK(response.error()->code == Errc::connect_failed);
  CHECK(response.error()->detail == "10.0.0.7 refused");
  CHECK(response.wants_rendering());
  CHECK(response.problem_detail().find("10.0.0.7") == std::string_view::npos);
  CHECK_FALSE(response.problem_detail().empty());
}

TEST_CASE("moving a response takes all of it along") {
  Response original = Response::failure(Error(Errc::reset, Origin::upstream, "why"));
  original.headers.set("x-kept", "yes");
  const Response moved = std::move(original);
  REQUIRE(moved.error() != nullptr);
  CHECK(moved.error()->detail == "why");
  CHECK(moved.headers.get("x-kept") == "yes");
}

TEST_CASE("a response that switches protocols is a tunnel") {
  const Response response = Response::switching_to("websocket", Body());
  CHECK(response.status == Status::switching_protocols);
  CHECK(response.is_tunnel());
  CHECK(response.protocol() == "websocket");
  CHECK_FALSE(response.wants_rendering());
  CHECK(Response().protocol().empty());
}

TEST_CASE("every failure has the status of the side that it happened on") {
  struct Row {
    Errc error;
    Status client;
    Status upstream;
    Status gateway;
  };
  constexpr auto kBad = Status::bad_request;
  constexpr auto kLate = Status::request_timeout;
  constexpr auto kGone = Status::client_closed_request;
  constexpr auto kBadGateway = Status::bad_gateway;
  constexpr auto kTimeout = Status::gateway_timeout;
  constexpr auto kUnavailable = Status::service_unavailable;
  constexpr auto kLarge = Status::content_too_large;
  const Row rows[] = {
      {Errc::cancelled, kGone, kUnavailable, kUnavailable},
      {Errc::connect_timeout, kLate, kTimeout, kTimeout},
      {Errc::tls_timeout, kLate, kTimeout, kTimeout},
      {Errc::first_byte_timeout, kLate, kTimeout, kTimeout},
      {Errc::idle_timeout, kLate, kTimeout, kTimeout},
      {Errc::total_timeout, kLate, kTimeout, kTimeout},
      {Errc::queue_timeout, kUnavailable, kUnavailable, kUnavailable},
      {Errc::client_header_timeout, kLate, kLate, kLate},
      {Errc::client_body_timeout, kLate, kLate, kLate},
      {Errc::connect_failed, kBadGateway, kBadGateway, kBadGateway},
      {Errc::tls_failed, kBadGateway, kBadGateway, kBadGateway},
      {Errc::reset, kGone, kBadGateway, kBadGateway},
      {Errc::protocol, kBad, kBadGateway, kBadGateway},
      {Errc::bad_message, kBad, kBadGateway, kBadGateway},
      {Errc::no_healthy_target, kUnavailable, kUnavailable, kUnavailable},
      {Errc::breaker_open, kUnavailable, kUnavailable, kUnavailable},
      {Errc::queue_full, kUnavailable, kUnavailable, kUnavailable},
      {Errc::head_too_large, Status::request_header_fields_too_large, kBadGateway, kBadGateway},
      {Errc::body_too_large, kLarge, kBadGateway, kLarge},
      {Errc::store_unavailable, kUnavailable, kUnavailable, kUnavailable},
      {Errc::invalid_config, Status::internal_server_error, Status::internal_server_error,
       Status::internal_server_error},
  };
  CHECK(std::size(rows) == static_cast<std::size_t>(Errc::invalid_config) + 1);
  for (const Row& row : rows) {
    CAPTURE(std::string(to_string(row.error)));
    CHECK(code(status_of(Error(row.error, Origin::client))) == code(row.client));
    CHECK(code(status_of(Error(row.error, Origin::upstream))) == code(row.upstream));
    CHECK(code(status_of(Error(row.error, Origin::gateway))) == code(row.gateway));
  }
}

TEST_CASE("what a client reads about a failure blames the right side") {
  for (int i = 0; i <= static_cast<int>(Errc::invalid_config); ++i) {
    const auto error = static_cast<Errc>(i);
    CAPTURE(std::string(to_string(error)));
    const Response upstream = Response::failure(Error(error, Origin::upstream, "secret"));
    CHECK_FALSE(upstream.problem_detail().empty());
    CHECK(upstream.problem_detail().find("secret") == std::string_view::npos);
    const Response client = Response::failure(Error(error, Origin::client, "secret"));
    if (code(client.status) < 500) {
      CHECK(client.problem_detail().find("upstream") == std::string_view::npos);
    }
  }
}

TEST_CASE("a problem is rendered as RFC 9457 has it") {
  CHECK(render_problem(Status::not_found, "No such thing.", "") ==
        R"({"type":"about:blank","title":"Not Found","status":404,"detail":"No such thing."})"
        "\n");
  CHECK(render_problem(Status::bad_gateway, "It broke.", "0190-ab") ==
        R"({"type":"about:blank","title":"Bad Gateway","status":502,"detail":"It broke.",)"
        R"("instance":"0190-ab"})"
        "\n");
}

TEST_CASE("what a host says of a problem is JSON whatever bytes it holds") {
  const std::string rendered =
      render_problem(Status::bad_request, "\"\\\n\x7f\xc3\xa4 \xff \xc3", "");
  CHECK(rendered ==
        R"({"type":"about:blank","title":"Bad Request","status":400,"detail":"\"\\\u000a\u007f)"
        "\xc3\xa4"
        R"( \ufffd \ufffd"})"
        "\n");
}

TEST_CASE("nothing that is put into a problem breaks out of its string") {
  const std::string hostile = "\"\\\n\r\t\x01\x7f</script>\xc3\xa9";
  CHECK(render_problem(Status::bad_request, hostile, "\"}") ==
        R"({"type":"about:blank","title":"Bad Request","status":400,)"
        R"("detail":"\"\\\u000a\u000d\u0009\u0001\u007f</script>)"
        "\xc3\xa9"
        R"(","instance":"\"}"})"
        "\n");
}
