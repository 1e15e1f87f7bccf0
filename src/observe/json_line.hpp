// SPDX-License-Identifier: Apache-2.0
// JsonLine: writes one JSON object as one line into memory that the caller has sized, without
// allocating. Whatever bytes a value holds, the line stays valid JSON and stays one line: quotes,
// controls (C1 too) and broken UTF-8 are escaped or replaced. No thread of its own, any thread.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "gatewaykit/core/timer.hpp"

namespace gatewaykit::observe {

class JsonLine {
 public:
  /// What a string takes at most beyond its limit: quotes and the mark that it was cut.
  static constexpr std::size_t kStringExtra = 5;
  /// Bytes behind the line that may be overwritten.
  static constexpr std::size_t kSlack = 16;

  explicit JsonLine(char* to) noexcept : out_(to) {}

  /// Text that is JSON already.
  void raw(std::string_view json) noexcept {
    std::memcpy(out_, json.data(), json.size());
    out_ += json.size();
  }
  /// A literal: its size is known, so that no call is needed to copy it.
  template <std::size_t N>
  void raw(const char (&json)[N]) noexcept {
    std::memcpy(out_, json, N - 1);
    out_ += N - 1;
  }
  /// A string; where its escaped form takes more than `limit` bytes it is cut and ends with "...".
  void string(std::string_view text, std::size_t limit) noexcept {
    begin_string(limit);
    append(text);
    end_string();
  }
  /// The same in pieces, which share the limit.
  void begin_string(std::size_t limit) noexcept {
    *out_++ = '"';
    stop_ = out_ + limit;
    is_cut_ = false;
  }
  void append(std::string_view text) noexcept;
  void end_string() noexcept { *out_++ = '"'; }

  void number(std::uint64_t value) noexcept { out_ = std::to_chars(out_, out_ + 20, value).ptr; }
  /// Seconds with six decimals: 0.001234.
  void seconds(Duration duration) noexcept;

  /// Behind the last byte.
  char* end() const noexcept { return out_; }

 private:
  const char* copy_plain(const char* in, const char* end) noexcept;
  const char* escape(const char* in, const char* end) noexcept;
  void unit(const char* bytes, std::size_t size) noexcept;
  void unicode_escape(unsigned char byte) noexcept;

  char* out_;
  char* stop_ = nullptr;  // Where the string that is being written is cut.
  bool is_cut_ = false;
};

}  // namespace gatewaykit::observe
