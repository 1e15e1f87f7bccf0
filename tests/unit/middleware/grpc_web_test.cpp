// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/grpc_web.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "catch.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using namespace gatewaykit;
using namespace std::chrono_literals;
using testing::ScriptedBody;
using testing::ScriptedNext;
using testing::TestExchange;
using testing::VirtualExecutor;

namespace {

Request call(std::string_view type, std::string_view content) {
  Request request(Method::post, "/shop.Cart/Add");
  request.headers.set("content-type", type);
  request.body = Body(Chunk::copy_of(content));
  return request;
}

const std::string kMessage("\0\0\0\0\1m", 6);

std::string trailer_frame(const std::string& lines) {
  return std::string("\x80\0\0\0", 4) + static_cast<char>(lines.size()) + lines;
}

const std::string kTrailerFrame = trailer_frame("grpc-status: 0\r\ngrpc-message: fine\r\n");

Response answer_with(ScriptedBody& content) {
  Response response;
  response.headers.set("content-type", "application/grpc");
  response.body = content.body();
  return response;
}

/// A service of gRPC: one message, and how the call went.
Response answer() {
  Response response;
  response.headers.set("content-type", "application/grpc+proto");
  response.body = ScriptedBody()
                      .chunk(kMessage)
                      .trailer("grpc-status", "0")
                      .trailer("grpc-message", "fine")
                      .body();
  return response;
}

/// What a call comes to, with `answers` behind the layer.
class Called {
 public:
  explicit Called(Request request, Response answers = answer())
      : exchange_(executor_, std::move(request)),
        answers_(std::move(answers)),
        next_([this](Context& ctx) { return serve(ctx); }) {
    response_ = exchange_.run(*grpc_web(), next_);
  }

  const std::string& type_sent() const { return type_sent_; }
  const std::optional<Result<std::string>>& content_sent() const { return content_sent_; }
  const Response& response() const { return response_; }
  std::string type() const {
    return std::string(response_.headers.get("content-type").value_or(""));
  }
  std::string content() { return exchange_.run(response_.body.collect(1000)).value(); }
  std::string type_left() {
    return std::string(exchange_.request().headers.get("content-type").value_or(""));
  }

 private:
  Task<Response> serve(Context& ctx) {
    type_sent_ = ctx.request().headers.get("content-type").value_or("");
    content_sent_ = co_await ctx.request().body.collect(1000);
    co_return std::move(answers_);
  }

  VirtualExecutor executor_;
  TestExchange exchange_;
  Response answers_;
  ScriptedNext next_;
  std::string type_sent_;
  std::optional<Result<std::string>> content_sent_;
  Response response_;
};

}  // namespace

TEST_CASE("A call of gRPC-Web is one of gRPC, and its trailers are the last frame") {
  Called called(call("application/grpc-web+proto", kMessage));
  CHECK(called.type_sent() == "application/grpc+proto");
  CHECK(called.content_sent()->value() == kMessage);
  CHECK(called.type() == "application/grpc-web+proto");
  CHECK(called.content() == kMessage + kTrailerFrame);
  CHECK(called.response().body.trailers() == nullptr);
  // Layers further out see the request as it came.
  CHECK(called.type_left() == "application/grpc-web+proto");
}

TEST_CASE("The text form is base64 in both directions, piece by piece") {
  Called called(call("application/grpc-web-text", "AAAAAAFt"));
  CHECK(called.type_sent() == "application/grpc");
  CHECK(called.content_sent()->value() == kMessage);
  CHECK(called.type() == "application/grpc-web-text+proto");
  const std::string content = called.content();
  CHECK(content.starts_with("AAAAAAFt"));
  CHECK(content.substr(8, 4) == "gAAA");
}

TEST_CASE("Text that is no base64 fails, as what the client did") {
  Called called(call("application/grpc-web-text", "AAAA AFt"));
  REQUIRE(called.content_sent());
  REQUIRE_FALSE(called.content_sent()->has_value());
  CHECK(called.content_sent()->error().code == Errc::bad_message);
  CHECK(called.content_sent()->error().origin == Origin::client);
}

TEST_CASE("An answer that has grpc-status among its fields keeps it there") {
  Response trailers_only;
  trailers_only.headers.set("content-type", "application/grpc");
  trailers_only.headers.set("grpc-status", "5");
  Called called(call("application/grpc-web", kMessage), std::move(trailers_only));
  CHECK(called.type() == "application/grpc-web");
  CHECK(called.content().empty());
}

TEST_CASE("What is no gRPC-Web passes as it is") {
  const char* const type =
      GENERATE("application/grpc", "application/json", "application/grpc-website");
  Called called(call(type, kMessage));
  CHECK(called.type_sent() == type);
  CHECK(called.type() == "application/grpc+proto");
}

TEST_CASE("An answer that is no gRPC stays what it is") {
  Called called(call("application/grpc-web", kMessage), Response::text(Status::bad_gateway, "no"));
  CHECK(called.response().status == Status::bad_gateway);
  CHECK(called.content() == "no");
}

TEST_CASE("An answer that breaks off ends with a frame that says so") {
  ScriptedBody broken;
  broken.chunk(kMessage).fail(Error(Errc::reset, Origin::upstream));
  Called called(call("application/grpc-web", kMessage), answer_with(broken));
  CHECK(called.content() ==
        kMessage + trailer_frame("grpc-status: 14\r\n"
                                 "grpc-message: The upstream service gave no valid answer.\r\n"));
  CHECK(broken.was_dropped());
}

TEST_CASE("A call has until its grpc-timeout for all of its answer") {
  ScriptedBody slow;
  slow.chunk(kMessage).pause(3s).chunk(kMessage).trailer("grpc-status", "0");
  Request request = call("application/grpc-web", kMessage);
  request.headers.set("grpc-timeout", "2S");
  Called called(std::move(request), answer_with(slow));
  CHECK(called.content() ==
        kMessage + trailer_frame("grpc-status: 4\r\n"
                                 "grpc-message: The upstream service did not answer in time.\r\n"));
  CHECK(slow.was_dropped());
}

TEST_CASE("A deadline that is not reached changes nothing") {
  ScriptedBody slow;
  slow.chunk(kMessage).pause(3s).chunk(kMessage).trailer("grpc-status", "0");
  Request request = call("application/grpc-web", kMessage);
  request.headers.set("grpc-timeout", "4S");
  Called called(std::move(request), answer_with(slow));
  CHECK(called.content() == kMessage + kMessage + trailer_frame("grpc-status: 0\r\n"));
}
