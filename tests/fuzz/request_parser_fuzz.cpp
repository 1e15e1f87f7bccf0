// SPDX-License-Identifier: Apache-2.0
// Requests: however the bytes are split, the outcome is the same; what was accepted is clean, and
// written and read again it is the same request. The first two bytes of an input choose splits.
#include <cstddef>
#include <cstdint>
#include <string>

#include "codec/http1_request_parser.hpp"
#include "codec/http1_writer.hpp"
#include "property.hpp"

using namespace gatewaykit;
using namespace gatewaykit::codec;
using namespace gatewaykit::fuzz;

namespace {

const RequestLimits kLimits{24, 200, {600, 10}};
// What is written may be longer: blanks behind colons, framing in other words.
const RequestLimits kWideLimits{24, 200, {2000, 20}};

std::string meaning_of(const RequestHead& head) {
  std::string text(head.method.name());
  text.append(" ").append(head.target).append(" ").append(head.authority).append("\n");
  const bool is_chunked = head.framing.kind == BodyFraming::Kind::chunked;
  require(head.framing.kind != BodyFraming::Kind::until_close, "a request tells its end");
  text += is_chunked ? "chunked" : std::to_string(head.framing.length);
  text.append(" ").append(head.upgrade).append(head.accepts_trailers ? " te\n" : "\n");
  text += text_of(head.headers);
  for (const Field field : {Field::host, Field::connection, Field::content_length, Field::upgrade,
                            Field::transfer_encoding, Field::te, Field::keep_alive}) {
    require(!head.headers.contains(field), "no field of the hop is left");
  }
  return text;
}

/// The outcome as text; `head` as it was where it was accepted.
std::string run(std::string_view message, const std::vector<std::size_t>& ends) {
  RequestParser parser(kLimits);
  for (const std::size_t end : ends) {
    const ExactBytes bytes(message.substr(0, end));
    RequestHead head;
    const ParseResult result = parser.parse(bytes.view(), head);
    if (result == ParseResult::need_more) continue;
    if (result == ParseResult::failed) {
      require(!parser.error().sentence.empty(), "a refusal has its sentence");
      return std::to_string(code(parser.error().status)) + std::string(parser.error().sentence);
    }
    require(head.size <= end, "a head lies in what was presented");
    return std::to_string(head.size) + (head.keep_alive ? " keep\n" : "\n") + meaning_of(head);
  }
  return "need more";
}

void check_round_trip(std::string_view message) {
  RequestParser parser(kLimits);
  RequestHead head;
  if (parser.parse(message, head) != ParseResult::done) return;
  require(run(message.substr(0, head.size - 1), {head.size - 1}) == "need more",
          "a head does not end before its last byte");
  if (head.authority.empty()) return;  // HTTP/1.0 without Host: has no equal in HTTP/1.1.
  ByteWriter writer(1);
  write_request_head(writer, {head.method, head.target, head.authority, head.headers, head.framing,
                              head.upgrade, head.accepts_trailers, !head.keep_alive});
  RequestParser again(kWideLimits);
  RequestHead copy;
  require(again.parse(writer.view(), copy) == ParseResult::done, "what is written is accepted");
  require(copy.size == writer.size(), "what is written is one head");
  require(meaning_of(copy) == meaning_of(head), "what is written means the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view message(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string whole = run(message, {message.size()});
  require(run(message, piece_ends(message.size(), data[0], 1 + data[1])) == whole,
          "pieces mean what the whole means");
  if (message.size() < 1000) {
    require(run(message, piece_ends(message.size(), 0, 1)) == whole,
            "bytes mean what the whole means");
  }
  check_round_trip(message);
  return 0;
}
