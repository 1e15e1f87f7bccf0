// SPDX-License-Identifier: Apache-2.0
#include "observe/json_line.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/utf8.hpp"

namespace gatewaykit::observe {

namespace {

/// Copied as it is: printable ASCII but for the quote and the backslash.
constexpr bool is_plain(char c) noexcept { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

/// The letter of a two-character escape (RFC 8259 section 7), or 0.
constexpr char short_escape(char c) noexcept {
  switch (c) {
    case '"':
    case '\\':
      return c;
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

/// Whether a byte of `word` is not plain. It may say so of one that is: then the bytes are looked
/// at one by one.
template <class Word>
constexpr bool has_special(Word word) noexcept {
  constexpr Word kOnes = static_cast<Word>(~Word{0}) / 0xff;
  constexpr Word kHighs = kOnes * 0x80;
  const auto zero = [](Word bytes) { return (bytes - kOnes) & ~bytes; };
  const Word special = (word - kOnes * 0x20)    // Below 0x20.
                       | word | (word + kOnes)  // 0x7f and above.
                       | zero(word ^ kOnes * '"') | zero(word ^ kOnes * '\\');
  return (special & kHighs) != 0;
}
static_assert(!has_special(std::uint64_t{0x7e20215b5d23307a}));
static_assert(has_special(std::uint32_t{0x7e205c21}) && has_special(std::uint32_t{0x7e202221}));
static_assert(has_special(std::uint32_t{0x1f202121}) && has_special(std::uint32_t{0x21217f21}));

/// Copies a text of sizeof(Word) to twice as many bytes, as two words that may overlap.
template <class Word>
bool copy_two_words(char* out, const char* in, std::size_t size) noexcept {
  Word first;
  Word last;
  std::memcpy(&first, in, sizeof first);
  std::memcpy(&last, in + size - sizeof last, sizeof last);
  if (has_special(first) || has_special(last)) return false;
  std::memcpy(out, &first, sizeof first);
  std::memcpy(out + size - sizeof last, &last, sizeof last);
  return true;
}

/// Copies less than 16 bytes; false, with nothing of worth written, where one needs an escape.
bool copy_short(char* out, const char* in, std::size_t size) noexcept {
  if (size >= 8) return copy_two_words<std::uint64_t>(out, in, size);
  if (size >= 4) return copy_two_words<std::uint32_t>(out, in, size);
  return false;
}

}  // namespace

void JsonLine::append(std::string_view text) noexcept {
  const char* in = text.data();
  const char* const end = in + text.size();
  while (!is_cut_) {
    in = copy_plain(in, end);
    if (in == end) return;
    in = escape(in, end);
  }
}

/// Copies what needs no escape, as far as the limit goes; where it stopped.
const char* JsonLine::copy_plain(const char* in, const char* end) noexcept {
  const char* const stop = in + std::min(end - in, stop_ - out_);
#if defined(__SSE2__)
  while (stop - in >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out_), bytes);
    // Signed: 0x80 to 0xff are below 0x20 as well.
    const __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
    const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    const auto special = static_cast<unsigned>(
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(low, del), _mm_or_si128(quote, slash))));
    const int plain = special == 0 ? 16 : std::countr_zero(special);
    in += plain;
    out_ += plain;
    if (plain < 16) return in;
  }
#endif
  const auto rest = static_cast<std::size_t>(stop - in);
  if (rest < 16 && copy_short(out_, in, rest)) {
    out_ += rest;
    return stop;
  }
  while (in != stop && is_plain(*in)) *out_++ = *in++;
  return in;
}

/// Writes the escaped form of the character at `in`, or cuts the string; what comes behind it.
const char* JsonLine::escape(const char* in, const char* end) noexcept {
  const auto byte = static_cast<unsigned char>(*in);
  if (is_plain(*in)) {  // It stopped copying at the limit.
    unit(in, 1);
    return in + 1;
  }
  if (byte < 0x80) {
    const char escaped[] = {'\\', short_escape(*in)};
    if (escaped[1] != 0) {
      unit(escaped, 2);
    } else {
      unicode_escape(byte);
    }
    return in + 1;
  }
  const std::size_t size = utf8_size(in, end);
  if (size == 0) {
    unit("\\ufffd", 6);
    return in + 1;
  }
  const bool is_c1 = byte == 0xc2 && static_cast<unsigned char>(in[1]) < 0xa0;
  if (is_c1) {
    unicode_escape(static_cast<unsigned char>(in[1]));
  } else {
    unit(in, size);
  }
  return in + size;
}

/// Writes bytes that belong together, or cuts the string.
void JsonLine::unit(const char* bytes, std::size_t size) noexcept {
  if (size <= static_cast<std::size_t>(stop_ - out_)) {
    raw({bytes, size});
    return;
  }
  raw("...");
  is_cut_ = true;
}

void JsonLine::unicode_escape(unsigned char byte) noexcept {
  constexpr char kHex[] = "0123456789abcdef";
  const char escaped[] = {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
  unit(escaped, sizeof escaped);
}

void JsonLine::seconds(Duration duration) noexcept {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  const auto total = static_cast<std::uint64_t>(std::max<std::int64_t>(micros, 0));
  number(total / 1'000'000);
  *out_++ = '.';
  std::uint64_t fraction = total % 1'000'000;
  for (int i = 5; i >= 0; --i, fraction /= 10) out_[i] = static_cast<char>('0' + fraction % 10);
  out_ += 6;
}

}  // namespace gatewaykit::observe
