// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648 section 4), with padding, strictly: no blanks, one text for one content.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gatewaykit {

std::string encode_base64(std::string_view bytes);
/// Nothing where the text is not exactly what encode_base64 makes of some bytes.
std::optional<std::string> decode_base64(std::string_view text);

/// Text that comes in pieces, however they are cut. What is padded may be followed by more, as
/// gRPC-Web has it, which encodes each message on its own.
class Base64Decoder {
 public:
  /// The most that `size` more characters decode to.
  static constexpr std::size_t room_for(std::size_t size) noexcept { return (size / 4 + 1) * 3; }

  /// Decodes to `to`, which has room; the bytes written, or -1 where `text` is malformed.
  std::ptrdiff_t decode(std::string_view text, char* to) noexcept;
  /// Nothing is missing of the last group.
  bool may_end_here() const noexcept { return count_ == 0; }

 private:
  std::uint32_t bits_ = 0;
  std::uint8_t count_ = 0;  // Characters of a group that is incomplete.
  std::uint8_t padding_ = 0;
};

}  // namespace gatewaykit
