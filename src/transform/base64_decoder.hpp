// SPDX-License-Identifier: Apache-2.0
// Base64Decoder: base64 (RFC 4648 section 4) that comes in pieces, however they are cut. Strict: no
// blanks, padding where it belongs. What is padded may be followed by more, as gRPC-Web has it,
// which encodes each message on its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gatewaykit::transform {

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

}  // namespace gatewaykit::transform
