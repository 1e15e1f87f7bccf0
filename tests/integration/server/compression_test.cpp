// SPDX-License-Identifier: Apache-2.0
// Compressed responses on the wire: framing, streams that are not held back, HEAD, and content that
// the target cuts.
#include "gatewaykit/middleware/compression.hpp"

#include <string>

#include "catch.hpp"
#include "decode.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "served.hpp"

using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

/// Whatever is built in: the wire is the same for all.
const ContentCoding kCoding = built_in_codings().front();

std::string request_line(std::string_view method) {
  return std::string(method) +
         " / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: " + std::string(name_of(kCoding)) +
         "\r\n\r\n";
}

/// Passes all to `origin`, and compresses what comes back.
Router compressing(const SocketUpstream& origin) {
  Router router = forwarding_to(origin);
  router.use(compression());
  return router;
}

/// What the first chunk of a response decodes to, as far as it has arrived.
std::string first_chunk_of(std::string_view wire) {
  const std::size_t head_end = wire.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return {};
  const std::string_view chunk = wire.substr(head_end + 4);
  const std::size_t line_end = chunk.find("\r\n");
  if (line_end == std::string_view::npos) return {};
  const std::size_t size = std::stoul(std::string(chunk.substr(0, line_end)), nullptr, 16);
  return decode(kCoding, chunk.substr(line_end + 2, size)).content;
}

}  // namespace

TEST_CASE("compressed content of a target arrives whole, in chunks of unknown number") {
  const std::string content = some_text(3'000'000);
  SocketUpstream origin([&content](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    gateway.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                  std::to_string(content.size()) + "\r\n\r\n" + content);
  });
  Served served(compressing(origin));
  SocketPeer client = served.dial();
  client.write(request_line("GET"));
  const WireMessage got = client.read_message();
  CHECK(got.field("transfer-encoding") == "chunked");
  CHECK(got.field("content-encoding") == name_of(kCoding));
  const auto decoded = decode(kCoding, got.body);
  CHECK(decoded.is_complete);
  CHECK((decoded.content == content));
}

TEST_CASE("a client is served an event while the target has not said the next one") {
  Signal event_arrived;
  SocketUpstream origin([&event_arrived](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    gateway.write(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        "b\r\ndata: one\n\n\r\n");
    event_arrived.wait();
    gateway.write("b\r\ndata: two\n\n\r\n0\r\n\r\n");
  });
  Served served(compressing(origin));
  SocketPeer client = served.dial();
  client.write(request_line("GET"));
  std::string wire;
  const auto read_until = [&](auto is_enough) {
    while (!is_enough()) {
      const std::string bytes = client.read_bytes();
      REQUIRE_FALSE(bytes.empty());
      wire += bytes;
    }
  };
  read_until([&wire] { return first_chunk_of(wire) == "data: one\n\n"; });
  event_arrived.set();
  read_until([&wire] { return wire.ends_with("\r\n0\r\n\r\n"); });
}

TEST_CASE("compressed content that the target cuts does not end cleanly") {
  SocketUpstream origin([](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    gateway.write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5000\r\n\r\n" +
                  some_text(4000));
  });
  Served served(compressing(origin));
  SocketPeer client = served.dial();
  client.write(request_line("GET"));
  const WireMessage got = client.read_message();
  CHECK_FALSE(got.is_complete);
  CHECK_FALSE(decode(kCoding, got.body).is_complete);
}

TEST_CASE("HEAD through a target says the coding of GET, and no length") {
  SocketUpstream origin([](SocketPeer& gateway) {
    static_cast<void>(gateway.read_message());
    gateway.write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5000\r\n\r\n");
  });
  Served served(compressing(origin));
  SocketPeer client = served.dial();
  client.write(request_line("HEAD"));
  const WireMessage head = client.read_head();
  CHECK(head.field("content-encoding") == name_of(kCoding));
  CHECK_FALSE(head.field("content-length").has_value());
}

TEST_CASE("content that a handler has in memory is sent compressed with its length") {
  const std::string content = some_text(200'000);
  Router router;
  router.use(compression());
  router.get("/", [content](Context&) -> Task<Response> {
    return [](Response response) -> Task<Response> {
      co_return response;
    }(Response::json(Status::ok, content));
  });
  Served served(std::move(router));
  const WireMessage got = served.ask(request_line("GET"));
  CHECK(got.field("content-length") == std::to_string(got.body.size()));
  CHECK(got.body.size() < content.size() / 2);
  CHECK((decode(kCoding, got.body).content == content));

  SocketPeer client = served.dial();
  client.write(request_line("HEAD"));
  CHECK(client.read_head().field("content-length") == got.field("content-length"));
}
