// SPDX-License-Identifier: Apache-2.0
// The request parser: what a head means, and what is refused, the same at every split of the bytes.
// The numbers in brackets are classes of attacks: framing 1-5, fields 10-13, request line 23-28,
// limits 35-36, hop-by-hop 39.
#include "codec/http1_request_parser.hpp"

#include <string>
#include <vector>

#include "catch.hpp"
#include "splits.hpp"

using namespace gatewaykit;
using namespace gatewaykit::codec;

namespace {

const RequestLimits kLimits;

std::string framing_text(const BodyFraming& framing) {
  switch (framing.kind) {
    case BodyFraming::Kind::none:
      return "no content";
    case BodyFraming::Kind::length:
      return "length " + std::to_string(framing.length);
    case BodyFraming::Kind::chunked:
      return "chunked";
    case BodyFraming::Kind::until_close:
      return "until close";
  }
  return "?";
}

std::string outcome_of(const ParseResult result, const RequestHead& head, const ParseError& error) {
  if (result == ParseResult::failed) {
    return std::to_string(code(error.status)) + " " + std::string(error.sentence);
  }
  std::string text;
  text.append(head.method.name()).append(" ").append(head.target);
  text += " 1." + std::to_string(head.minor_version) + " @" + std::string(head.authority) + "\n";
  text += framing_text(head.framing);
  if (head.keep_alive) text += ", keep alive";
  if (head.expects_continue) text += ", expects 100";
  if (head.accepts_trailers) text += ", trailers";
  if (!head.upgrade.empty()) text.append(", upgrade to ").append(head.upgrade);
  text += ", head of " + std::to_string(head.size) + "\n";
  return text + text_of(head.headers);
}

std::string run(std::string_view message, const std::vector<std::size_t>& ends,
                const RequestLimits& limits, std::size_t* seen = nullptr) {
  RequestParser parser(limits);
  for (const std::size_t end : ends) {
    const ExactBytes bytes(message.substr(0, end));
    RequestHead head;
    const ParseResult result = parser.parse(bytes.view(), head);
    if (result == ParseResult::need_more) continue;
    if (seen != nullptr) *seen = end;
    return outcome_of(result, head, parser.error());
  }
  return "need more";
}

std::string parse(std::string_view message, const RequestLimits& limits = kLimits) {
  return at_every_split(
      message, [&](std::string_view bytes, const auto& ends) { return run(bytes, ends, limits); });
}

/// How many bytes must come until the outcome is there.
std::size_t bytes_until_outcome(std::string_view message, const RequestLimits& limits = kLimits) {
  std::vector<std::size_t> ends;
  for (std::size_t end = 1; end <= message.size(); ++end) ends.push_back(end);
  std::size_t seen = 0;
  run(message, ends, limits, &seen);
  return seen;
}

/// A GET with these further lines.
std::string get_with(std::string_view lines) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n";
}

/// What a GET with these further lines comes to: its second line onwards.
std::string fields_of(std::string_view lines) {
  const std::string outcome = parse(get_with(lines));
  return outcome.substr(outcome.find('\n') + 1);
}

int status_of_refusal(std::string_view message, const RequestLimits& limits = kLimits) {
  const std::string outcome = parse(message, limits);
  INFO(outcome);
  REQUIRE(outcome.size() > 4);
  REQUIRE(outcome[3] == ' ');
  return std::stoi(outcome.substr(0, 3));
}

}  // namespace

TEST_CASE("a head is told apart into its parts") {
  CHECK(parse("GET /a?b=c HTTP/1.1\r\nHost: A.Test:8080\r\nX-One:  1 \t\r\nx-two:\r\n\r\nrest") ==
        "GET /a?b=c 1.1 @a.test:8080\n"
        "no content, keep alive, head of 63\n"
        "X-One: 1\nx-two: \n");
  CHECK(parse("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello") ==
        "POST / 1.1 @a\nlength 5, keep alive, head of 47\n");
  CHECK(parse("PURGE / HTTP/1.0\r\n\r\n") == "PURGE / 1.0 @\nno content, head of 20\n");
}

TEST_CASE("a head ends with its blank line and not a byte later") {
  const std::string head = get_with("a: b\r\n");
  CHECK(bytes_until_outcome(head + "GET / HTTP/1.1\r\n") == head.size());
  CHECK(parse(head.substr(0, head.size() - 1)) == "need more");
  CHECK(parse("") == "need more");
}

TEST_CASE("one parser reads one head after the other (17)") {
  const std::string first = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n";
  const std::string second = "\r\nGET /2 HTTP/1.0\r\nHost: b\r\n\r\n";
  RequestParser parser(kLimits);
  RequestHead one;
  const std::string stream = first + "xx" + second + "BAD";
  REQUIRE(parser.parse(stream, one) == ParseResult::done);
  CHECK(one.size == first.size());
  RequestHead two;
  const std::string_view rest = std::string_view(stream).substr(one.size + 2);
  REQUIRE(parser.parse(rest, two) == ParseResult::done);
  CHECK(outcome_of(ParseResult::done, two, parser.error()) ==
        "GET /2 1.0 @b\nno content, head of 30\n");
  RequestHead three;
  CHECK(parser.parse(rest.substr(two.size), three) == ParseResult::need_more);
}

TEST_CASE("the content is framed by length or by chunks") {
  CHECK(fields_of("Content-Length: 0\r\n") == "length 0, keep alive, head of 46\n");
  CHECK(fields_of("content-length: 00012\r\n") == "length 12, keep alive, head of 50\n");
  CHECK(fields_of("Content-Length: 9223372036854775807\r\n") ==
        "length 9223372036854775807, keep alive, head of 64\n");
  CHECK(fields_of("Transfer-Encoding: Chunked\r\n") == "chunked, keep alive, head of 55\n");
}

TEST_CASE("Content-Length and Transfer-Encoding exclude each other (1)") {
  CHECK(status_of_refusal(get_with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")) == 400);
  CHECK(status_of_refusal(get_with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")) == 400);
}

TEST_CASE("one Content-Length, which is a number (2, 3)") {
  for (const char* value : {"+5", "-1", "0x5", "1 0", "", " ", "5,5", "5, 5", "5, 6", "1.0", "1e3",
                            "5;", "\"5\"", "9223372036854775808", "18446744073709551616",
                            "18446744073709551621", "99999999999999999999999", "\xd9\xa5", "5\v"}) {
    CAPTURE(value);
    CHECK(status_of_refusal(get_with("Content-Length: " + std::string(value) + "\r\n")) == 400);
  }
  CHECK(status_of_refusal(get_with("Content-Length: 5\r\nContent-Length: 6\r\n")) == 400);
  CHECK(status_of_refusal(get_with("Content-Length: 5\r\ncontent-length: 5\r\n")) == 400);
}

TEST_CASE("no Transfer-Encoding but chunked, once (4)") {
  for (const char* value : {"chunked, gzip", "chunked, chunked", ",chunked", "chunked,", "",
                            "chunked;q=1", "\"chunked\"", "chun ked", "chunked chunked",
                            "\vchunked", "chunked\v", "chunked\x7f", "chunked, identity"}) {
    CAPTURE(value);
    CHECK(status_of_refusal(get_with("Transfer-Encoding: " + std::string(value) + "\r\n")) == 400);
  }
  for (const char* value : {"identity", "xchunked", "cow", "gzip", "gzip, chunked", "chunkedx"}) {
    CAPTURE(value);
    CHECK(status_of_refusal(get_with("Transfer-Encoding: " + std::string(value) + "\r\n")) == 501);
  }
  CHECK(status_of_refusal(
            get_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")) == 400);
  CHECK(status_of_refusal(
            get_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n")) == 400);
  CHECK(status_of_refusal(
            get_with("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n")) == 501);
}

TEST_CASE("HTTP/1.0 has no Transfer-Encoding (5)") {
  CHECK(status_of_refusal("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == 400);
}

TEST_CASE("lines end with CR LF, and neither stands alone (10)") {
  CHECK(status_of_refusal("GET / HTTP/1.1\nHost: a\n\n") == 400);
  CHECK(status_of_refusal("GET / HTTP/1.1\r\nHost: a\n\r\n") == 400);
  CHECK(status_of_refusal("GET / HTTP/1.1\r\nHost: a\r\n\n") == 400);
  CHECK(status_of_refusal("GET / HTTP/1.1\rHost: a\r\n\r\n") == 400);
  CHECK(status_of_refusal(get_with("a: b\rc: d\r\n")) == 400);
  CHECK(status_of_refusal(get_with("a: b\r\rc: d\r\n")) == 400);
  CHECK(status_of_refusal(get_with("a: b\r\n\rc: d\r\n")) == 400);
  CHECK(status_of_refusal("GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
}

TEST_CASE("a folded line is refused (11)") {
  CHECK(status_of_refusal(get_with("a: b\r\n c\r\n")) == 400);
  CHECK(status_of_refusal(get_with("a: b\r\n\tc\r\n")) == 400);
  CHECK(status_of_refusal("GET / HTTP/1.1\r\n Host: a\r\n\r\n") == 400);
}

TEST_CASE("a field name is a token that the colon follows at once (12)") {
  for (const char* line : {"a : b", "a\t: b", ": b", "ab", "a b: c", "a(b: c", "a\xc3\xa4: c",
                           "\xff: c", "a\x01: c", "a\x7f: b", "a\"b: c", "a/b: c", "a,b: c",
                           "{a}: c", "a@b: c", "a[b]: c", "a\\b: c", "Content-Length : 5"}) {
    CAPTURE(line);
    CHECK(status_of_refusal(get_with(std::string(line) + "\r\n")) == 400);
  }
  CHECK(status_of_refusal(get_with(std::string("a\0b: c\r\n", 8))) == 400);
  CHECK(fields_of("!#$%&'*+-.^_`|~09azAZ: x\r\n") ==
        "no content, keep alive, head of 53\n!#$%&'*+-.^_`|~09azAZ: x\n");
}

TEST_CASE("a field value has no control character but HTAB (13)") {
  for (int byte = 0; byte < 256; ++byte) {
    const bool bad = (byte < 0x20 && byte != '\t') || byte == 0x7f;
    for (const char* filler : {"", "0123456789abcdef0123456789"}) {
      const std::string value = filler + std::string(1, static_cast<char>(byte)) + "z";
      const std::string outcome = run(get_with("a: x" + value + "\r\n"),
                                      {get_with("a: x" + value + "\r\n").size()}, kLimits);
      const bool refused = outcome.substr(0, 4) == "400 ";
      if (refused != bad) FAIL("byte " << byte << ": " << outcome);
    }
  }
}

TEST_CASE("an error shows with the byte that makes it") {
  const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\n";
  CHECK(bytes_until_outcome(std::string("\x16\x03\x01\x02") + begin) == 1);  // A TLS client.
  CHECK(bytes_until_outcome("GE(T" + begin) == 3);
  CHECK(bytes_until_outcome("GET / HTTP/2.0\r\n\r\n") == 14);
  CHECK(bytes_until_outcome("GET / FTTP/1.1\r\n\r\n") == 7);
  CHECK(bytes_until_outcome(begin + "a b: c\r\n") == begin.size() + 2);
  CHECK(bytes_until_outcome(begin + "a: b\x01 more") == begin.size() + 5);
  CHECK(bytes_until_outcome(begin + "a: b\rmore") == begin.size() + 6);
  CHECK(bytes_until_outcome("GET admin HTTP/1.1\r\nHost: a\r\n") == 20);
}

TEST_CASE("one Host, which is a host with an optional port (23)") {
  CHECK(status_of_refusal("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(status_of_refusal("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of_refusal("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n") == 400);
  for (const char* host :
       {"",         " ",      "a/b",     "a b",       "u@a",    "u:p@a",
        "a:",       "a:x",    "a:0",     "a:65536",   "a:1:2",  "[::1",
        "::1",      "[::1]x", "[::1]:",  "[1.2.3.4]", "[v1.a]", "[fe80::1%25eth0]",
        "a,b",      "a?b",    "a#b",     "a%41",      "a\\b",   "\xc3\xa4",
        "http://a", ":80",    "a:080000"}) {
    CAPTURE(host);
    CHECK(status_of_refusal("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n") == 400);
  }
  for (const char* host : {"a", "a.b-c_d.", "127.0.0.1:1", "[::1]", "[2001:db8::1]:65535", "a~b"}) {
    CAPTURE(host);
    CHECK(parse("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n")
              .find("GET / 1.1 @" + std::string(host) + "\n") == 0);
  }
  CHECK(parse("GET / HTTP/1.0\r\n\r\n") == "GET / 1.0 @\nno content, head of 18\n");
}

TEST_CASE("the authority of an absolute target wins over Host (24)") {
  CHECK(parse("GET HTTP://A.test:81/x?y HTTP/1.1\r\nHost: b.test\r\n\r\n") ==
        "GET HTTP://A.test:81/x?y 1.1 @a.test:81\nno content, keep alive, head of 51\n");
  CHECK(parse("GET https://a HTTP/1.1\r\nHost: b\r\n\r\n").find("@a\n") != std::string::npos);
  CHECK(status_of_refusal("GET http://a.test/ HTTP/1.1\r\n\r\n") == 400);
  CHECK(status_of_refusal("GET http://a.test/ HTTP/1.1\r\nHost: b/c\r\n\r\n") == 400);
  for (const char* target : {"http://", "http:///x", "http://u@a/", "http://a:b/", "ftp://a/",
                             "http:/a", "http:a", "://a/", "http://a b/"}) {
    CAPTURE(target);
    CHECK(status_of_refusal("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  }
}

TEST_CASE("the form of a target goes with the method (25, 26)") {
  for (const char* line : {"GET *", "GET admin", "GET host:80", "OPTIONS */x", "OPTIONS **",
                           "GET ?x", "GET #", "CONNECT /", "CONNECT a", "CONNECT *", "CONNECT a:x",
                           "CONNECT http://a/", "CONNECT u@a:1", "POST *", "GET %2f", "GET \\"}) {
    CAPTURE(line);
    CHECK(status_of_refusal(std::string(line) + " HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  }
  CHECK(parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n") ==
        "OPTIONS * 1.1 @a\nno content, keep alive, head of 31\n");
  CHECK(parse("CONNECT B:443 HTTP/1.1\r\nHost: a\r\n\r\n") ==
        "CONNECT B:443 1.1 @b:443\nno content, keep alive, head of 35\n");
}

TEST_CASE("the version is HTTP/1.1 or HTTP/1.0 (27)") {
  for (const char* version : {"HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "HTTP/3.0", "HTTP/9.9"}) {
    CAPTURE(version);
    CHECK(status_of_refusal("GET / " + std::string(version) + "\r\nHost: a\r\n\r\n") == 505);
  }
  for (const char* version :
       {"http/1.1", "HTTP/x.y", "HTTP/1", "HTTP/1.", "HTTP/11.1", "HTTP/1.11", "HTTP/1,1",
        "HTTP1.1", "ICE/1.0", "HTTP/1.1x", "HTTP /1.1", "HTTP/ 1.1"}) {
    CAPTURE(version);
    CHECK(status_of_refusal("GET / " + std::string(version) + "\r\nHost: a\r\n\r\n") == 400);
  }
  CHECK(status_of_refusal("GET /\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of_refusal("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 505);
}

TEST_CASE("single blanks tell the parts of the request line apart (28)") {
  for (const char* line :
       {"GET\t/ HTTP/1.1", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET /\tHTTP/1.1",
        "GET / HTTP/1.1 ", "GET / HTTP/1.1\t", " GET / HTTP/1.1", "GET / x HTTP/1.1", "GET",
        "GET /", "/ HTTP/1.1", "GET\v/ HTTP/1.1"}) {
    CAPTURE(line);
    CHECK(status_of_refusal(std::string(line) + "\r\nHost: a\r\n\r\n") == 400);
  }
}

TEST_CASE("up to two blank lines before a request are skipped (28)") {
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  CHECK(parse("\r\n" + request) == "GET / 1.1 @a\nno content, keep alive, head of 29\n");
  CHECK(parse("\r\n\r\n" + request) == "GET / 1.1 @a\nno content, keep alive, head of 31\n");
  CHECK(status_of_refusal("\r\n\r\n\r\n" + request) == 400);
  CHECK(status_of_refusal("\n" + request) == 400);
  CHECK(status_of_refusal("\r" + request) == 400);
  CHECK(status_of_refusal("\r\n\r" + request) == 400);
}

TEST_CASE("a target has visible ASCII characters alone") {
  for (int byte = 0; byte < 256; ++byte) {
    if (byte == ' ') continue;
    const std::string request = "GET /0123456789abcdef" + std::string(1, static_cast<char>(byte)) +
                                " HTTP/1.1\r\nHost: a\r\n\r\n";
    const bool refused = run(request, {request.size()}, kLimits).substr(0, 4) == "400 ";
    if (refused != (byte < 0x21 || byte > 0x7e)) FAIL("byte " << byte);
  }
}

TEST_CASE("the request line has limits, which show before it is complete (35)") {
  const auto request = [](std::size_t target) {
    return "GET /" + std::string(target - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  CHECK(parse(request(8192)).find("GET /aaa") == 0);
  CHECK(status_of_refusal(request(8193)) == 414);
  CHECK(status_of_refusal("GET /?" + std::string(20000, 'q')) == 414);
  CHECK(bytes_until_outcome(request(20000)) == 4 + 8193);
  CHECK(status_of_refusal(std::string(100000, 'A')) == 400);
  CHECK(bytes_until_outcome(std::string(100, 'A')) == 33);
  CHECK(parse(std::string(32, 'A') + " / HTTP/1.1\r\nHost: a\r\n\r\n").find("AAAA") == 0);

  RequestLimits small;
  small.target = 4;
  CHECK(parse("GET /abc HTTP/1.1\r\nHost: a\r\n\r\n", small).find("GET /abc ") == 0);
  CHECK(status_of_refusal("GET /abcd HTTP/1.1\r\nHost: a\r\n\r\n", small) == 414);
}

TEST_CASE("the header section has limits, which show before it is complete (36)") {
  const std::string begin = "GET / HTTP/1.1\r\n";
  const auto padded = [&](std::size_t section) {
    const std::string frame = "Host: a\r\nx: \r\n\r\n";
    return begin + "Host: a\r\nx: " + std::string(section - frame.size(), 'v') + "\r\n\r\n";
  };
  CHECK(parse(padded(32768)).find("GET / 1.1") == 0);
  CHECK(status_of_refusal(padded(32769)) == 431);
  CHECK(bytes_until_outcome(padded(40000)) == begin.size() + 32769);
  CHECK(status_of_refusal(begin + "x: " + std::string(100000, 'v')) == 431);
  CHECK(status_of_refusal(begin + std::string(100000, 'n')) == 431);

  std::string fields = "Host: a\r\n";
  for (int i = 1; i < 100; ++i) fields += "x-" + std::to_string(i) + ": v\r\n";
  CHECK(parse(begin + fields + "\r\n").find("GET / 1.1") == 0);
  CHECK(status_of_refusal(begin + fields + "y: v\r\n\r\n") == 431);
  CHECK(bytes_until_outcome(begin + fields + "y: v\r\n\r\n") == begin.size() + fields.size() + 1);

  RequestLimits small;
  small.section = {20, 2};
  CHECK(parse(begin + "Host: a\r\nb: 5678\r\n\r\n", small).find("GET / 1.1") == 0);
  CHECK(status_of_refusal(begin + "Host: a\r\nb: 56789\r\n\r\n", small) == 431);
  CHECK(status_of_refusal(begin + "Host: a\r\nb:\r\nc:\r\n\r\n", small) == 431);
}

TEST_CASE("a name that no Headers could hold is refused even with wide limits") {
  RequestLimits wide;
  wide.section = {1 << 20, 100};
  CHECK(status_of_refusal(get_with(std::string(65536, 'n') + ": v\r\n"), wide) == 431);
  CHECK(parse(get_with(std::string(65535, 'n') + ": v\r\n"), wide).find("GET / 1.1") == 0);
}

TEST_CASE("persistence follows the version and Connection") {
  const auto keeps_alive = [](std::string_view version, std::string_view connection) {
    const std::string outcome = parse("GET / HTTP/" + std::string(version) + "\r\nHost: a\r\n" +
                                      std::string(connection) + "\r\n");
    REQUIRE(outcome.find("GET / 1.") == 0);
    return outcome.find("keep alive") != std::string::npos;
  };
  CHECK(keeps_alive("1.1", ""));
  CHECK_FALSE(keeps_alive("1.0", ""));
  CHECK_FALSE(keeps_alive("1.1", "Connection: close\r\n"));
  CHECK_FALSE(keeps_alive("1.1", "Connection: foo,, CLOSE ,bar\r\n"));
  CHECK_FALSE(keeps_alive("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  CHECK(keeps_alive("1.0", "Connection: Keep-Alive\r\n"));
  CHECK_FALSE(keeps_alive("1.0", "Connection: keep-alive, close\r\n"));
  CHECK(keeps_alive("1.1", "Connection: closed\r\n"));
  CHECK_FALSE(keeps_alive("1.0", "Proxy-Connection: keep-alive\r\n"));
}

TEST_CASE("fields of this hop, and those that Connection nominates, are left out (39)") {
  CHECK(fields_of("Connection: close, X-Forwarded-For, authorization ,\r\n"
                  "Authorization: secret\r\nX-FORWARDED-FOR: 1\r\nKeep-Alive: timeout=5\r\n"
                  "Proxy-Connection: close\r\nTE: gzip\r\nUpgrade: a\r\nHTTP2-Settings: x\r\n"
                  "X-Kept: 1\r\n") == "no content, head of 223\nX-Kept: 1\n");
  // Nominated fields that the parser itself understands have their effect all the same.
  CHECK(fields_of("Connection: Content-Length, Host\r\nContent-Length: 5\r\n") ==
        "length 5, keep alive, head of 80\n");
  CHECK(fields_of("Connection: x y, \"z\"\r\nz: 1\r\n") ==
        "no content, keep alive, head of 55\nz: 1\n");
  std::string options = "Connection: a0";
  for (int i = 1; i < 64; ++i) options += ",a" + std::to_string(i);
  CHECK(fields_of(options + "\r\na63: x\r\n").find("\n") != std::string::npos);
  CHECK(fields_of(options + "\r\na63: x\r\n").find("a63") == std::string::npos);
  CHECK(status_of_refusal(get_with(options + ",b\r\n")) == 400);
}

TEST_CASE("an upgrade is asked for by both fields, and not with content (14)") {
  CHECK(fields_of("Connection: Upgrade\r\nUpgrade: websocket\r\n") ==
        "no content, keep alive, upgrade to websocket, head of 68\n");
  CHECK(fields_of("Connection: keep-alive, upgrade\r\nUpgrade: foo/1.2, bar\r\n")
            .find("upgrade to foo/1.2,") != std::string::npos);
  for (const char* lines :
       {"Upgrade: websocket\r\n", "Connection: upgrade\r\n", "Connection: upgrade\r\nUpgrade: \r\n",
        "Connection: upgrade\r\nUpgrade: a b\r\n", "Connection: upgrade\r\nUpgrade: a/\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\n"
        "Transfer-Encoding: chunked\r\n"}) {
    CAPTURE(lines);
    CHECK(fields_of(lines).find("upgrade to") == std::string::npos);
  }
  CHECK(parse("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
            .find("upgrade to") == std::string::npos);
}

TEST_CASE("HTTP/2 over cleartext is never asked for (16)") {
  for (const char* value : {"h2c", "H2C", "h2c/1", " h2c , "}) {
    CAPTURE(value);
    CHECK(fields_of("Connection: upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\nUpgrade: " +
                    std::string(value) + "\r\n")
              .find("upgrade to") == std::string::npos);
  }
  CHECK(fields_of("Connection: upgrade\r\nUpgrade: h2c, websocket\r\n")
            .find("upgrade to websocket,") != std::string::npos);
}

TEST_CASE("no expectation but 100-continue can be met (19)") {
  CHECK(fields_of("Expect: 100-Continue\r\nContent-Length: 5\r\n") ==
        "length 5, keep alive, expects 100, head of 68\nExpect: 100-Continue\n");
  CHECK(fields_of("Expect: 100-continue\r\n") ==
        "no content, keep alive, head of 49\nExpect: 100-continue\n");
  for (const char* value : {"other", "100-continue, other", "", "100-continue=1"}) {
    CAPTURE(value);
    CHECK(status_of_refusal(get_with("Expect: " + std::string(value) + "\r\n")) == 417);
  }
  CHECK(parse("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            .find("expects") == std::string::npos);
}

TEST_CASE("TE tells whether trailers are welcome") {
  CHECK(fields_of("TE: trailers\r\n") == "no content, keep alive, trailers, head of 41\n");
  CHECK(fields_of("TE: gzip;q=0.5, Trailers\r\n").find("trailers") != std::string::npos);
  CHECK(fields_of("TE: gzip\r\n").find("trailers") == std::string::npos);
}

TEST_CASE("a refusal tells method and target as far as they were read") {
  RequestParser parser(kLimits);
  RequestHead head;
  REQUIRE(parser.parse("PUT /x HTTP/1.1\r\nbad line\r\n", head) == ParseResult::failed);
  CHECK(head.method == Method::put);
  CHECK(head.target == "/x");

  RequestParser second(kLimits);
  RequestHead begun;
  REQUIRE(second.parse("DELETE /y z", begun) == ParseResult::failed);
  CHECK(begun.method == Method::del);
  CHECK(begun.target == "/y");

  RequestParser third(kLimits);
  RequestHead none;
  REQUIRE(third.parse("GE/T", none) == ParseResult::failed);
  CHECK(none.target.empty());
}

TEST_CASE("an incomplete head tells the same of a buffer that has moved") {
  const std::string message = "PUT /x HTTP/1.1\r\nHost: a.te";
  const std::string_view text = message;
  for (std::size_t end = 0; end <= text.size(); ++end) {
    CAPTURE(end);
    RequestParser parser(kLimits);
    RequestHead head;
    {
      const ExactBytes bytes(text.substr(0, end));
      REQUIRE(parser.parse(bytes.view(), head) == ParseResult::need_more);
    }
    const ExactBytes moved(text.substr(0, end));
    parser.describe(moved.view(), head);
    CHECK((head.method == Method::put) == (end >= std::string_view("PUT ").size()));
    CHECK(head.target == (end >= std::string_view("PUT /x ").size() ? "/x" : ""));
  }
}
