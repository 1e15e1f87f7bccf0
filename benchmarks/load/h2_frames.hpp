// SPDX-License-Identifier: Apache-2.0
//
// HTTP/2 frames (RFC 9113 sections 4 and 6) and literal header fields (RFC 7541 section 6.2.2), as
// far as the load programs write them. They read frames alone: what a proxy that is under test put
// into a header block is not looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gatewaykit::bench::h2 {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr std::size_t kFrameHeadBytes = 9;
inline constexpr std::uint32_t kFirstWindow = 65'535;
inline constexpr std::uint32_t kGreatestWindow = 0x7fff'ffff;

enum class Type : std::uint8_t {
  data = 0,
  headers = 1,
  rst_stream = 3,
  settings = 4,
  ping = 6,
  window_update = 8,
  continuation = 9,
};

enum Flag : std::uint8_t { kEndStream = 1, kAck = 1, kEndHeaders = 4 };

enum Setting : std::uint16_t { kMostStreams = 3, kInitialWindow = 4 };

struct FrameHead {
  std::uint32_t size;
  Type type;
  std::uint8_t flags;
  std::uint32_t stream;
};

/// A number in network order of as many bytes as `bytes` has.
inline std::uint32_t number_of(std::string_view bytes) {
  std::uint32_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

/// Of the first kFrameHeadBytes.
inline FrameHead parse_frame_head(std::string_view bytes) {
  return {number_of(bytes.substr(0, 3)), static_cast<Type>(bytes[3]),
          static_cast<std::uint8_t>(bytes[4]), number_of(bytes.substr(5, 4)) & kGreatestWindow};
}

inline void append_number(std::string& out, std::uint32_t number, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(number >> shift & 0xff);
  }
}

inline void append_frame(std::string& out, Type type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload) {
  append_number(out, static_cast<std::uint32_t>(payload.size()), 3);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  append_number(out, stream, 4);
  out += payload;
}

inline void append_setting(std::string& payload, Setting setting, std::uint32_t value) {
  append_number(payload, setting, 2);
  append_number(payload, value, 4);
}

/// A field that the peer shall not remember, whose name is number `name` (below 142) of the static
/// table; the value is shorter than 127 bytes.
inline void append_field(std::string& block, int name, std::string_view value) {
  constexpr int kMostInPrefix = 15;
  if (name < kMostInPrefix) {
    block += static_cast<char>(name);
  } else {
    block += static_cast<char>(kMostInPrefix);
    block += static_cast<char>(name - kMostInPrefix);
  }
  block += static_cast<char>(value.size());
  block += value;
}

}  // namespace gatewaykit::bench::h2
