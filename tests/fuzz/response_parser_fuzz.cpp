// SPDX-License-Identifier: Apache-2.0
// Responses: however the bytes are split, the outcome is the same; what was accepted is clean, and
// written and read again it is the same response. The first three bytes of an input choose splits
// and the method.
#include <cstddef>
#include <cstdint>
#include <string>

#include "codec/http1_response_parser.hpp"
#include "codec/http1_writer.hpp"
#include "property.hpp"

using namespace gatewaykit;
using namespace gatewaykit::codec;
using namespace gatewaykit::fuzz;

namespace {

constexpr SectionLimits kLimits{600, 10};
constexpr SectionLimits kWideLimits{2000, 20};

std::string meaning_of(const ResponseHead& head) {
  std::string text = std::to_string(code(head.status)) + " ";
  text += std::to_string(static_cast<int>(head.framing.kind)) + " ";
  text += std::to_string(head.framing.length) + " ";
  text.append(head.upgrade).append("\n");
  return text;
}

/// Fields with a described length at the end, where the writer puts it.
std::string fields_of(const Headers& headers) {
  Headers others = headers.clone();
  others.remove(Field::content_length);
  return text_of(others) + std::string(headers.get(Field::content_length).value_or(""));
}

std::string run(std::string_view message, const Method& method,
                const std::vector<std::size_t>& ends) {
  ResponseParser parser(kLimits);
  for (const std::size_t end : ends) {
    const ExactBytes bytes(message.substr(0, end));
    ResponseHead head;
    const ParseResult result = parser.parse(bytes.view(), method, head);
    if (result == ParseResult::need_more) continue;
    if (result == ParseResult::failed) {
      require(!parser.error().sentence.empty(), "a refusal has its sentence");
      return "refused: " + std::string(parser.error().sentence);
    }
    require(head.size <= end, "a head lies in what was presented");
    require(!head.keep_alive || head.framing.kind != BodyFraming::Kind::until_close,
            "what lasts until the close keeps nothing alive");
    return std::to_string(head.size) + (head.keep_alive ? " keep " : " ") + meaning_of(head) +
           text_of(head.headers);
  }
  return "need more";
}

void check_round_trip(std::string_view message, const Method& method) {
  ResponseParser parser(kLimits);
  ResponseHead head;
  if (parser.parse(message, method, head) != ParseResult::done) return;
  require(run(message.substr(0, head.size - 1), method, {head.size - 1}) == "need more",
          "a head does not end before its last byte");
  ByteWriter writer(1);
  write_response_head(
      writer, {head.status, head.headers, head.framing, {}, head.upgrade, !head.keep_alive, false});
  ResponseParser again(kWideLimits);
  ResponseHead copy;
  require(again.parse(writer.view(), method, copy) == ParseResult::done,
          "what is written is accepted");
  require(copy.size == writer.size(), "what is written is one head");
  require(meaning_of(copy) == meaning_of(head), "what is written means the same");
  require(fields_of(copy.headers) == fields_of(head.headers), "fields are the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const Method method = data[2] == 'H' ? Method::head : Method::get;
  const std::string_view message(reinterpret_cast<const char*>(data) + 3, size - 3);
  const std::string whole = run(message, method, {message.size()});
  require(run(message, method, piece_ends(message.size(), data[0], 1 + data[1])) == whole,
          "pieces mean what the whole means");
  if (message.size() < 1000) {
    require(run(message, method, piece_ends(message.size(), 0, 1)) == whole,
            "bytes mean what the whole means");
  }
  check_round_trip(message, method);
  return 0;
}
