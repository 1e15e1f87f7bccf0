// SPDX-License-Identifier: Apache-2.0
// What the tests of HTTP/2 towards targets share: frames as bytes, and a target in memory that a
// test plays frame by frame. On the test's own thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool_world.hpp"

namespace gatewaykit::testing {

enum class FrameType : std::uint8_t {
  data,
  headers,
  priority,
  reset,
  settings,
  push,
  ping,
  goaway
};
inline constexpr std::uint8_t kEndStream = 1;
inline constexpr std::uint8_t kAck = 1;
inline constexpr std::uint8_t kEndHeaders = 4;

struct Frame {
  FrameType type;
  std::uint8_t flags;
  std::uint32_t stream;
  std::string payload;
};

inline std::string big_endian(std::uint32_t number, int bytes = 4) {
  std::string text;
  for (int i = bytes; i-- > 0;) text.push_back(static_cast<char>(number >> (8 * i)));
  return text;
}

inline std::string frame(FrameType type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload = "") {
  std::string bytes = big_endian(static_cast<std::uint32_t>(payload.size()), 3);
  bytes.push_back(static_cast<char>(type));
  bytes.push_back(static_cast<char>(flags));
  return bytes + big_endian(stream) + std::string(payload);
}

/// HEADERS with :status 200 and nothing else.
inline std::string ok_head(std::uint32_t stream, std::uint8_t flags = 0) {
  return frame(FrameType::headers, kEndHeaders | flags, stream, "\x88");
}
/// SETTINGS by which the target takes so many streams at a time.
inline std::string stream_limit(std::uint32_t count) {
  return frame(FrameType::settings, 0, 0, std::string("\0\x03", 2) + big_endian(count));
}
/// GOAWAY without fault, after which only streams up to this one are dealt with.
inline std::string goaway(std::uint32_t last) {
  return frame(FrameType::goaway, 0, 0, big_endian(last) + big_endian(0));
}
inline std::string content(std::uint32_t stream, std::string_view bytes, std::uint8_t flags = 0) {
  return frame(FrameType::data, flags, stream, bytes);
}

/// The target's end of one connection.
class Http2Peer {
 public:
  Http2Peer(World& world, MemoryPeer peer) : world_(world), peer_(std::move(peer)) {
    write(frame(FrameType::settings, 0, 0));
  }

  void write(std::string bytes) {
    world_.executor.run(peer_.write(std::move(bytes)));
    world_.executor.settle();
  }
  /// The next frame but those of settings and windows. The preface is skipped.
  Frame next() {
    for (;;) {
      Frame frame = next_of_any();
      const bool is_window = static_cast<int>(frame.type) == 8;
      if (frame.type != FrameType::settings && !is_window) return frame;
    }
  }
  Frame next(FrameType type) {
    Frame frame = next();
    while (frame.type != type) frame = next();
    return frame;
  }
  /// The gateway has closed the connection; what it sent before is dropped.
  void wait_for_end() { world_.executor.run(peer_.wait_for_end()); }
  void close() { peer_.close(); }

 private:
  Frame next_of_any() {
    constexpr std::size_t kPreface = 24;
    constexpr std::size_t kHead = 9;
    if (!has_preface_) take(kPreface);
    has_preface_ = true;
    const std::string head = take(kHead);
    const auto byte = [&head](std::size_t i) {
      return std::uint32_t{static_cast<unsigned char>(head[i])};
    };
    Frame frame;
    frame.type = static_cast<FrameType>(byte(3));
    frame.flags = static_cast<std::uint8_t>(byte(4));
    frame.stream = byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8);
    frame.payload = take(byte(0) << 16 | byte(1) << 8 | byte(2));
    return frame;
  }
  std::string take(std::size_t size) {
    while (bytes_.size() < size) {
      const std::string more = world_.executor.run(peer_.read_bytes());
      if (more.empty()) throw std::runtime_error("the gateway has closed the connection");
      bytes_ += more;
    }
    std::string taken = bytes_.substr(0, size);
    bytes_.erase(0, size);
    return taken;
  }

  World& world_;
  MemoryPeer peer_;
  std::string bytes_;
  bool has_preface_ = false;
};

}  // namespace gatewaykit::testing
