// SPDX-License-Identifier: Apache-2.0
// Field sections of HTTP/2 as RFC 9113 sections 8.2 and 8.3 want them: what would be another
// message once it is written as HTTP/1.1 is refused.
#include "codec/http2_fields.hpp"

#include <initializer_list>
#include <string>
#include <utility>

#include "catch.hpp"
#include "codec/http1_response_parser.hpp"

using gatewaykit::Field;
using gatewaykit::Headers;
using gatewaykit::Method;
using gatewaykit::Status;
using gatewaykit::codec::Http2FieldList;
using gatewaykit::codec::Http2RequestHead;
using gatewaykit::codec::Http2ResponseHead;
using gatewaykit::codec::Http2Trailers;
using gatewaykit::codec::RequestLimits;

namespace {

using Lines = std::initializer_list<std::pair<std::string_view, std::string_view>>;

const RequestLimits kLimits;

Http2RequestHead request(Lines lines, bool has_content = false) {
  Http2RequestHead head(kLimits);
  for (const auto& [name, value] : lines) head.add_line(name, value);
  head.finish(has_content);
  return head;
}

/// A good request with one line more.
Http2RequestHead with(std::string_view name, std::string_view value, bool has_content = false) {
  return request({{":method", "POST"},
                  {":scheme", "https"},
                  {":path", "/a"},
                  {":authority", "a.test"},
                  {name, value}},
                 has_content);
}

Http2ResponseHead response(Lines lines) {
  Http2ResponseHead head(gatewaykit::codec::kResponseLimits);
  for (const auto& [name, value] : lines) head.add_line(name, value);
  head.finish();
  return head;
}

}  // namespace

TEST_CASE("A request is its pseudo-fields and its fields") {
  Http2RequestHead head = request({{":method", "GET"},
                                   {":scheme", "https"},
                                   {":path", "/a?b=c"},
                                   {":authority", "A.test:8443"},
                                   {"x-one", "1"},
                                   {"accept", "text/plain"}});
  REQUIRE(head.is_valid());
  CHECK(head.method == Method::get);
  CHECK(head.target == "/a?b=c");
  CHECK(head.authority == "a.test:8443");
  CHECK(head.fields().size() == 2);
  CHECK(head.fields().get("x-one") == "1");
  CHECK(head.fields().get(Field::accept) == "text/plain");
}

TEST_CASE("Host stands in for :authority and must not differ from it") {
  const auto named = [](std::string_view authority, std::string_view host) {
    Http2RequestHead head(kLimits);
    head.add_line(":method", "GET");
    head.add_line(":scheme", "http");
    head.add_line(":path", "/");
    if (!authority.empty()) head.add_line(":authority", authority);
    if (!host.empty()) head.add_line("host", host);
    head.finish(false);
    return head;
  };
  CHECK(named("", "A.test").authority == "a.test");
  CHECK(named("a.test", "A.TEST").is_valid());
  CHECK_FALSE(named("a.test", "b.test").is_valid());
  CHECK_FALSE(named("", "").is_valid());
  CHECK_FALSE(named("user@a.test", "").is_valid());
  CHECK_FALSE(named("a.test/x", "").is_valid());
}

TEST_CASE("Pseudo-fields come first, once, and are those of a request") {
  CHECK_FALSE(with(":path", "/b").is_valid());
  CHECK_FALSE(with(":status", "200").is_valid());
  CHECK_FALSE(with(":unknown", "1").is_valid());
  CHECK_FALSE(with("", "1").is_valid());
  CHECK_FALSE(
      request({{"x", "1"}, {":method", "GET"}, {":scheme", "http"}, {":path", "/"}}).is_valid());
  CHECK_FALSE(request({{":method", "GET"}, {":path", "/"}, {":authority", "a"}}).is_valid());
  CHECK_FALSE(request({{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}}).is_valid());
  CHECK_FALSE(request({{":scheme", "http"}, {":path", "/"}, {":authority", "a"}}).is_valid());
}

TEST_CASE("What would end a line or a word of HTTP/1.1 is in no part of a request") {
  const std::string_view bad = GENERATE(as<std::string_view>(), "a b", "a\r\nb: c", "a\nb",
                                        std::string_view("a\0b", 3), "a\tb", "\x7f");
  const auto parts = [](std::string_view method, std::string_view path, std::string_view authority,
                        std::string_view scheme) {
    return request(
        {{":method", method}, {":path", path}, {":authority", authority}, {":scheme", scheme}});
  };
  REQUIRE(parts("GET", "/", "a.test", "http").is_valid());
  CHECK_FALSE(parts(bad, "/", "a.test", "http").is_valid());
  CHECK_FALSE(parts("GET", "/" + std::string(bad), "a.test", "http").is_valid());
  CHECK_FALSE(parts("GET", "/", bad, "http").is_valid());
  CHECK_FALSE(parts("GET", "/", "a.test", bad).is_valid());
  CHECK_FALSE(with(bad, "1").is_valid());
}

TEST_CASE("Field values hold no control characters, names no capitals") {
  CHECK_FALSE(with("x", "a\r\nb: c").is_valid());
  CHECK_FALSE(with("x", std::string_view("a\0", 2)).is_valid());
  CHECK_FALSE(with("X-One", "1").is_valid());
  CHECK(with("x", "a\tb \xc3\xa4").is_valid());
  for (const char* const value : {" a", "a ", "\ta", "a\t", " "}) {
    CHECK_FALSE(with("x", value).is_valid());
    CHECK_FALSE(with("cookie", value).is_valid());
  }
  CHECK(with("x", "").is_valid());
}

TEST_CASE("Fields of connections of HTTP/1 are refused, TE but for trailers") {
  for (const char* const name : {"connection", "transfer-encoding", "upgrade", "keep-alive",
                                 "proxy-connection", "http2-settings"}) {
    CHECK_FALSE(with(name, "x").is_valid());
  }
  CHECK_FALSE(with("te", "gzip").is_valid());
  Http2RequestHead head = with("te", "trailers");
  CHECK(head.accepts_trailers);
  CHECK(head.fields().empty());
}

TEST_CASE("Content-Length is a number, once, and is not announced in vain") {
  CHECK(with("content-length", "5", true).content_length == 5);
  CHECK(with("content-length", "0").is_valid());
  CHECK_FALSE(with("content-length", "5").is_valid());
  for (const char* const value : {"+5", "-1", "0x5", "", "5, 5", "9223372036854775808"}) {
    CHECK_FALSE(with("content-length", value, true).is_valid());
  }
}

TEST_CASE("Crumbs of a cookie are put together") {
  Http2RequestHead head = request({{":method", "GET"},
                                   {":scheme", "http"},
                                   {":path", "/"},
                                   {":authority", "a"},
                                   {"cookie", "a=1"},
                                   {"x", "y"},
                                   {"cookie", "b=2"}});
  CHECK(head.fields().count(Field::cookie) == 1);
  CHECK(head.fields().get(Field::cookie) == "a=1; b=2");
}

TEST_CASE("CONNECT has no target unless it is extended") {
  CHECK(request({{":method", "CONNECT"}, {":authority", "a:1"}}).is_valid());
  CHECK_FALSE(request({{":method", "CONNECT"}, {":authority", "a:1"}, {":path", "/"}}).is_valid());
  const Http2RequestHead extended = request({{":method", "CONNECT"},
                                             {":protocol", "websocket"},
                                             {":scheme", "https"},
                                             {":path", "/chat"},
                                             {":authority", "a"}});
  CHECK(extended.is_valid());
  CHECK(extended.protocol == "websocket");
  CHECK_FALSE(request({{":method", "GET"},
                       {":protocol", "websocket"},
                       {":scheme", "https"},
                       {":path", "/chat"},
                       {":authority", "a"}})
                  .is_valid());
}

TEST_CASE("A section that is too large is refused with 431 and holds no memory") {
  Http2RequestHead head(kLimits);
  head.add_line(":method", "GET");
  const std::string value(4000, 'x');
  for (int i = 0; i < 4000; ++i) head.add_line("x-bomb", value);
  head.finish(false);
  CHECK_FALSE(head.is_valid());
  CHECK(head.error().status == Status::request_header_fields_too_large);
  CHECK(head.fields().empty());

  Http2RequestHead long_path(kLimits);
  long_path.add_line(":path", "/" + std::string(9000, 'x'));
  CHECK(long_path.error().status == Status::uri_too_long);
}

TEST_CASE("Of a refused section the content type alone is kept, wherever it stands") {
  const auto refused = [](Lines fields, bool has_content = true) {
    Http2RequestHead head(kLimits);
    head.add_line(":method", "POST");
    head.add_line(":scheme", "https");
    head.add_line(":path", "/a");
    head.add_line(":authority", "a.test");
    for (const auto& [name, value] : fields) head.add_line(name, value);
    head.finish(has_content);
    CHECK_FALSE(head.is_valid());
    CHECK(head.fields().empty());
    return std::string(head.content_type());
  };
  const std::string large(kLimits.section.bytes, 'x');
  const std::string fitting(kLimits.section.bytes - 150, 'x');
  const std::string_view type = "application/grpc";
  CHECK(refused({{"content-type", type}, {"X-Bad", "1"}}) == type);
  CHECK(refused({{"X-Bad", "1"}, {"content-type", type}}) == type);
  CHECK(refused({{"content-type", type}, {"x", large}, {"y", "1"}}) == type);
  CHECK(refused({{"x", large}, {"y", "1"}, {"content-type", type}}) == type);
  // What is wrong is known at the end alone.
  CHECK(refused({{"content-type", type}, {"content-length", "5"}}, false) == type);
  CHECK(refused({{"x", "1"}, {"y", large}}).empty());

  SECTION("as the line for which there is no room, too") {
    CHECK(refused({{"x", fitting}, {"content-type", type}, {"y", large}}) == type);
    CHECK(refused({{"x", fitting}, {"y", std::string(60, 'y')}, {"content-type", type}}) == type);
  }
  SECTION("but for one that is malformed") {
    const std::string_view bad = GENERATE(as<std::string_view>(), "a\r\nb: c", "a\nb", " a", "a ",
                                          std::string_view("a\0b", 3), "\x7f");
    CHECK(refused({{"content-type", bad}}).empty());
    CHECK(refused({{"X-Bad", "1"}, {"content-type", bad}}).empty());
    CHECK(refused({{"content-type", type}, {"X-Bad", "1"}, {"content-type", bad}}) == type);
  }
  SECTION("and for one that is long") {
    const std::string longest(128, 'a');
    const std::string longer(129, 'a');
    CHECK(refused({{"content-type", longest}, {"X-Bad", "1"}}) == longest);
    CHECK(refused({{"X-Bad", "1"}, {"content-type", longest}}) == longest);
    CHECK(refused({{"content-type", longer}, {"X-Bad", "1"}}).empty());
    CHECK(refused({{"X-Bad", "1"}, {"content-type", longer}}).empty());
  }
}

TEST_CASE("A valid section has its content type among its fields") {
  Http2RequestHead head = with("content-type", "application/grpc", true);
  REQUIRE(head.is_valid());
  CHECK(head.content_type().empty());
  CHECK(head.fields().get(Field::content_type) == "application/grpc");
}

TEST_CASE("Trailers lose what decides on framing or routing, and have no pseudo-fields") {
  Http2Trailers trailers(gatewaykit::codec::kResponseLimits);
  trailers.add_line("x-sum", "1");
  trailers.add_line("content-length", "5");
  trailers.add_line("host", "b.test");
  CHECK(trailers.is_valid());
  CHECK(trailers.fields().size() == 1);
  trailers.add_line(":path", "/");
  CHECK_FALSE(trailers.is_valid());
  for (const char* const name : {"connection", "transfer-encoding", "te", "upgrade"}) {
    Http2Trailers others(gatewaykit::codec::kResponseLimits);
    others.add_line(name, "trailers");
    CHECK_FALSE(others.is_valid());
  }
}

TEST_CASE("A response has a status of three digits, and nothing of HTTP/1's connections") {
  Http2ResponseHead good = response({{":status", "204"}, {"x", "1"}});
  CHECK(good.is_valid());
  CHECK(good.status == Status::no_content);
  CHECK(good.fields().get("x") == "1");
  CHECK_FALSE(response({{"x", "1"}}).is_valid());
  CHECK_FALSE(response({{":status", "20"}}).is_valid());
  CHECK_FALSE(response({{":status", "099"}}).is_valid());
  CHECK_FALSE(response({{":status", "101"}}).is_valid());
  CHECK_FALSE(response({{":status", "200"}, {":status", "200"}}).is_valid());
  CHECK_FALSE(response({{":status", "200"}, {":path", "/"}}).is_valid());
  CHECK_FALSE(response({{":status", "200"}, {"transfer-encoding", "chunked"}}).is_valid());
  CHECK_FALSE(response({{":status", "200"}, {"connection", "close"}}).is_valid());
}

TEST_CASE("What is written leaves out the fields of a hop; known names are in lower case") {
  Headers headers;
  headers.add("Content-Type", "text/plain");
  headers.add("Connection", "close");
  headers.add("X-One", "1");
  Http2FieldList list;
  list.add(headers);
  REQUIRE(list.size() == 2);
  const nghttp2_nv& known = list.data()[0];
  CHECK(std::string(reinterpret_cast<char*>(known.name), known.namelen) == "content-type");
  // nghttp2 lowers the names that it copies.
  CHECK((list.data()[1].flags & NGHTTP2_NV_FLAG_NO_COPY_NAME) == 0);
}
