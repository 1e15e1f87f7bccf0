// SPDX-License-Identifier: Apache-2.0
// Says what a server connection understands of byte streams: takes them from standard input, each
// behind its size (four bytes, the lowest first), and writes a line of JSON for each: the requests
// in it, and how it ends. Each is read whole and in pieces; where that differs it fails. Bytes are
// the characters U+0000 to U+00FF of the JSON. Its caller is differential.test.mjs.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "codec/chunked_decoder.hpp"
#include "codec/http1_request_parser.hpp"
#include "fuzz/property.hpp"
#include "gatewaykit/http/target.hpp"

using namespace gatewaykit;
using namespace gatewaykit::codec;

namespace {

const RequestLimits kLimits;
constexpr std::size_t kLongestPiece = 24;

std::string quoted(std::string_view bytes) {
  std::string text = "\"";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\') {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      text += escape;
    } else {
      text += c;
    }
  }
  return text + '"';
}

std::string to_json(const Headers& headers) {
  std::string text;
  for (const FieldLine line : headers) {
    if (!text.empty()) text += ',';
    text.append("[").append(quoted(line.name)).append(",").append(quoted(line.value)).append("]");
  }
  return "[" + text + "]";
}

std::string to_json(const RequestHead& head) {
  std::string text = "\"method\":" + quoted(head.method.name());
  text += ",\"target\":" + quoted(head.target);
  text += ",\"version\":\"1." + std::to_string(head.minor_version) + '"';
  text += ",\"authority\":" + quoted(head.authority);
  text += ",\"fields\":" + to_json(head.headers);
  text += head.keep_alive ? ",\"keepAlive\":true" : ",\"keepAlive\":false";
  return text;
}

/// One connection: requests as JSON while their bytes arrive.
class Stream {
 public:
  /// False once nothing more is read.
  bool take(std::string_view bytes) {
    rest_ += bytes;
    while (end_.empty() && (is_in_content_ ? take_content() : take_head())) continue;
    return end_.empty();
  }

  std::string finish() {
    if (is_in_content_) add_request(false);
    if (end_.empty()) {
      const bool is_idle = !is_in_content_ && rest_.find_first_not_of("\r\n") == rest_.npos;
      end_ = is_idle ? "\"idle\"" : "\"waiting\"";
    }
    return "{\"requests\":[" + requests_ + "],\"end\":" + end_ + "}";
  }

 private:
  bool take_head() {
    RequestHead head;
    const fuzz::ExactBytes bytes(rest_);
    const ParseResult result = parser_.parse(bytes.view(), head);
    if (result == ParseResult::need_more) return false;
    if (result == ParseResult::failed) return refuse(parser_.error());
    head_ = to_json(head);
    decoder_ = BodyDecoder(head.framing);
    keep_alive_ = head.keep_alive;
    if (head.method == Method::connect) {  // Refused, and nothing behind it is read.
      add_request(true);
      end_ = "\"tunnel\"";
      return false;
    }
    const Result<NormalisedTarget> target = normalise_target(head.target, EncodedSlash::reject);
    if (!target) return refuse({Status::bad_request, target.error().detail});
    is_in_content_ = true;
    rest_.erase(0, head.size);
    return true;
  }

  bool take_content() {
    const fuzz::ExactBytes bytes(rest_);
    const BodyStep step = decoder_.next(bytes.view());
    content_ += step.data;
    rest_.erase(0, step.consumed);
    if (step.kind == BodyStep::Kind::failed) return refuse(decoder_.error());
    if (step.kind == BodyStep::Kind::end) {
      add_request(true);
      is_in_content_ = false;
      if (!keep_alive_) end_ = "\"closed\"";
    }
    return step.kind != BodyStep::Kind::need_more;
  }

  bool refuse(const ParseError& error) {
    end_ = "{\"status\":" + std::to_string(code(error.status)) +
           ",\"why\":" + quoted(error.sentence) + "}";
    return false;
  }

  void add_request(bool is_whole) {
    if (!requests_.empty()) requests_ += ',';
    requests_ += "{" + head_ + ",\"content\":" + quoted(content_);
    requests_ += ",\"trailers\":" + to_json(decoder_.trailers());
    requests_ += is_whole ? ",\"isWhole\":true}" : ",\"isWhole\":false}";
    content_.clear();
  }

  RequestParser parser_{kLimits};
  BodyDecoder decoder_;
  std::string rest_;  // What has arrived and was not taken.
  std::string head_;
  std::string content_;
  std::string requests_;
  std::string end_;
  bool is_in_content_ = false;
  bool keep_alive_ = false;
};

std::string read(std::string_view stream, std::size_t longest_piece) {
  Stream reader;
  std::size_t begin = 0;
  for (const std::size_t end : fuzz::piece_ends(stream.size(), 1, longest_piece)) {
    if (!reader.take(stream.substr(begin, end - begin))) break;
    begin = end;
  }
  return reader.finish();
}

bool read_input(std::string& to, std::size_t size) {
  to.resize(size);
  return std::fread(to.data(), 1, size, stdin) == size;
}

}  // namespace

int main() {
  std::string size;
  std::string stream;
  while (read_input(size, 4)) {
    std::uint32_t bytes = 0;
    for (int i = 3; i >= 0; --i) bytes = bytes << 8 | static_cast<unsigned char>(size[i]);
    if (!read_input(stream, bytes)) return EXIT_FAILURE;
    const std::string whole = read(stream, bytes + 1);
    const std::string pieces = read(stream, kLongestPiece);
    std::printf("%s\n", whole.c_str());
    if (whole == pieces) continue;
    std::fprintf(stderr, "%s\nwhole: %s\npieces: %s\n", quoted(stream).c_str(), whole.c_str(),
                 pieces.c_str());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
