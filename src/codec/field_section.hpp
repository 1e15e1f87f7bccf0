// SPDX-License-Identifier: Apache-2.0
// FieldSection: finds and checks the lines of a field section (RFC 9112 section 5) in a buffer that
// grows: heads of requests and responses, and trailers. It keeps places, never pointers, since the
// buffer may move between two calls. Used by the HTTP/1 parsers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "codec/http1_message.hpp"
#include "gatewaykit/core/string.hpp"
#include "gatewaykit/http/headers.hpp"

namespace gatewaykit::codec {

class FieldSection {
 public:
  struct Line {
    std::uint32_t name_offset;
    std::uint32_t value_offset;
    std::uint32_t value_size;
    std::uint16_t name_size;
    Field field;
    bool is_dropped;  ///< copy_to leaves it out.

    std::string_view name_in(std::string_view buffer) const noexcept {
      return {buffer.data() + name_offset, name_size};
    }
    std::string_view value_in(std::string_view buffer) const noexcept {
      return {buffer.data() + value_offset, value_size};
    }
  };

  /// A section begins at this offset of the buffer.
  void begin(std::size_t offset) noexcept;
  /// Looks at what is new in `buffer`. `done`: the section ended at end().
  ParseResult scan(std::string_view buffer, const SectionLimits& limits);
  /// After `failed`: 400, or 431 where a limit was passed.
  const ParseError& error() const noexcept { return error_; }

  std::span<Line> lines() noexcept { return lines_; }
  std::size_t end() const noexcept { return at_; }
  /// Adds the lines that were not dropped, with one copy unless blanks stand where few senders put
  /// them, and gives the list of lines back.
  /// `headers` gets some spare room for what a gateway adds.
  void copy_to(Headers& headers, std::string_view buffer);
  void clear() noexcept { lines_ = Lines(); }

 private:
  enum class State : std::uint8_t { line_begin, name, before_value, value, line_end, section_end };
  using Lines = std::vector<Line, PoolAllocator<Line>>;

  /// A line that has not ended yet, as offsets.
  struct Partial {
    std::uint32_t name_begin = 0;
    std::uint32_t name_end = 0;
    std::uint32_t value_begin = 0;
    State state = State::line_begin;
  };

  ParseResult fail(Status status, std::string_view sentence) noexcept;
  ParseResult fail_name(const char* at, const Partial& line) noexcept;
  void add_line(const char* base, const Partial& line, const char* end);

  Lines lines_;
  bool has_odd_blanks_ = false;  // A line is not `name: value` as it stands.
  ParseError error_;
  std::size_t begin_ = 0;
  std::size_t at_ = 0;  // The first byte that was not looked at yet.
  Partial partial_;
};

}  // namespace gatewaykit::codec
