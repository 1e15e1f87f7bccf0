// SPDX-License-Identifier: Apache-2.0
#include "core/base64.hpp"

#include <optional>
#include <string>

#include "catch.hpp"

using gatewaykit::Base64Decoder;

namespace {

/// `text` decoded in pieces of `step`; nothing where it is malformed or ends too early.
std::optional<std::string> decoded(std::string_view text, std::size_t step) {
  Base64Decoder decoder;
  std::string result;
  for (; !text.empty(); text.remove_prefix(std::min(step, text.size()))) {
    const std::string_view piece = text.substr(0, step);
    std::string room(Base64Decoder::room_for(piece.size()), '\0');
    const std::ptrdiff_t size = decoder.decode(piece, room.data());
    if (size < 0) return std::nullopt;
    result.append(room, 0, static_cast<std::size_t>(size));
  }
  return decoder.may_end_here() ? std::optional(result) : std::nullopt;
}

}  // namespace

TEST_CASE("Base64 is decoded however it is cut (RFC 4648 section 10)") {
  const std::size_t step = GENERATE(1u, 2u, 3u, 4u, 5u, 100u);
  CHECK(decoded("", step) == "");
  CHECK(decoded("Zg==", step) == "f");
  CHECK(decoded("Zm8=", step) == "fo");
  CHECK(decoded("Zm9vYmFy", step) == "foobar");
  CHECK(decoded("AAEC/+7d", step) == std::string("\0\1\2\xff\xee\xdd", 6));
}

TEST_CASE("Padded pieces may follow each other, as gRPC-Web sends them") {
  const std::size_t step = GENERATE(1u, 3u, 100u);
  CHECK(decoded("Zg==Zm8=Zm9v", step) == "ffofoo");
}

TEST_CASE("What is no base64 is refused") {
  const char* const text =
      GENERATE("Z", "Zg", "Zg=", "Zg=g", "Z===", "====", "Zh==", "Zm9=", "Zg==\n", "Z g=", "Zm9v-_",
               "\xc3\xa4Zg");
  CHECK_FALSE(decoded(text, 1));
  CHECK_FALSE(decoded(text, 100));
}
