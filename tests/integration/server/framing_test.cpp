// SPDX-License-Identifier: Apache-2.0
// Requests that nothing may be smuggled through: what is malformed is answered once with the right
// status, nothing of it reaches a target, and nothing behind it on the connection is believed.
#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"
#include "served.hpp"

using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

const std::string kGood = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n";

struct Malformed {
  std::string name;
  std::string bytes;
  std::vector<int> statuses = {400};
};

std::string with_fields(std::string_view fields, std::string_view content = "") {
  return "POST /x HTTP/1.1\r\nHost: a.test\r\n" + std::string(fields) + "\r\n" +
         std::string(content);
}

std::string with_target(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a.test\r\n\r\n";
}

std::string with_line(std::string_view line) {
  return std::string(line) + "\r\nHost: a.test\r\n\r\n";
}

std::string with_host(std::string_view lines) {
  return "GET / HTTP/1.1\r\n" + std::string(lines) + "\r\n";
}

using namespace std::string_literals;

// Numbers are rows of the list of attacks that the project keeps.
const std::vector<Malformed> kFraming = {
    {"1 length and coding",
     with_fields("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
    {"1 coding and length",
     with_fields("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n")},
    {"2 two lengths", with_fields("Content-Length: 3\r\nContent-Length: 5\r\n", "abcde")},
    {"2 a list of lengths", with_fields("Content-Length: 3, 5\r\n", "abcde")},
    {"3 signed", with_fields("Content-Length: +5\r\n", "abcde")},
    {"3 hexadecimal", with_fields("Content-Length: 0x5\r\n", "abcde")},
    {"3 negative", with_fields("Content-Length: -1\r\n")},
    {"3 blank inside", with_fields("Content-Length: 1 0\r\n", "abcdeabcde")},
    {"3 empty", with_fields("Content-Length: \r\n")},
    {"3 2^63", with_fields("Content-Length: 9223372036854775808\r\n")},
    {"3 2^64 + 5", with_fields("Content-Length: 18446744073709551621\r\n", "abcde")},
    {"4 identity", with_fields("Transfer-Encoding: identity\r\n"), {400, 501}},
    {"4 two codings", with_fields("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"), {400, 501}},
    {"4 unknown coding", with_fields("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), {400, 501}},
    {"4 chunked twice",
     with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
     {400, 501}},
    {"4 vertical tab", with_fields("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"), {400, 501}},
    {"4 empty member", with_fields("Transfer-Encoding: ,chunked\r\n", "0\r\n\r\n"), {400, 501}},
    {"5 coding in HTTP/1.0",
     "POST /x HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"10 bare LF", "GET / HTTP/1.1\nHost: a.test\n\n"},
    {"10 bare CR in a value", with_fields("X: a\rb\r\n")},
    {"11 folded value", with_fields("X: a\r\n b\r\n")},
    {"12 space before the colon", with_fields("Content-Length : 5\r\n", "abcde")},
    {"12 leading space", with_fields(" X: a\r\n")},
    {"12 no colon", with_fields("X\r\n")},
    {"12 empty name", with_fields(": a\r\n")},
    {"12 delimiter in a name", with_fields("X(: a\r\n")},
    {"12 high byte in a name", with_fields("X\x80: a\r\n")},
    {"13 NUL in a value", with_fields("X: a\0b\r\n"s)},
    {"13 control in a value", with_fields("X: a\x01\r\n")},
    {"13 DEL in a value", with_fields("X: a\x7f\r\n")},
};

const std::vector<Malformed> kHeads = {
    {"23 no Host", with_host("")},
    {"23 two Hosts", with_host("Host: a.test\r\nHost: b.test\r\n")},
    {"23 Host with a path", with_host("Host: a.test/x\r\n")},
    {"23 Host with a blank", with_host("Host: a test\r\n")},
    {"23 Host with userinfo", with_host("Host: u@a.test\r\n")},
    {"25 CONNECT", "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n", {400, 405}},
    {"26 asterisk for GET", with_target("*")},
    {"26 no slash", with_target("admin")},
    {"26 authority form for GET", with_target("host:80")},
    {"26 asterisk with a path", with_line("OPTIONS */x HTTP/1.1")},
    {"27 HTTP/0.9", with_line("GET / HTTP/0.9"), {400, 505}},
    {"27 HTTP/2.0", with_line("GET / HTTP/2.0"), {400, 505}},
    {"27 lower case", with_line("GET / http/1.1"), {400, 505}},
    {"27 no digits", with_line("GET / HTTP/x.y"), {400, 505}},
    {"28 tabs", with_line("GET\t/\tHTTP/1.1")},
    {"28 two spaces", with_line("GET  / HTTP/1.1")},
    {"28 an extra word", with_line("GET / x HTTP/1.1")},
    {"29 TRACE", "TRACE / HTTP/1.1\r\nHost: a.test\r\nCookie: secret\r\n\r\n", {405}},
    {"31 encoded slash", with_target("/a%2fadmin")},
    {"31 encoded backslash", with_target("/a%5cadmin")},
    {"32 backslash", with_target("/x\\..\\admin")},
    {"33 encoded NUL", with_target("/admin%00.css")},
    {"33 cut escape", with_target("/admin%")},
    {"33 no digits in an escape", with_target("/admin%zz")},
    {"35 long target", with_target("/" + std::string(20'000, 'x')), {414}},
    {"35 long query", with_target("/?" + std::string(20'000, 'x')), {414}},
    {"35 long method",
     std::string(100'000, 'M') + " / HTTP/1.1\r\nHost: a.test\r\n\r\n",
     {400, 414, 431, 501}},
    {"36 long value", with_fields("X: " + std::string(100'000, 'x') + "\r\n"), {431}},
    {"36 long name", with_fields(std::string(100'000, 'x') + ": a\r\n"), {431}},
    {"36 endless fields",
     with_fields([] {
       std::string fields;
       for (int i = 0; i < 1000; ++i) fields += "X: a\r\n";
       return fields;
     }()),
     {431}},
};

/// What `client` is told once it has sent everything: all bytes until the gateway closes.
std::string answer_of(SocketPeer& client) {
  std::string all;
  for (std::string bytes = client.read_bytes(); !bytes.empty(); bytes = client.read_bytes()) {
    all += bytes;
  }
  return all;
}

int count_of(std::string_view text, std::string_view needle) {
  int count = 0;
  for (std::size_t at = text.find(needle); at != std::string_view::npos;
       at = text.find(needle, at + needle.size())) {
    ++count;
  }
  return count;
}

/// One answer with one of the statuses, and the end of the connection.
void check_refused(const std::string& answer, const std::vector<int>& statuses) {
  const bool is_allowed = std::any_of(statuses.begin(), statuses.end(), [&answer](int status) {
    return answer.starts_with("HTTP/1.1 " + std::to_string(status) + " ");
  });
  CHECK(is_allowed);
  CHECK(count_of(answer, "Date: ") == 1);
  CHECK(count_of(answer, "Connection: close\r\n") == 1);
  CHECK(count_of(answer, "application/problem+json") == 1);
}

/// Sent at once and byte by byte, each with a good request behind it.
void check_all_refused(const std::vector<Malformed>& requests) {
  SocketUpstream origin{std::string(kSmallAnswer)};
  Served served(forwarding_to(origin));
  for (const Malformed& request : requests) {
    INFO(request.name);
    SocketPeer at_once = served.dial();
    at_once.write(request.bytes + kGood);
    const std::string answer = answer_of(at_once);
    INFO(answer.substr(0, 600));
    check_refused(answer, request.statuses);

    if (request.bytes.size() > 1000) continue;
    SocketPeer bytewise = served.dial();
    for (const char byte : request.bytes + kGood) {
      if (!bytewise.write({&byte, 1})) break;
    }
    const std::string same = answer_of(bytewise);
    CHECK(same.substr(0, 12) == answer.substr(0, 12));
  }
  CHECK(origin.connections() == 0);
  CHECK(origin.requests() == 0);
}

struct BadContent {
  std::string name;
  std::string content;
};

const std::vector<BadContent> kChunks = {
    {"6 seventeen digits", "00000000000000005\r\nabcde\r\n0\r\n\r\n"},
    {"6 prefix", "0x5\r\nabcde\r\n0\r\n\r\n"},
    {"6 sign", "-5\r\nabcde\r\n0\r\n\r\n"},
    {"6 empty", "\r\nabcde\r\n0\r\n\r\n"},
    {"6 bare LF", "5\nabcde\r\n0\r\n\r\n"},
    {"6 no CRLF behind the data", "5\r\nabcde0\r\n\r\n"},
    {"7 LF in an extension", "5;a\nb\r\nabcde\r\n0\r\n\r\n"},
    {"7 long extension", "5;" + std::string(64 * 1024, 'a') + "\r\nabcde\r\n0\r\n\r\n"},
};

}  // namespace

TEST_CASE("ambiguous or malformed framing is refused, and what follows it is not read") {
  check_all_refused(kFraming);
}

TEST_CASE("malformed request lines, hosts and targets are refused") { check_all_refused(kHeads); }

TEST_CASE("malformed chunks end the request, and a target never gets one that looks complete") {
  std::atomic<int> complete{0};
  SocketUpstream origin([&complete](SocketPeer& gateway) {
    if (gateway.read_message().is_complete) ++complete;
  });
  Served served(forwarding_to(origin));
  for (const BadContent& bad : kChunks) {
    INFO(bad.name);
    SocketPeer client = served.dial();
    client.write(with_fields("Transfer-Encoding: chunked\r\n", bad.content) + kGood);
    const std::string answer = answer_of(client);
    INFO(answer);
    check_refused(answer, {400});
  }
  origin.stop();
  CHECK(complete == 0);
}

TEST_CASE("a hundred thousand chunks of one byte are passed on") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  Served served(forwarding_to(origin));
  std::string content;
  for (int i = 0; i < 100'000; ++i) content += "1\r\nx\r\n";
  CHECK(served.ask(with_fields("Transfer-Encoding: chunked\r\n", content + "0\r\n\r\n")).status() ==
        200);
  CHECK(origin.requests() == 1);
}

TEST_CASE("fields that would change the message are dropped from trailers") {
  Recorder recorder;
  Served served(forwarding_to(recorder.origin()));
  served.ask(with_fields("Transfer-Encoding: chunked\r\n",
                         "3\r\nabc\r\n0\r\nContent-Length: 9\r\nHost: evil.test\r\n"
                         "Transfer-Encoding: gzip\r\nX-Sum: 1\r\n\r\n"));
  const WireMessage seen = recorder.last();
  CHECK(seen.body == "abc");
  CHECK(seen.trailers == "X-Sum: 1\r\n");
  CHECK(seen.fields("host") == std::vector<std::string>{"a.test"});
}

TEST_CASE("one or two empty lines in front of a request are tolerated") {
  SocketUpstream origin{std::string(kSmallAnswer)};
  Served served(forwarding_to(origin));
  CHECK(served.ask("\r\n" + with_target("/")).status() == 200);
  CHECK(served.ask("\r\n\r\n" + with_target("/")).status() == 200);
}

TEST_CASE("paths are normalised before routing, and the target gets them so") {
  Router router;
  SocketUpstream origin(&echo_targets);
  router.any("/admin/*", [](Context&) -> Task<Response> {
    co_return Response::problem(Status::forbidden, "No.");
  });
  router.any("/*", proxy(UpstreamPool(upstream_of(origin))));
  Served served(std::move(router));
  for (const char* target : {"/x/../admin/a", "/x/%2e%2e/admin/a", "/.%2e/admin/a", "//admin/a",
                             "/admin/./a", "/%61dmin/a", "///admin//a"}) {
    INFO(target);
    CHECK(served.get(target).status() == 403);
  }
  CHECK(served.get("/x/%2e%2e/y").body == "/y");
  CHECK(served.get("/%252e%252e/admin").body == "/%252e%252e/admin");
  CHECK(served.get("/ADMIN/a").body == "/ADMIN/a");
}

TEST_CASE("the authority of an absolute target wins over Host and decides no destination") {
  Recorder recorder;
  Served served(forwarding_to(recorder.origin()));
  served.ask("GET http://b.test:81/x?y HTTP/1.1\r\nHost: a.test\r\n\r\n");
  const WireMessage seen = recorder.last();
  CHECK(seen.target() == "/x?y");
  CHECK(seen.field("host") == "b.test:81");
}

TEST_CASE("content of an upgrade request stays content, and its connection is not used again") {
  std::vector<WireMessage> seen;
  SocketUpstream origin([&seen](SocketPeer& gateway) {
    for (;;) {
      WireMessage request = gateway.read_message();
      if (!request.is_complete) return;
      seen.push_back(std::move(request));
      gateway.write(kSmallAnswer);
    }
  });
  Served served(forwarding_to(origin));
  SocketPeer client = served.dial();
  client.write(
      "POST /a HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
      "Content-Length: " +
      std::to_string(kGood.size()) + "\r\n\r\n" + kGood);
  CHECK(client.read_message().status() != 101);
  CHECK(served.get("/b").status() == 200);
  origin.stop();
  for (const WireMessage& request : seen) CHECK(request.target() != "/smuggled");
}

TEST_CASE("bytes behind an upgrade request wait for the 101, and are requests without one") {
  SocketUpstream origin([](SocketPeer& gateway) {
    for (;;) {
      const WireMessage request = gateway.read_message();
      if (!request.is_complete) return;
      gateway.write(request.target() == "/smuggled"
                        ? "HTTP/1.1 204 No Content\r\n\r\n"
                        : "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    }
  });
  Served served(forwarding_to(origin));
  SocketPeer client = served.dial();
  client.write(
      "GET /socket HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\n"
      "Upgrade: websocket\r\n\r\n" +
      kGood);
  const std::string answer = [&client] {
    client.shut_down();
    return answer_of(client);
  }();
  INFO(answer);
  CHECK(answer.starts_with("HTTP/1.1 403 "));
  // Either parsed as a request of its own, or refused with the connection: never tunnelled.
  CHECK(origin.failures().empty());
}

TEST_CASE("an upgrade to h2c is not forwarded") {
  Recorder recorder;
  Served served(forwarding_to(recorder.origin()));
  const WireMessage answer = served.ask(
      "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\n"
      "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n");
  const WireMessage seen = recorder.last();
  CHECK(answer.status() == 200);
  CHECK_FALSE(seen.field("upgrade"));
  CHECK_FALSE(seen.field("http2-settings"));
}
