// SPDX-License-Identifier: Apache-2.0
// WireReader: reads what may stand on the wire, in whatever pieces, and refuses what may not.
#include "gatewaykit/testing/wire.hpp"

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"

using gatewaykit::testing::WireMessage;
using gatewaykit::testing::WireReader;
using Kind = WireReader::Kind;

namespace {

WireMessage read(Kind kind, std::string_view bytes, std::size_t piece = 1000) {
  WireReader reader(kind);
  for (std::size_t at = 0; at < bytes.size(); at += piece) reader.feed(bytes.substr(at, piece));
  return reader.take();
}

}  // namespace

TEST_CASE("a request is read, in pieces of any size") {
  constexpr std::string_view kRequest =
      "POST /users?id=7 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Two: 1\r\nx-two:\t2 \r\n\r\n"
      "hello";
  for (std::size_t piece = 1; piece <= kRequest.size(); ++piece) {
    CAPTURE(piece);
    const WireMessage request = read(Kind::requests, kRequest, piece);
    REQUIRE(request.is_complete);
    CHECK(request.start_line() == "POST /users?id=7 HTTP/1.1");
    CHECK(request.method() == "POST");
    CHECK(request.target() == "/users?id=7");
    CHECK(request.field("HOST") == "a");
    CHECK(request.fields("x-two") == std::vector<std::string>{"1", "2"});
    CHECK_FALSE(request.field("absent").has_value());
    CHECK(request.body == "hello");
    CHECK(request.body_size == 5);
    CHECK_FALSE(request.is_chunked);
  }
}

TEST_CASE("chunked content is read without its framing, with its trailers") {
  constexpr std::string_view kRequest =
      "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\nA\r\n0123456789\r\n0\r\nDigest: abc\r\n\r\n";
  for (std::size_t piece = 1; piece <= kRequest.size(); ++piece) {
    CAPTURE(piece);
    const WireMessage request = read(Kind::requests, kRequest, piece);
    REQUIRE(request.is_complete);
    CHECK(request.is_chunked);
    CHECK(request.body == "hello0123456789");
    CHECK(request.trailers == "Digest: abc\r\n");
  }
}

TEST_CASE("messages follow each other on one connection") {
  WireReader reader(Kind::requests);
  reader.feed("GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 1\r\n\r\nxGET /3");
  CHECK(reader.take().target() == "/1");
  CHECK(reader.take().body == "x");
  CHECK_FALSE(reader.has_head());
  reader.feed(" HTTP/1.1\r\n\r\n");
  CHECK(reader.message().is_complete);
  CHECK(reader.take().target() == "/3");
}

TEST_CASE("a message that ends early is not complete") {
  WireReader reader(Kind::requests);
  reader.feed("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf");
  CHECK(reader.has_head());
  reader.feed_end();
  const WireMessage request = reader.take();
  CHECK_FALSE(request.is_complete);
  CHECK(request.body == "half");
}

TEST_CASE("a response has the content that its status and its request allow") {
  const WireMessage plain = read(Kind::responses, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(plain.is_complete);
  CHECK(plain.status() == 200);
  CHECK(plain.body == "ok");
  CHECK(read(Kind::responses, "HTTP/1.1 204 \r\n\r\n").is_complete);
  CHECK(
      read(Kind::responses, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n").is_complete);

  WireReader reader(Kind::responses);
  reader.expect_no_content();
  reader.feed("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
  CHECK(reader.take().status() == 103);
  CHECK(reader.message().is_complete);
  CHECK(reader.take().status() == 200);
}

TEST_CASE("a response without framing lasts until the end of the connection") {
  WireReader reader(Kind::responses);
  reader.feed("HTTP/1.1 200 OK\r\n\r\nall ");
  reader.feed("that comes");
  CHECK_FALSE(reader.message().is_complete);
  reader.feed_end();
  CHECK(reader.message().is_complete);
  CHECK(reader.take().body == "all that comes");
}

TEST_CASE("what follows an upgrade is no message") {
  WireReader reader(Kind::responses);
  reader.feed("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n\x01\r\n\r\n\x02");
  CHECK(reader.take().status() == 101);
  reader.feed("more\r\n\r\n");
  CHECK(reader.take_rest() == "\x01\r\n\r\n\x02more\r\n\r\n");
}

TEST_CASE("bodies that are not kept are counted") {
  WireReader reader(Kind::requests);
  reader.keep_bodies(false);
  reader.feed("PUT / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n");
  reader.feed(std::string(1000, 'x'));
  const WireMessage request = reader.take();
  CHECK(request.is_complete);
  CHECK(request.body.empty());
  CHECK(request.body_size == 1000);
}

TEST_CASE("what a gateway must not write is refused") {
  const std::vector<std::string_view> requests = {
      "GET / HTTP/1.0\r\n\r\n",
      "GET  / HTTP/1.1\r\n\r\n",
      "GET /a b HTTP/1.1\r\n\r\n",
      "G@T / HTTP/1.1\r\n\r\n",
      "\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
      "GET / HTTP/1.1\r\n folded\r\n\r\n",
      "GET / HTTP/1.1\r\nno colon\r\n\r\n",
      "GET / HTTP/1.1\r\na: b\nc: d\r\n\r\n",
      "GET / HTTP/1.1\r\na: b\rc\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
      "GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n",
      "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;ext\r\n",
      "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
      "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n",
  };
  for (const std::string_view request : requests) {
    CAPTURE(std::string(request));
    CHECK_THROWS_AS(read(Kind::requests, request), std::runtime_error);
  }
  const std::vector<std::string_view> responses = {
      "HTTP/1.0 200 OK\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 200\r\n\r\n",
      "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n",
  };
  for (const std::string_view response : responses) {
    CAPTURE(std::string(response));
    CHECK_THROWS_AS(read(Kind::responses, response), std::runtime_error);
  }
}

TEST_CASE("a refusal shows the bytes that it is about") {
  CHECK_THROWS_WITH(read(Kind::requests, "GET / HTTP/1.1\r\nbad \x01line\r\n\r\n"),
                    "malformed message on the wire: a control character: \"bad \\x01line\"");
}
