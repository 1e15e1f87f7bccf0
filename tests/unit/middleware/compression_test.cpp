// SPDX-License-Identifier: Apache-2.0
// compression: which responses are compressed, and what their fields then say.
#include "gatewaykit/middleware/compression.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "decode.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using namespace gatewaykit;
using testing::built_in_codings;
using testing::decode;
using testing::ScriptedBody;
using testing::ScriptedNext;
using testing::some_noise;
using testing::some_text;
using testing::TestExchange;
using testing::VirtualExecutor;

namespace {

constexpr std::size_t kMost = 16 << 20;
/// All that a browser of today says.
constexpr std::string_view kAny = "gzip, deflate, br, zstd";

Request asking(std::string_view accept_encoding, Method method = Method::get) {
  Request request(std::move(method), "/");
  if (!accept_encoding.empty()) request.headers.add("Accept-Encoding", accept_encoding);
  return request;
}

Response json(std::string_view content) { return Response::json(Status::ok, content); }
Response json() { return json(some_text(5000)); }

/// A response of unknown size.
Response stream(std::string_view content) {
  Response response;
  response.headers.set("content-type", "application/json");
  ScriptedBody source;
  source.chunk(content);
  response.body = source.body();
  return response;
}

/// Some lines of a response; "-" where there is none, "several" for more than one.
std::string value_of(const Response& response, std::string_view name) {
  const std::size_t lines = response.headers.count(name);
  if (lines > 1) return "several";
  return std::string(response.headers.get(name).value_or("-"));
}

std::string encoding(const Response& response) { return value_of(response, "content-encoding"); }

class Server {
 public:
  explicit Server(CompressionOptions options = {}) : layer_(compression(std::move(options))) {}

  Response answer(Request request, Response response) {
    ScriptedNext next;
    next.respond(std::move(response));
    TestExchange exchange(executor_, std::move(request));
    return exchange.run(*layer_, next);
  }
  std::string content(Response& response) {
    Result<std::string> content = executor_.run(response.body.collect(kMost));
    REQUIRE(content);
    return std::move(*content);
  }

  VirtualExecutor& executor() { return executor_; }
  const Middleware& layer() const { return *layer_; }

 private:
  VirtualExecutor executor_;
  MiddlewarePtr layer_;
};

}  // namespace

TEST_CASE("Content in memory is compressed whole, and its length known") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  const std::size_t size = GENERATE(1024, 5000, 65537, 262144);
  const std::string content = some_text(size);
  Server server;
  Response response = server.answer(asking(name_of(coding)), json(content));
  CHECK(encoding(response) == name_of(coding));
  CHECK(value_of(response, "vary") == "Accept-Encoding");
  CHECK(response.body.source() == nullptr);
  CHECK(response.body.size().value_or(size) < size / 2);
  const auto decoded = decode(coding, server.content(response));
  CHECK(decoded.is_complete);
  CHECK((decoded.content == content));
}

TEST_CASE("Content of more than 256 KiB, or of unknown size, is compressed while it is sent") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  const std::string content = some_text(262145);
  Server server;
  Response response = GENERATE(true, false)
                          ? server.answer(asking(name_of(coding)), json(content))
                          : server.answer(asking(name_of(coding)), stream(content));
  CHECK(encoding(response) == name_of(coding));
  CHECK_FALSE(response.body.size().has_value());
  const auto decoded = decode(coding, server.content(response));
  CHECK(decoded.is_complete);
  CHECK((decoded.content == content));
}

TEST_CASE("The order of the options decides between what the client wants equally") {
  std::vector<ContentCoding> codings = built_in_codings();
  do {
    CompressionOptions options;
    options.codings = codings;
    Server server(std::move(options));
    CHECK(encoding(server.answer(asking(kAny), json())) == name_of(codings.front()));
  } while (std::next_permutation(codings.begin(), codings.end()));
  CHECK(encoding(Server().answer(asking(kAny), json())) == name_of(built_in_codings().front()));
}

TEST_CASE("A client that accepts none of ours is sent the content as it is, for caches to know") {
  Server server;
  const std::string accepted =
      GENERATE(as<std::string>{}, "", "identity", "deflate", "gzip;q=0, br;q=0, zstd;q=0",
               "identity;q=0", "*;q=0", "identity, gzip;q=0.5, br;q=0.5, zstd;q=0.5");
  const std::string content = some_text(5000);
  Response response = server.answer(asking(accepted), json(content));
  CHECK(response.status == Status::ok);
  CHECK(encoding(response) == "-");
  CHECK(value_of(response, "vary") == "Accept-Encoding");
  CHECK(response.body.size() == content.size());
  CHECK((server.content(response) == content));
}

TEST_CASE("Small content is left alone where its size is known") {
  CHECK(encoding(Server().answer(asking(kAny), json(some_text(1023)))) == "-");
  CHECK(value_of(Server().answer(asking(kAny), json(some_text(1023))), "vary") == "-");
  CHECK(encoding(Server().answer(asking(kAny), stream("x"))) != "-");
  CompressionOptions options;
  options.min_size = 0;
  Server all(std::move(options));
  CHECK(encoding(all.answer(asking(kAny), json(some_text(200)))) != "-");
  CHECK(encoding(all.answer(asking(kAny), json(""))) == "-");
}

TEST_CASE("Content that does not get smaller is left alone, but for Vary") {
  Server server;
  const std::string content = some_noise(5000);
  Response response = server.answer(asking(kAny), json(content));
  CHECK(encoding(response) == "-");
  CHECK(value_of(response, "vary") == "Accept-Encoding");
  CHECK((server.content(response) == content));
}

TEST_CASE("Types that compress well are compressed unless told otherwise") {
  const auto is_compressed = [](std::string_view type) {
    Response response = json();
    response.headers.set("content-type", type);
    return encoding(Server().answer(asking(kAny), std::move(response))) != "-";
  };
  for (const char* type : {"text/html; charset=utf-8", "text/event-stream", "application/json",
                           "application/javascript", "application/xml", "image/svg+xml",
                           "application/problem+json", "application/x-ndjson"}) {
    CAPTURE(type);
    CHECK(is_compressed(type));
  }
  for (const char* type : {"image/png", "video/mp4", "application/zip", "application/octet-stream",
                           "font/woff2", "application/grpc", "application/grpc+json", "nonsense"}) {
    CAPTURE(type);
    CHECK_FALSE(is_compressed(type));
  }
}

TEST_CASE("Content without a type is left alone") {
  Response response;
  response.body = Body(Chunk::copy_of(some_text(5000)));
  const Response got = Server().answer(asking(kAny), std::move(response));
  CHECK(encoding(got) == "-");
  CHECK(value_of(got, "vary") == "-");
}

TEST_CASE("The types are the host's to choose") {
  CompressionOptions options;
  options.types = {"application/x-own"};
  Server server(std::move(options));
  Response own = json();
  own.headers.set("content-type", "application/x-own");
  CHECK(encoding(server.answer(asking(kAny), std::move(own))) != "-");
  CHECK(encoding(server.answer(asking(kAny), json())) == "-");
}

TEST_CASE("A response that must stay as it is stays so, and varies by nothing of ours") {
  const auto [name, value] = GENERATE(table<std::string, std::string>({
      {"content-encoding", "gzip"},
      {"content-encoding", "aes128gcm"},
      {"content-range", "bytes 0-4999/10000"},
      {"cache-control", "no-transform"},
      {"cache-control", "max-age=60 , No-Transform"},
      {"content-digest", "sha-256=:x:"},
      {"repr-digest", "sha-256=:x:"},
      {"digest", "sha-256=x"},
      {"content-md5", "x"},
  }));
  CAPTURE(name, value);
  Response response = json();
  response.headers.set(name, value);
  const std::string content = some_text(5000);
  Server server;
  Response got = server.answer(asking(kAny), std::move(response));
  CHECK(value_of(got, name) == value);
  CHECK(value_of(got, "vary") == "-");
  CHECK((server.content(got) == content));
}

TEST_CASE("A status without content, or with a part of it, is left alone") {
  const int status = GENERATE(204, 205, 206, 304);
  Response response = json();
  response.status = Status(static_cast<std::uint16_t>(status));
  const Response got = Server().answer(asking(kAny), std::move(response));
  CHECK(encoding(got) == "-");
  CHECK(value_of(got, "vary") == "-");
}

TEST_CASE("Responses of other statuses are compressed") {
  const int status = GENERATE(200, 201, 400, 404, 500);
  Response response = json();
  response.status = Status(static_cast<std::uint16_t>(status));
  CHECK(encoding(Server().answer(asking(kAny), std::move(response))) != "-");
}

TEST_CASE("A client may forbid it") {
  Request request = asking(kAny);
  request.headers.add("cache-control", "max-age=0, no-transform");
  const Response got = Server().answer(std::move(request), json());
  CHECK(encoding(got) == "-");
  CHECK(value_of(got, "vary") == "Accept-Encoding");
}

TEST_CASE("A tunnel, a failure and a problem that is yet to be rendered are left alone") {
  Server server;
  const Response tunnel = server.answer(
      asking(kAny), Response::switching_to("websocket", Body(Chunk::copy_of(some_text(5000)))));
  CHECK(tunnel.headers.empty());
  const Response failure =
      server.answer(asking(kAny), Response::failure(Error(Errc::reset, Origin::upstream)));
  CHECK(failure.headers.empty());
  CHECK(failure.wants_rendering());
  CHECK(failure.error() != nullptr);
}

TEST_CASE("Ranges are no longer offered, and a length that was said is none") {
  Response response = stream(some_text(5000));
  response.headers.set("accept-ranges", "bytes");
  response.headers.set("x-own", "1");
  const Response got = Server().answer(asking(kAny), std::move(response));
  CHECK(value_of(got, "accept-ranges") == "-");
  CHECK(value_of(got, "x-own") == "1");
}

TEST_CASE("A strong ETag becomes a weak one, where the content is another") {
  const auto etag = [](std::string_view value, std::string_view accepted) {
    Response response = json();
    response.headers.set("etag", value);
    return value_of(Server().answer(asking(accepted), std::move(response)), "etag");
  };
  CHECK(etag("\"abc\"", kAny) == "W/\"abc\"");
  CHECK(etag("W/\"abc\"", kAny) == "W/\"abc\"");
  CHECK(etag("\"abc\"", "") == "\"abc\"");
}

TEST_CASE("A 304 has the tag by which the client knows what it has") {
  const auto etag = [](std::string_view asked, std::string_view answered) {
    Request request = asking(kAny);
    request.headers.add("if-none-match", "\"other\"");
    request.headers.add("If-None-Match", asked);
    Response response(Status::not_modified);
    response.headers.set("etag", answered);
    const Response got = Server().answer(std::move(request), std::move(response));
    CHECK(value_of(got, "vary") == (value_of(got, "etag") == answered ? "-" : "Accept-Encoding"));
    return value_of(got, "etag");
  };
  CHECK(etag("W/\"abc\"", "\"abc\"") == "W/\"abc\"");
  CHECK(etag("\"x\", W/\"abc\"", "\"abc\"") == "W/\"abc\"");
  CHECK(etag("\"abc\"", "\"abc\"") == "\"abc\"");
  CHECK(etag("W/\"abcd\"", "\"abc\"") == "\"abc\"");
  CHECK(etag("W/\"abc\"", "W/\"abc\"") == "W/\"abc\"");
  CHECK(etag("*", "\"abc\"") == "\"abc\"");
}

TEST_CASE("Vary keeps what it says") {
  const auto vary = [](std::string_view value) {
    Response response = json();
    response.headers.add("Vary", value);
    return value_of(Server().answer(asking(kAny), std::move(response)), "vary");
  };
  CHECK(vary("Origin") == "Origin, Accept-Encoding");
  CHECK(vary("accept-encoding, Origin") == "accept-encoding, Origin");
  CHECK(vary("*") == "*");
}

TEST_CASE("HEAD is answered with the fields of GET by a handler that gives both the content") {
  Server server;
  const auto answer = [&server](Method method) {
    Response response = json();
    response.headers.set("etag", "\"abc\"");
    return server.answer(asking(kAny, std::move(method)), std::move(response));
  };
  const Response get = answer(Method::get);
  const Response head = answer(Method::head);
  for (const char* name : {"content-encoding", "vary", "etag", "content-type"}) {
    CHECK(value_of(head, name) == value_of(get, name));
  }
  CHECK(head.body.size() == get.body.size());
}

TEST_CASE("HEAD is answered with the fields of GET by a target") {
  Server server;
  const auto head = [&server](std::optional<std::string_view> length) {
    Response response;
    response.headers.set("content-type", "application/json");
    if (length) response.headers.set("content-length", *length);
    return server.answer(asking(kAny, Method::head), std::move(response));
  };
  const Response large = head("5000");
  CHECK(encoding(large) != "-");
  CHECK(value_of(large, "vary") == "Accept-Encoding");
  CHECK(value_of(large, "content-length") == "-");
  CHECK(large.body.empty());
  const Response small = head("1023");
  CHECK(encoding(small) == "-");
  CHECK(value_of(small, "content-length") == "1023");
  CHECK(encoding(head(std::nullopt)) != "-");
}

TEST_CASE("HEAD for content of unknown size drops it unread, and says no length") {
  ScriptedBody source;
  source.fill(5000).with_size();
  Response response;
  response.headers.set("content-type", "application/json");
  response.body = source.body();
  const Response got = Server().answer(asking(kAny, Method::head), std::move(response));
  CHECK(encoding(got) != "-");
  CHECK(got.body.empty());
  CHECK(source.was_dropped());
  CHECK(source.bytes_read() == 0);
}

TEST_CASE("Two layers compress once, and the inner one decides how") {
  VirtualExecutor executor;
  const ContentCoding inner_coding = GENERATE(from_range(built_in_codings()));
  CompressionOptions options;
  options.codings = {inner_coding};
  const MiddlewarePtr inner = compression(std::move(options));
  const MiddlewarePtr outer = compression();
  const std::string content = some_text(5000);
  ScriptedNext innermost;
  innermost.respond(json(content));
  const ScriptedNext next([&](Context& ctx) { return inner->handle(ctx, innermost.next()); });
  TestExchange exchange(executor, asking(kAny));
  Response response = exchange.run(*outer, next);
  CHECK(encoding(response) == name_of(inner_coding));
  CHECK(value_of(response, "vary") == "Accept-Encoding");
  Result<std::string> bytes = executor.run(response.body.collect(kMost));
  REQUIRE(bytes);
  CHECK((decode(inner_coding, *bytes).content == content));
}

TEST_CASE("What the client accepts counts as it was asked, whatever the layers behind do to it") {
  VirtualExecutor executor;
  TestExchange exchange(executor, asking(kAny));
  const ScriptedNext next([](Context& ctx) -> Task<Response> {
    ctx.request().headers.remove(Field::accept_encoding);
    return [](std::string content) -> Task<Response> { co_return json(content); }(some_text(5000));
  });
  CHECK(encoding(exchange.run(*compression(), next)) != "-");
}

TEST_CASE("A response that finds no room for its compressor goes out as it is") {
  CompressionOptions options;
  options.memory = 5 << 20;
  options.codings = {built_in_codings().front()};
  Server server(std::move(options));
  const std::string content = some_text(5000);
  std::vector<Response> open;
  for (int i = 0; i < 100 && (open.empty() || encoding(open.back()) != "-"); ++i) {
    open.push_back(server.answer(asking(kAny), stream(content)));
  }
  REQUIRE(open.size() < 100);
  REQUIRE(open.size() > 1);
  CHECK(value_of(open.back(), "vary") == "Accept-Encoding");
  CHECK((server.content(open.back()) == content));
  Response whole = server.answer(asking(kAny), json(content));
  CHECK(encoding(whole) == "-");
  CHECK((server.content(whole) == content));

  // One that has been read to its end makes room, though it is still there.
  server.content(open.front());
  CHECK(encoding(server.answer(asking(kAny), stream(content))) != "-");
}

TEST_CASE("A body may outlive the layer") {
  VirtualExecutor executor;
  const std::string content = some_text(300000);
  Response response;
  {
    const MiddlewarePtr layer = compression();
    ScriptedNext next;
    next.respond(json(content));
    TestExchange exchange(executor, asking("gzip, br, zstd"));
    response = exchange.run(*layer, next);
  }
  executor.settle();
  Result<std::string> bytes = executor.run(response.body.collect(kMost));
  REQUIRE(bytes);
  CHECK((decode(*content_coding_of(encoding(response)), *bytes).content == content));
}

TEST_CASE("Mistakes in the options of compression are told at once") {
  const auto problems = [](CompressionOptions options) {
    try {
      static_cast<void>(compression(std::move(options)));
    } catch (const ConfigError& error) {
      return error.problems().size();
    }
    return std::size_t{0};
  };
  CompressionOptions wrong;
  wrong.codings = {built_in_codings().front(), built_in_codings().front()};
  wrong.types = {"text", "text/*"};
  wrong.gzip_level = 10;
  wrong.brotli_level = -1;
  wrong.zstd_level = 0;
  CHECK(problems(std::move(wrong)) == 5);
  CHECK(problems({}) == 0);
  for (const auto coding : {ContentCoding::zstd, ContentCoding::brotli, ContentCoding::gzip}) {
    CompressionOptions named;
    named.codings = {coding};
    CHECK((problems(std::move(named)) == 0) == is_built_in(coding));
  }
}
