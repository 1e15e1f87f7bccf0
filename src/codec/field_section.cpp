// SPDX-License-Identifier: Apache-2.0
#include "codec/field_section.hpp"

#include <algorithm>
#include <limits>

#include "http/scan.hpp"

namespace gatewaykit::codec {

namespace {

constexpr std::size_t kUsualLines = 32;
// For what a gateway adds: Via, forwarding fields, a request id, a trace.
constexpr std::size_t kSpareLines = 8;
constexpr std::size_t kSpareBytes = 256;
constexpr std::size_t kMaxNameSize = std::numeric_limits<std::uint16_t>::max();

constexpr std::uint32_t narrow(std::ptrdiff_t offset) noexcept {
  return static_cast<std::uint32_t>(offset);
}

}  // namespace

void FieldSection::begin(std::size_t offset) noexcept {
  lines_.clear();
  has_odd_blanks_ = false;
  begin_ = at_ = offset;
  partial_ = Partial();
}

/// One pass over the new bytes. What is known of the line is kept in `line` and stored only where
/// the bytes end, so that the compiler can keep it in registers.
ParseResult FieldSection::scan(std::string_view buffer, const SectionLimits& limits) {
  const std::size_t limit_end = begin_ + limits.bytes;
  const char* const base = buffer.data();
  const char* const end = base + std::min(buffer.size(), limit_end);
  const char* at = base + at_;
  Partial line = partial_;
  const auto pause = [&] {
    at_ = static_cast<std::size_t>(at - base);
    partial_ = line;
    if (buffer.size() <= limit_end) return ParseResult::need_more;
    return fail(Status::request_header_fields_too_large, "the header section is too large");
  };
  if (lines_.capacity() == 0) lines_.reserve(std::min(kUsualLines, limits.fields));
  for (;;) {
    switch (line.state) {
      case State::line_begin:
        if (at == end) return pause();
        if (*at == '\r') {
          ++at;
          line.state = State::section_end;
          continue;
        }
        if (lines_.size() == limits.fields) {
          return fail(Status::request_header_fields_too_large, "too many fields");
        }
        line.name_begin = narrow(at - base);
        line.state = State::name;
        [[fallthrough]];
      case State::name:
        at = find_token_end(at, end);
        if (at == end) return pause();
        line.name_end = narrow(at - base);
        if (*at != ':' || line.name_end == line.name_begin) return fail_name(at, line);
        if (line.name_end - line.name_begin > kMaxNameSize) {
          return fail(Status::request_header_fields_too_large, "a field name is too long");
        }
        ++at;
        line.state = State::before_value;
        [[fallthrough]];
      case State::before_value:
        while (at != end && is_ows(*at)) ++at;
        if (at == end) return pause();
        line.value_begin = narrow(at - base);
        line.state = State::value;
        [[fallthrough]];
      case State::value:
        at = find_value_end(at, end);
        if (at == end) return pause();
        if (*at == '\n') return fail(Status::bad_request, "a line ends without CR");
        if (*at != '\r') {
          return fail(Status::bad_request, "a field value holds a control character");
        }
        ++at;
        line.state = State::line_end;
        [[fallthrough]];
      case State::line_end:
        if (at == end) return pause();
        if (*at != '\n') return fail(Status::bad_request, "a CR stands without LF");
        add_line(base, line, at - 1);
        ++at;
        line.state = State::line_begin;
        continue;
      case State::section_end:
        if (at == end) return pause();
        if (*at != '\n') return fail(Status::bad_request, "a CR stands without LF");
        at_ = static_cast<std::size_t>(at + 1 - base);
        return ParseResult::done;
    }
  }
}

ParseResult FieldSection::fail(Status status, std::string_view sentence) noexcept {
  error_ = {status, sentence};
  return ParseResult::failed;
}

ParseResult FieldSection::fail_name(const char* at, const Partial& line) noexcept {
  const bool is_first_byte = line.name_end == line.name_begin;
  if (is_first_byte && is_ows(*at)) {
    return fail(Status::bad_request, "a field line is folded or begins with a blank");
  }
  if (*at == ':') return fail(Status::bad_request, "a field name is empty");
  if (is_ows(*at)) return fail(Status::bad_request, "a blank stands before the colon of a field");
  if (*at == '\r' || *at == '\n') return fail(Status::bad_request, "a field line has no colon");
  return fail(Status::bad_request, "a field name holds a character that it must not");
}

inline void FieldSection::add_line(const char* base, const Partial& line, const char* end) {
  const char* const value = base + line.value_begin;
  const char* const line_end = end;
  while (end != value && is_ows(end[-1])) --end;
  if (end != line_end || line.value_begin != line.name_end + 2 || value[-1] != ' ') [[unlikely]]
    has_odd_blanks_ = true;
  const std::uint32_t name_size = line.name_end - line.name_begin;
  lines_.push_back({line.name_begin, line.value_begin, narrow(end - value),
                    static_cast<std::uint16_t>(name_size),
                    field_of({base + line.name_begin, name_size}), false});
}

void FieldSection::copy_to(Headers& headers, std::string_view buffer) {
  const std::string_view section = buffer.substr(begin_, at_ - begin_);
  headers.reserve(lines_.size() + kSpareLines, section.size() + kSpareBytes);
  if (has_odd_blanks_) {
    for (const Line& line : lines_) {
      if (line.is_dropped) continue;
      headers.add_checked(line.field, line.name_in(buffer), line.value_in(buffer));
    }
  } else {
    const std::uint32_t shift = headers.add_section(section) - static_cast<std::uint32_t>(begin_);
    for (const Line& line : lines_) {
      if (line.is_dropped) continue;
      headers.add_line_at(line.field, line.name_offset + shift, line.name_size,
                          line.value_offset + shift, line.value_size);
    }
  }
  clear();
}

}  // namespace gatewaykit::codec
