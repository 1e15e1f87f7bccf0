// SPDX-License-Identifier: Apache-2.0
// The response parser: how an answer is framed, and which answers of a broken or hostile target are
// refused (attack classes 20 and 22), the same at every split of the bytes.
#include "codec/http1_response_parser.hpp"

#include <string>
#include <vector>

#include "catch.hpp"
#include "splits.hpp"

using namespace gatewaykit;
using namespace gatewaykit::codec;

namespace {

std::string outcome_of(const ResponseHead& head) {
  std::string text = std::to_string(code(head.status));
  text += head.version == HttpVersion::http_1_0 ? " 1.0" : " 1.1";
  switch (head.framing.kind) {
    case BodyFraming::Kind::none:
      text += ", no content";
      break;
    case BodyFraming::Kind::length:
      text += ", length " + std::to_string(head.framing.length);
      break;
    case BodyFraming::Kind::chunked:
      text += ", chunked";
      break;
    case BodyFraming::Kind::until_close:
      text += ", until close";
      break;
  }
  if (head.keep_alive) text += ", keep alive";
  if (!head.upgrade.empty()) text.append(", switches to ").append(head.upgrade);
  return text + "\n" + text_of(head.headers);
}

std::string parse(std::string_view message, Method method = Method::get,
                  const SectionLimits& limits = kResponseLimits) {
  return at_every_split(message, [&](std::string_view bytes, const std::vector<std::size_t>& ends) {
    ResponseParser parser(limits);
    for (const std::size_t end : ends) {
      const ExactBytes piece(bytes.substr(0, end));
      ResponseHead head;
      const ParseResult result = parser.parse(piece.view(), method, head);
      if (result == ParseResult::need_more) continue;
      if (result == ParseResult::done) return outcome_of(head);
      REQUIRE(parser.error().status == Status::bad_gateway);
      return "refused: " + std::string(parser.error().sentence);
    }
    return std::string("need more");
  });
}

std::string ok_with(std::string_view lines, Method method = Method::get) {
  return parse("HTTP/1.1 200 OK\r\n" + std::string(lines) + "\r\n", method);
}

bool is_refused(const std::string& outcome) { return outcome.find("refused: ") == 0; }

}  // namespace

TEST_CASE("a response head is told apart into its parts") {
  CHECK(parse("HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 3\r\nConnection: keep-alive\r\n"
              "\r\nabc") == "200 1.1, length 3, keep alive\nServer: x\n");
  CHECK(parse("HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n") == "404 1.1, length 0, keep alive\n");
  CHECK(parse("HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n") == "404 1.1, length 0, keep alive\n");
  CHECK(parse("HTTP/1.1 299 Gr\xc3\xbc\xc3\x9f Gott\t!\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        "299 1.1, chunked, keep alive\n");
  CHECK(parse("HTTP/1.1 200 OK\r\nA: b\r\n") == "need more");
}

TEST_CASE("content without a length lasts until the connection closes") {
  CHECK(ok_with("") == "200 1.1, until close\n");
  CHECK(ok_with("Connection: keep-alive\r\n") == "200 1.1, until close\n");
  CHECK(parse("HTTP/1.0 200 OK\r\n\r\n") == "200 1.0, until close\n");
}

TEST_CASE("persistence of a response follows its version and Connection") {
  CHECK(ok_with("Content-Length: 1\r\nConnection: close\r\n") == "200 1.1, length 1\n");
  CHECK(parse("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n") == "200 1.0, length 1\n");
  CHECK(parse("HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n") ==
        "200 1.0, length 1, keep alive\n");
}

TEST_CASE("answers that have no content end with their head, whatever they say (22)") {
  const std::string lines = "Content-Length: 5\r\n\r\nhello";
  CHECK(parse("HTTP/1.1 204 No Content\r\n" + lines) == "204 1.1, no content\n");
  CHECK(parse("HTTP/1.1 100 Continue\r\n" + lines) == "100 1.1, no content, keep alive\n");
  CHECK(parse("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n") ==
        "103 1.1, no content, keep alive\nLink: x\n");
}

TEST_CASE("a 204 that announces content ends its connection: it may be sent all the same (22)") {
  CHECK(parse("HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n") == "204 1.1, no content\n");
  CHECK(parse("HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n") == "204 1.1, no content\n");
  CHECK(parse("HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n") ==
        "204 1.1, no content, keep alive\n");
}

TEST_CASE("answers to HEAD, and 304, describe content that does not follow") {
  CHECK(ok_with("Content-Length: 5\r\nA: b\r\n", Method::head) ==
        "200 1.1, no content, keep alive\nContent-Length: 5\nA: b\n");
  CHECK(parse("HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n") ==
        "304 1.1, no content, keep alive\nContent-Length: 5\n");
  CHECK(ok_with("", Method::head) == "200 1.1, no content, keep alive\n");
  CHECK(ok_with("Transfer-Encoding: chunked\r\n", Method::head) ==
        "200 1.1, no content, keep alive\n");
  CHECK(is_refused(ok_with("Content-Length: x\r\n", Method::head)));
}

TEST_CASE("101 tells the protocol that the connection switched to") {
  CHECK(parse("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\nA: b\r\n\r\n"
              "raw") == "101 1.1, no content, keep alive, switches to websocket\nA: b\n");
  CHECK(parse("HTTP/1.1 426 x\r\nUpgrade: foo\r\nContent-Length: 0\r\n\r\n") ==
        "426 1.1, length 0, keep alive\n");
}

TEST_CASE("fields of the hop are left out of a response, with those that Connection nominates") {
  CHECK(ok_with("Content-Length: 0\r\nConnection: x-hop, close\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
                "Proxy-Connection: x\r\nX-Kept: 2\r\n") == "200 1.1, length 0\nX-Kept: 2\n");
}

TEST_CASE("one parser reads the interim heads and the final one") {
  const std::string stream =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: a\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
  ResponseParser parser;
  std::string_view rest = stream;
  std::string statuses;
  for (int i = 0; i < 3; ++i) {
    ResponseHead head;
    REQUIRE(parser.parse(rest, Method::get, head) == ParseResult::done);
    statuses += std::to_string(code(head.status)) + " ";
    rest.remove_prefix(head.size);
  }
  CHECK(statuses == "100 103 200 ");
  CHECK(rest == "hi");
}

TEST_CASE("a parser starts afresh where it is told to") {
  ResponseParser parser;
  ResponseHead head;
  REQUIRE(parser.parse("HTTP/1.1 200 OK\r\nA: b", Method::get, head) == ParseResult::need_more);
  parser.reset();
  REQUIRE(parser.parse("HTTP/1.1 204 x\r\n\r\n", Method::get, head) == ParseResult::done);
  CHECK(outcome_of(head) == "204 1.1, no content, keep alive\n");
}

TEST_CASE("a malformed status line is refused (20)") {
  for (const char* line : {
           "",
           " HTTP/1.1 200 OK",
           "\r\nHTTP/1.1 200 OK",
           "HTTP/1.2 200 OK",
           "HTTP/2.0 200 OK",
           "HTTP/2 200 OK",
           "HTTP/0.9 200 OK",
           "HTTP/11.1 200 OK",
           "http/1.1 200 OK",
           "HTTP/1.1  200 OK",
           "HTTP/1.1\t200 OK",
           "HTTP/1.1 20 OK",
           "HTTP/1.1 2000 OK",
           "HTTP/1.1 2x0 OK",
           "HTTP/1.1 -20 OK",
           "HTTP/1.1 099 OK",
           "HTTP/1.1 000 OK",
           "HTTP/1.1 200OK",
           "HTTP/1.1 200\tOK",
           "HTTP/1.1 200 O\x01K",
           "HTTP/1.1 200 O\rK",
           "HTTP/1.1 200 O\nK",
           "HTTP/1.1 200 OK\r",
           "HTTP/1.1200 OK",
           "HTTP 200 OK",
           "<html>",
           "SSH-2.0-OpenSSH",
       }) {
    CAPTURE(line);
    CHECK(is_refused(parse(std::string(line) + "\r\nContent-Length: 0\r\n\r\n")));
  }
  CHECK(is_refused(parse("HTTP/1.1 200 OK\nContent-Length: 0\n\n")));
  CHECK(is_refused(parse(std::string("HTTP/1.1 200 O\0K\r\n\r\n", 20))));
}

TEST_CASE("malformed fields are refused (20)") {
  for (const char* lines :
       {"A: b\nC: d\r\n", "A: b\rC: d\r\n", "A: b\x01\r\n", "A: \x7f\r\n", "A : b\r\n", ": b\r\n",
        "A\r\n", " A: b\r\n", "A: b\r\n c\r\n", "A\xff: b\r\n", "A(: b\r\n", "A: b\r\n\n"}) {
    CAPTURE(lines);
    CHECK(is_refused(ok_with(lines)));
  }
}

TEST_CASE("framing that can be understood in two ways is refused (20)") {
  for (const char* lines : {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                            "Content-Length: 5\r\nContent-Length: 6\r\n",
                            "Content-Length: 5\r\nContent-Length: 5\r\n",
                            "Content-Length: 5, 5\r\n",
                            "Content-Length: -5\r\n",
                            "Content-Length: +5\r\n",
                            "Content-Length: 0x5\r\n",
                            "Content-Length: \r\n",
                            "Content-Length: 5 5\r\n",
                            "Content-Length: 18446744073709551616\r\n",
                            "Content-Length: 9223372036854775808\r\n",
                            "Transfer-Encoding: gzip\r\n",
                            "Transfer-Encoding: gzip, chunked\r\n",
                            "Transfer-Encoding: chunked, gzip\r\n",
                            "Transfer-Encoding: identity\r\n",
                            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                            "Transfer-Encoding:\r\n",
                            "Transfer-Encoding: chunked,\r\n",
                            "Transfer-Encoding: xchunked\r\n"}) {
    CAPTURE(lines);
    CHECK(is_refused(ok_with(lines)));
  }
  CHECK(is_refused(parse("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")));
}

TEST_CASE("a response head has limits, which show before it is complete (20)") {
  const std::string begin = "HTTP/1.1 200 OK\r\n";
  CHECK(is_refused(parse(begin + "a: " + std::string(70000, 'v'))));
  CHECK_FALSE(is_refused(parse(begin + "a: " + std::string(60000, 'v') + "\r\n\r\n")));
  CHECK(is_refused(parse("HTTP/1.1 200 " + std::string(9000, 'r'))));
  std::string fields;
  for (int i = 0; i < 200; ++i) fields += "x: y\r\n";
  CHECK_FALSE(is_refused(parse(begin + fields + "\r\n")));
  CHECK(is_refused(parse(begin + fields + "x")));
  CHECK(is_refused(parse(begin + "a: b\r\nc: d\r\n\r\n", Method::get, {100, 1})));
}
