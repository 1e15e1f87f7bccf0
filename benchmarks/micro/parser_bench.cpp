// SPDX-License-Identifier: Apache-2.0
// What the HTTP/1 codecs cost per message, with the pool warm: heads in and out, targets, chunks.
// Exits with 1 where the best batch misses what the project promises: 400 ns for a request of ten
// fields, and no allocation at all.
#include <cstdlib>
#include <string>
#include <string_view>

#include "codec/chunked_decoder.hpp"
#include "codec/http1_request_parser.hpp"
#include "codec/http1_response_parser.hpp"
#include "codec/http1_writer.hpp"
#include "gatewaykit/core/pool.hpp"
#include "gatewaykit/http/target.hpp"
#include "measure.hpp"

namespace {

using namespace gatewaykit;
using namespace gatewaykit::codec;

constexpr double kMaxRequestNs = 400;

constexpr std::string_view kSmallRequest =
    "GET /api/users/12345 HTTP/1.1\r\n"
    "Host: api.example.com\r\n"
    "User-Agent: curl/8.5.0\r\n"
    "Accept: */*\r\n\r\n";

constexpr std::string_view kBrowserRequest =
    "GET /api/users/12345?expand=orders HTTP/1.1\r\n"
    "Host: api.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0 Safari/537.36\r\n"
    "Accept: application/json, text/plain, */*\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-US,en;q=0.9,de;q=0.8\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef0123456789abcdef; theme=dark; consent=yes; "
    "_ga=GA1.2.1234567890.1234567890\r\n"
    "Referer: https://www.example.com/app/dashboard\r\n"
    "X-Tenant: acme-corporation\r\n"
    "Cache-Control: no-cache\r\n\r\n";

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Server: nginx\r\n"
    "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 128\r\n"
    "Connection: keep-alive\r\n"
    "X-Request-Id: 018cc251-f400-7000-8000-000000000000\r\n\r\n";

constexpr std::string_view kDate = "Mon, 01 Jan 2024 00:00:00 GMT";

bool failed = false;

void report(const char* name, const bench::Cost& cost, double most_nanoseconds) {
  bench::print(name, cost);
  if (cost.best <= most_nanoseconds && cost.allocations < 0.001) return;
  std::printf("    misses %.0f ns and 0 allocations\n", most_nanoseconds);
  failed = true;
}

void demand(bool holds) {
  if (!holds) std::abort();
}

void parse_requests(const RequestLimits& limits, std::string_view message, const char* name) {
  RequestParser parser(limits);
  const auto parse = [&] {
    RequestHead head;
    demand(parser.parse(message, head) == ParseResult::done);
    bench::keep(head);
  };
  report(name, bench::measure(parse), kMaxRequestNs);
}

void parse_in_pieces(const RequestLimits& limits) {
  RequestParser parser(limits);
  const auto parse = [&] {
    RequestHead head;
    for (std::size_t end = 100; end < kBrowserRequest.size(); end += 100) {
      demand(parser.parse(kBrowserRequest.substr(0, end), head) == ParseResult::need_more);
    }
    demand(parser.parse(kBrowserRequest, head) == ParseResult::done);
    bench::keep(head);
  };
  report("parse a request of 10 fields in pieces of 100", bench::measure(parse), 2 * kMaxRequestNs);
}

void parse_responses() {
  ResponseParser parser;
  const Method method;
  const auto parse = [&] {
    ResponseHead head;
    demand(parser.parse(kResponse, method, head) == ParseResult::done);
    bench::keep(head);
  };
  report("parse a response of 6 fields", bench::measure(parse), kMaxRequestNs);
}

void write_heads(const RequestLimits& limits) {
  RequestHead request;
  demand(RequestParser(limits).parse(kBrowserRequest, request) == ParseResult::done);
  const auto write_request = [&] {
    ByteWriter writer;
    write_request_head(writer, {request.method,
                                request.target,
                                request.authority,
                                request.headers,
                                request.framing,
                                {},
                                false,
                                false});
    bench::keep(writer);
  };
  report("write a request of 10 fields", bench::measure(write_request), kMaxRequestNs);

  ResponseHead response;
  demand(ResponseParser().parse(kResponse, Method::get, response) == ParseResult::done);
  const auto write_response = [&] {
    ByteWriter writer;
    write_response_head(
        writer, {response.status, response.headers, response.framing, kDate, {}, false, false});
    bench::keep(writer);
  };
  report("write a response of 6 fields", bench::measure(write_response), kMaxRequestNs);
}

void normalise_targets() {
  const auto normal = [] {
    const auto target = normalise_target("/api/users/12345?expand=orders", EncodedSlash::reject);
    bench::keep(target);
  };
  report("normalise a target in normal form", bench::measure(normal), kMaxRequestNs);
  const auto other = [] {
    const auto target =
        normalise_target("/api//v1/../users/%31%32345?expand=orders", EncodedSlash::reject);
    bench::keep(target);
  };
  report("normalise another one", bench::measure(other), kMaxRequestNs);
}

void decode_chunks() {
  std::string message;
  for (int i = 0; i < 4; ++i) {
    message.append("4000\r\n").append(16384, 'x').append("\r\n");
  }
  message += kLastChunk;
  const auto decode = [&] {
    ChunkedDecoder decoder;
    std::string_view rest = message;
    BodyStep step = decoder.next(rest);
    while (step.kind == BodyStep::Kind::data) {
      rest.remove_prefix(step.consumed);
      step = decoder.next(rest);
    }
    demand(step.kind == BodyStep::Kind::end);
  };
  report("decode 4 chunks of 16 KiB", bench::measure(decode), kMaxRequestNs);
}

void use_pool() {
  const auto small = [] {
    void* const block = pool_allocate(200);
    bench::keep(block);
    pool_deallocate(block, 200);
  };
  report("take and give a block of 200 bytes", bench::measure(small), kMaxRequestNs);
}

}  // namespace

int main() {
  const RequestLimits limits;
  std::printf("HTTP/1 codecs\n");
  parse_requests(limits, kSmallRequest, "parse a request of 3 fields");
  parse_requests(limits, kBrowserRequest, "parse a request of 10 fields");
  parse_in_pieces(limits);
  parse_responses();
  write_heads(limits);
  normalise_targets();
  decode_chunks();
  use_pool();
  return failed ? 1 : 0;
}
