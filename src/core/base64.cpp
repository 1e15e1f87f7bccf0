// SPDX-License-Identifier: Apache-2.0
#include "core/base64.hpp"

#include <array>
#include <cstdint>

namespace gatewaykit {

namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> kValues = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}();

}  // namespace

std::string encode_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char byte : bytes) {
    bits = bits << 8U | static_cast<unsigned char>(byte);
    for (held += 8; held >= 6; held -= 6) text += kDigits[bits >> (held - 6) & 63U];
  }
  if (held > 0) text += kDigits[bits << (6 - held) & 63U];
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::optional<std::string> decode_base64(std::string_view text) {
  std::string bytes(Base64Decoder::room_for(text.size()), '\0');
  Base64Decoder decoder;
  const std::ptrdiff_t size = decoder.decode(text, bytes.data());
  if (size < 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(size));
  if (encode_base64(bytes) != text) return std::nullopt;
  return bytes;
}

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

}  // namespace gatewaykit
