// SPDX-License-Identifier: Apache-2.0
// The writer: exact bytes, framing by what the caller says alone, and what it writes is read back.
#include "codec/http1_writer.hpp"

#include <string>

#include "catch.hpp"
#include "codec/http1_request_parser.hpp"
#include "codec/http1_response_parser.hpp"

using namespace gatewaykit;
using namespace gatewaykit::codec;

namespace {

/// Fields that decide on framing or persistence, as a careless host might set them.
Headers with_hop_fields() {
  Headers headers;
  headers.add("Connection", "close, x-kept");
  headers.add("Content-Length", "99");
  headers.add("Transfer-Encoding", "chunked");
  headers.add("Host", "evil");
  headers.add("Upgrade", "h2c");
  headers.add("TE", "gzip");
  headers.add("Keep-Alive", "timeout=1");
  headers.add("Proxy-Connection", "close");
  headers.add("HTTP2-Settings", "x");
  headers.add("X-Kept", "1");
  return headers;
}

std::string request(Method method, const Headers& headers, BodyFraming framing,
                    std::string_view upgrade = {}, bool accepts_trailers = false,
                    bool closes = false) {
  ByteWriter writer(1);
  write_request_head(
      writer, {method, "/x?y", "a.test:81", headers, framing, upgrade, accepts_trailers, closes});
  return std::string(writer.view());
}

std::string response(Status status, const Headers& headers, BodyFraming framing,
                     std::string_view date = {}, std::string_view upgrade = {}, bool closes = false,
                     bool keeps_alive = false) {
  ByteWriter writer(1);
  write_response_head(writer, {status, headers, framing, date, upgrade, closes, keeps_alive});
  return std::string(writer.view());
}

const Headers kNone;

}  // namespace

TEST_CASE("a request head is written with Host first and framing by the caller's word") {
  Headers headers;
  headers.add("Accept", "*/*");
  headers.add("Empty", "");
  CHECK(request(Method::get, headers, BodyFraming::none()) ==
        "GET /x?y HTTP/1.1\r\nHost: a.test:81\r\nAccept: */*\r\nEmpty: \r\n\r\n");
  CHECK(request(Method::post, kNone, BodyFraming::of_length(12)) ==
        "POST /x?y HTTP/1.1\r\nHost: a.test:81\r\nContent-Length: 12\r\n\r\n");
  CHECK(request(Method::put, kNone, BodyFraming::chunked()) ==
        "PUT /x?y HTTP/1.1\r\nHost: a.test:81\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(request(*Method::from_token("PURGE"), kNone, BodyFraming::none()) ==
        "PURGE /x?y HTTP/1.1\r\nHost: a.test:81\r\n\r\n");
}

TEST_CASE("methods that usually have content say when there is none") {
  for (const Method::Known method : {Method::post, Method::put, Method::patch}) {
    CHECK(request(method, kNone, BodyFraming::none()).find("\r\nContent-Length: 0\r\n") !=
          std::string::npos);
  }
  for (const Method::Known method : {Method::get, Method::head, Method::del, Method::options}) {
    CHECK(request(method, kNone, BodyFraming::none()).find("Content-Length") == std::string::npos);
  }
}

TEST_CASE("a request may ask for an upgrade, for trailers, for the end of the connection") {
  const std::string line = "GET /x?y HTTP/1.1\r\nHost: a.test:81\r\n";
  const auto written = [&](std::string_view upgrade, bool trailers, bool closes) {
    return request(Method::get, kNone, BodyFraming::none(), upgrade, trailers, closes)
        .substr(line.size());
  };
  CHECK(written("websocket", false, false) == "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  CHECK(written("a", true, false) ==
        "Connection: upgrade, te\r\nUpgrade: a\r\nTE: trailers\r\n\r\n");
  CHECK(written("", true, false) == "Connection: te\r\nTE: trailers\r\n\r\n");
  CHECK(written("", true, true) == "Connection: close, te\r\nTE: trailers\r\n\r\n");
  CHECK(written("", false, true) == "Connection: close\r\n\r\n");
}

TEST_CASE("a response head is written with date and framing by the caller's word") {
  Headers headers;
  headers.add("Server", "x");
  CHECK(response(Status::ok, headers, BodyFraming::of_length(0), "now") ==
        "HTTP/1.1 200 OK\r\nServer: x\r\nDate: now\r\nContent-Length: 0\r\n\r\n");
  CHECK(response(Status::not_found, kNone, BodyFraming::chunked()) ==
        "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(response(Status(299), kNone, BodyFraming::until_close()) ==
        "HTTP/1.1 299 \r\nConnection: close\r\n\r\n");
  CHECK(response(Status::ok, kNone, BodyFraming::of_length(18446744073709551615ULL)) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n");
  headers.add("Date", "then");
  CHECK(response(Status::ok, headers, BodyFraming::of_length(1), "now") ==
        "HTTP/1.1 200 OK\r\nServer: x\r\nDate: then\r\nContent-Length: 1\r\n\r\n");
}

TEST_CASE("a response may end the connection, or keep it for a client of HTTP/1.0") {
  CHECK(response(Status::ok, kNone, BodyFraming::of_length(0), "", "", true) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  CHECK(response(Status::ok, kNone, BodyFraming::of_length(0), "", "", false, true) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(response(Status::switching_protocols, kNone, BodyFraming::none(), "", "websocket") ==
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

TEST_CASE("1xx and 204 never have framing; 304 and answers to HEAD only describe content") {
  Headers described;
  described.add("Content-Length", "99");
  for (const Status status : {Status::continue_, Status::early_hints, Status::no_content}) {
    for (const BodyFraming& framing :
         {BodyFraming::none(), BodyFraming::of_length(5), BodyFraming::chunked()}) {
      const std::string written = response(status, described, framing);
      CHECK(written.find("Content-Length") == std::string::npos);
      CHECK(written.find("Transfer-Encoding") == std::string::npos);
    }
  }
  for (const BodyFraming& framing :
       {BodyFraming::none(), BodyFraming::of_length(5), BodyFraming::chunked()}) {
    CHECK(response(Status::not_modified, described, framing) ==
          "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n");
    CHECK(response(Status::not_modified, kNone, framing) == "HTTP/1.1 304 Not Modified\r\n\r\n");
  }
  CHECK(response(Status::ok, described, BodyFraming::none()) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
}

TEST_CASE("no field of a message can change its framing or its connection") {
  const Headers headers = with_hop_fields();
  CHECK(request(Method::get, headers, BodyFraming::none()) ==
        "GET /x?y HTTP/1.1\r\nHost: a.test:81\r\nX-Kept: 1\r\n\r\n");
  CHECK(response(Status::ok, headers, BodyFraming::chunked()) ==
        "HTTP/1.1 200 OK\r\nX-Kept: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
  ByteWriter writer;
  write_last_chunk(writer, headers);
  CHECK(writer.view() == "0\r\nX-Kept: 1\r\n\r\n");
}

TEST_CASE("what is written is read back as it was meant") {
  Headers headers;
  for (int i = 0; i < 50; ++i) headers.add("X-" + std::to_string(i), std::string(100, 'v'));
  const std::string written =
      request(Method::patch, headers, BodyFraming::chunked(), {}, true, true);
  const RequestLimits limits;
  RequestParser parser(limits);
  RequestHead head;
  REQUIRE(parser.parse(written, head) == ParseResult::done);
  CHECK(head.size == written.size());
  CHECK(head.method == Method::patch);
  CHECK(head.authority == "a.test:81");
  CHECK(head.framing == BodyFraming::chunked());
  CHECK(head.accepts_trailers);
  CHECK_FALSE(head.keep_alive);
  CHECK(head.headers.size() == 50);

  const std::string answer = response(Status::created, headers, BodyFraming::of_length(7), "now");
  ResponseParser response_parser;
  ResponseHead response_head;
  REQUIRE(response_parser.parse(answer, Method::post, response_head) == ParseResult::done);
  CHECK(response_head.status == Status::created);
  CHECK(response_head.framing == BodyFraming::of_length(7));
  CHECK(response_head.headers.size() == 51);
}

TEST_CASE("a chunk head is its size in hexadecimal") {
  char to[kChunkHeadSize];
  const auto written = [&](std::uint64_t size) {
    return std::string(to, write_chunk_head(size, to));
  };
  CHECK(written(1) == "1\r\n");
  CHECK(written(65536) == "10000\r\n");
  CHECK(written(0xfedcba9876543210) == "fedcba9876543210\r\n");
}

TEST_CASE("a date is written as IMF-fixdate") {
  char to[kDateSize];
  const auto written = [&](std::time_t time) { return std::string(to, write_date(time, to)); };
  CHECK(written(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(written(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(written(951782400) == "Tue, 29 Feb 2000 00:00:00 GMT");
  CHECK(written(4102444799) == "Thu, 31 Dec 2099 23:59:59 GMT");
}

TEST_CASE("a writer grows and gives its bytes away") {
  ByteWriter writer(4);
  std::string expected;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    writer.append_decimal(i);
    writer.append(",");
    expected += std::to_string(i) + ",";
  }
  CHECK(writer.view() == expected);
  const std::size_t size = writer.size();
  const Buffer buffer = writer.take();
  CHECK(std::string_view(buffer.data(), size) == expected);
}
