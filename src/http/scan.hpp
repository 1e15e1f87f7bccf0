// SPDX-License-Identifier: Apache-2.0
// The character classes of RFC 9110 section 5 and scanners over them: the one place where the
// library decides which bytes a field name or a field value may hold. Headers, the codecs and the
// target rules share it. Pure functions, any thread; 16 bytes at a time where SSE2 is there.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace gatewaykit {

namespace scan_detail {

template <class Predicate>
constexpr std::array<bool, 256> make_table(Predicate predicate) {
  std::array<bool, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = predicate(static_cast<char>(i));
  return table;
}

constexpr bool among(std::string_view set, char c) noexcept {
  for (const char member : set) {
    if (member == c) return true;
  }
  return false;
}

}  // namespace scan_detail

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_ows(char c) noexcept { return c == ' ' || c == '\t'; }
constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// The value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) noexcept {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// tchar of RFC 9110 section 5.6.2.
inline constexpr std::array<bool, 256> kTokenTable = scan_detail::make_table(
    [](char c) { return is_digit(c) || is_alpha(c) || scan_detail::among("!#$%&'*+-.^_`|~", c); });

/// field-vchar, obs-text, SP and HTAB of RFC 9110 section 5.5.
inline constexpr std::array<bool, 256> kValueTable = scan_detail::make_table([](char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
});

constexpr bool is_token_char(char c) noexcept { return kTokenTable[static_cast<unsigned char>(c)]; }
constexpr bool is_value_char(char c) noexcept { return kValueTable[static_cast<unsigned char>(c)]; }

/// The first byte in [begin, end) that is not a tchar; `end` where there is none.
inline const char* find_token_end(const char* begin, const char* end) noexcept {
#if defined(__SSE2__)
  // Letters, digits and '-' by range; any rarer tchar ends the block and is left to the table.
  while (end - begin >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(begin));
    const __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    // Signed compares: bytes above 0x7f are negative, hence in no range.
    const __m128i letter = _mm_and_si128(_mm_cmpgt_epi8(lower, _mm_set1_epi8('a' - 1)),
                                         _mm_cmplt_epi8(lower, _mm_set1_epi8('z' + 1)));
    const __m128i digit = _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8('0' - 1)),
                                        _mm_cmplt_epi8(bytes, _mm_set1_epi8('9' + 1)));
    const __m128i dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
    const auto plain =
        static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), dash)));
    if (plain != 0xffff) {
      begin += std::countr_one(plain);
      if (!is_token_char(*begin)) return begin;
      ++begin;
      continue;
    }
    begin += 16;
  }
#endif
  while (begin != end && is_token_char(*begin)) ++begin;
  return begin;
}

/// The first byte in [begin, end) that a field value cannot hold (CR and LF among them); `end`
/// where there is none.
inline const char* find_value_end(const char* begin, const char* end) noexcept {
#if defined(__SSE2__)
  while (end - begin >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(begin));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    const __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
    const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    const auto bad =
        static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, control), del)));
    if (bad != 0) return begin + std::countr_zero(bad);
    begin += 16;
  }
#endif
  while (begin != end && is_value_char(*begin)) ++begin;
  return begin;
}

/// The first byte in [begin, end) outside 0x21 to 0x7e: what ends a request target. `end` where
/// there is none.
inline const char* find_visible_end(const char* begin, const char* end) noexcept {
#if defined(__SSE2__)
  while (end - begin >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(begin));
    // Signed: 0x80 to 0xff are below 0x21 as well.
    const __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x21));
    const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    const auto bad = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(low, del)));
    if (bad != 0) return begin + std::countr_zero(bad);
    begin += 16;
  }
#endif
  while (begin != end && *begin >= 0x21 && *begin < 0x7f) ++begin;
  return begin;
}

inline bool is_token(std::string_view text) noexcept {
  const char* const end = text.data() + text.size();
  return !text.empty() && find_token_end(text.data(), end) == end;
}

inline bool is_field_value(std::string_view text) noexcept {
  const char* const end = text.data() + text.size();
  return find_value_end(text.data(), end) == end;
}

/// Without leading and trailing SP and HTAB.
constexpr std::string_view trim_ows(std::string_view text) noexcept {
  while (!text.empty() && is_ows(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_ows(text.back())) text.remove_suffix(1);
  return text;
}

/// Puts all letters into lower case.
template <class Text>
constexpr void lower(Text& text) noexcept {
  for (char& c : text) c = to_lower(c);
}

/// True where `text`, whatever its case, reads as `lower`, which is lower-case.
constexpr bool equals_lower(std::string_view text, std::string_view lower) noexcept {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (to_lower(text[i]) != lower[i]) return false;
  }
  return true;
}

/// A number of bytes as Content-Length has it (RFC 9110 section 8.6): digits alone, 2^63 - 1 at
/// most. Nothing where it is something else.
constexpr std::optional<std::uint64_t> parse_content_length(std::string_view text) noexcept {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::uint64_t length = 0;
  for (const char c : text) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (!is_digit(c) || length > (kMax - digit) / 10) return std::nullopt;
    length = length * 10 + digit;
  }
  return text.empty() ? std::nullopt : std::optional(length);
}

/// True where both read the same without regard to case.
constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

/// Takes the next member off a comma-separated list (RFC 9110 section 5.6.1), without the blanks
/// around it; it may be empty. `list` becomes the rest. Call it while `list.data()` is not null.
constexpr std::string_view next_list_member(std::string_view& list) noexcept {
  const std::size_t comma = list.find(',');
  const std::string_view member = trim_ows(list.substr(0, comma));
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  return member;
}

}  // namespace gatewaykit
