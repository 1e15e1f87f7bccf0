// SPDX-License-Identifier: Apache-2.0
#include "transform/base64_decoder.hpp"

#include <array>

namespace gatewaykit::transform {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> kValues = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}();

}  // namespace

std::ptrdiff_t Base64Decoder::decode(std::string_view text, char* to) noexcept {
  char* out = to;
  for (const char c : text) {
    const std::int8_t value = kValues[static_cast<unsigned char>(c)];
    if (c == '=' && count_ >= 2) {
      ++padding_;
    } else if (value < 0 || padding_ > 0) {
      return -1;
    }
    bits_ = bits_ << 6 | static_cast<std::uint32_t>(value < 0 ? 0 : value);
    if (++count_ < 4) continue;
    const int bytes = 3 - padding_;
    // Bits that belong to no byte must be zero: one text for one content (RFC 4648 section 3.5).
    if ((bits_ & ((std::uint32_t{1} << (8 * padding_)) - 1)) != 0) return -1;
    for (int i = 0; i < bytes; ++i) *out++ = static_cast<char>(bits_ >> (16 - 8 * i));
    bits_ = 0;
    count_ = padding_ = 0;
  }
  return out - to;
}

}  // namespace gatewaykit::transform
