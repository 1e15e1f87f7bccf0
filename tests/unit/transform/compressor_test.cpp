// SPDX-License-Identifier: Apache-2.0
// Compressor: what each library makes of a stream, undone by the library itself.
#include "transform/compressor.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"
#include "decode.hpp"

using namespace gatewaykit;
using testing::built_in_codings;
using testing::decode;
using testing::some_noise;
using testing::some_text;
using transform::Compressor;
using transform::levels_of;
using transform::make_compressor;
using Operation = Compressor::Operation;

namespace {

/// Runs one operation to its end, with `room` bytes for each step.
std::string run(Compressor& compressor, Operation operation, std::string_view input,
                std::size_t room) {
  std::string output;
  std::string piece(room, '\0');
  for (;;) {
    const auto made = compressor.run(operation, input, piece.data(), room);
    REQUIRE(made);
    REQUIRE(made->given <= room);
    output.append(piece, 0, made->given);
    input.remove_prefix(made->taken);
    if (made->is_done) break;
    REQUIRE((made->given > 0 || made->taken > 0));
  }
  CHECK(input.empty());
  return output;
}

std::string compress(Compressor& compressor, std::string_view content, std::size_t piece,
                     std::size_t room) {
  std::string output;
  while (!content.empty()) {
    const std::size_t size = std::min(piece, content.size());
    output += run(compressor, Operation::process, content.substr(0, size), room);
    content.remove_prefix(size);
  }
  return output + run(compressor, Operation::finish, {}, room);
}

std::string compress(ContentCoding coding, int level, std::string_view content, std::size_t piece,
                     std::size_t room = 65536) {
  return compress(*make_compressor(coding, level), content, piece, room);
}

}  // namespace

TEST_CASE("Content of every size comes out as it went in") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  const std::size_t size =
      GENERATE(0, 1, 2, 63, 64, 1000, 32767, 32768, 65535, 65536, 65537, 131072, 300001);
  const bool is_noise = GENERATE(false, true);
  const std::string content = is_noise ? some_noise(size) : some_text(size);
  CAPTURE(name_of(coding), size, is_noise);
  const auto decoded =
      decode(coding, compress(coding, levels_of(coding).least + 3, content, 65536));
  CHECK(decoded.is_complete);
  CHECK((decoded.content == content));
}

TEST_CASE("Every level of a coding works") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  const std::string content = some_text(20000);
  const auto [least, most] = levels_of(coding);
  for (int level = least; level <= most; ++level) {
    CAPTURE(name_of(coding), level);
    const std::string bytes = compress(coding, level, content, 5000);
    CHECK(bytes.size() < content.size() / 2);
    const auto decoded = decode(coding, bytes);
    CHECK(decoded.is_complete);
    CHECK((decoded.content == content));
  }
}

TEST_CASE("How content is cut into pieces and how much room there is makes no difference") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  const std::size_t piece = GENERATE(1, 7, 1000, 65536);
  const std::size_t room = GENERATE(64, 65, 1000, 65536);
  CAPTURE(name_of(coding), piece, room);
  const std::string content = some_text(10000) + some_noise(3000);
  const auto decoded =
      decode(coding, compress(coding, levels_of(coding).least + 3, content, piece, room));
  CHECK(decoded.is_complete);
  CHECK((decoded.content == content));
}

TEST_CASE("After a flush all that went in can be read") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  const std::size_t room = GENERATE(64, 65536);
  CAPTURE(name_of(coding), room);
  const auto compressor = make_compressor(coding, levels_of(coding).least + 3);
  std::string content;
  std::string bytes;
  for (const std::size_t size : {1, 10, 100, 5000, 1, 70000}) {
    const std::string piece = some_text(size);
    content += piece;
    bytes += run(*compressor, Operation::process, piece, room);
    bytes += run(*compressor, Operation::flush, {}, room);
    const auto decoded = decode(coding, bytes);
    CHECK((decoded.content == content));
    CHECK_FALSE(decoded.is_complete);
  }
  bytes += run(*compressor, Operation::finish, {}, room);
  const auto decoded = decode(coding, bytes);
  CHECK((decoded.content == content));
  CHECK(decoded.is_complete);
}

TEST_CASE("A compressor that starts again is as a new one, even in the middle of a stream") {
  const ContentCoding coding = GENERATE(from_range(built_in_codings()));
  const int level = levels_of(coding).least + 3;
  const auto compressor = make_compressor(coding, level);
  const std::string content = some_text(5000);
  run(*compressor, Operation::process, some_noise(3000), 65536);
  if (!compressor->restart()) return;  // It cannot, and says so.
  CHECK((compress(*compressor, content, 1000, 65536) == compress(coding, level, content, 1000)));
  REQUIRE(compressor->restart());
  CHECK((compress(*compressor, content, 1000, 65536) == compress(coding, level, content, 1000)));
}

TEST_CASE("The codings have the names of the registry") {
  CHECK(name_of(ContentCoding::zstd) == "zstd");
  CHECK(name_of(ContentCoding::brotli) == "br");
  CHECK(name_of(ContentCoding::gzip) == "gzip");
  CHECK(content_coding_of("GZIP") == ContentCoding::gzip);
  CHECK(content_coding_of("X-Gzip") == ContentCoding::gzip);
  CHECK(content_coding_of("br") == ContentCoding::brotli);
  CHECK(content_coding_of("zstd") == ContentCoding::zstd);
  CHECK_FALSE(content_coding_of("brotli").has_value());
  CHECK_FALSE(content_coding_of("").has_value());
}

TEST_CASE("A coding that is not built in has no compressor") {
  for (const auto coding : {ContentCoding::zstd, ContentCoding::brotli, ContentCoding::gzip}) {
    CHECK((make_compressor(coding, 3) != nullptr) == is_built_in(coding));
  }
}
