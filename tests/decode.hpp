// SPDX-License-Identifier: Apache-2.0
// decode: undoes a content coding with the library that the coding belongs to, for tests that
// compare what comes out byte by byte. Works for the codings that are built in.
#pragma once

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/transform/content_coding.hpp"

#if defined(GATEWAYKIT_HAS_ZLIB)
#include <zlib.h>
#endif
#if defined(GATEWAYKIT_HAS_BROTLI)
#include <brotli/decode.h>
#endif
#if defined(GATEWAYKIT_HAS_ZSTD)
#include <zstd.h>
#endif

namespace gatewaykit::testing {

/// What the bytes so far say. Complete: the stream ends exactly with them.
struct Decoded {
  std::string content;
  bool is_complete = false;
};

namespace detail {

using DecodeBuffer = std::array<char, 32768>;

#if defined(GATEWAYKIT_HAS_ZLIB)
inline Decoded decode_gzip(std::string_view bytes) {
  Decoded decoded;
  DecodeBuffer buffer;
  z_stream stream{};
  inflateInit2(&stream, MAX_WBITS + 16);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  int result = Z_OK;
  do {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    result = inflate(&stream, Z_NO_FLUSH);
    decoded.content.append(buffer.data(), buffer.size() - stream.avail_out);
  } while (result == Z_OK && (stream.avail_in > 0 || stream.avail_out == 0));
  decoded.is_complete = result == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
    throw std::runtime_error("no gzip");
  }
  return decoded;
}
#endif

#if defined(GATEWAYKIT_HAS_BROTLI)
inline Decoded decode_brotli(std::string_view bytes) {
  Decoded decoded;
  DecodeBuffer buffer;
  BrotliDecoderState* const state = BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
  const auto* in = reinterpret_cast<const uint8_t*>(bytes.data());
  std::size_t left = bytes.size();
  BrotliDecoderResult result = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
  // It may ask for more input while it has more output than there was room for.
  while (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT || BrotliDecoderHasMoreOutput(state)) {
    auto* out = reinterpret_cast<uint8_t*>(buffer.data());
    std::size_t room = buffer.size();
    result = BrotliDecoderDecompressStream(state, &left, &in, &room, &out, nullptr);
    decoded.content.append(buffer.data(), buffer.size() - room);
  }
  decoded.is_complete = result == BROTLI_DECODER_RESULT_SUCCESS && left == 0;
  BrotliDecoderDestroyInstance(state);
  if (result == BROTLI_DECODER_RESULT_ERROR) throw std::runtime_error("no brotli");
  return decoded;
}
#endif

#if defined(GATEWAYKIT_HAS_ZSTD)
inline Decoded decode_zstd(std::string_view bytes) {
  Decoded decoded;
  DecodeBuffer buffer;
  ZSTD_DCtx* const context = ZSTD_createDCtx();
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  ZSTD_outBuffer out{};
  std::size_t result = 1;
  do {
    out = {buffer.data(), buffer.size(), 0};
    result = ZSTD_decompressStream(context, &out, &in);
    decoded.content.append(buffer.data(), out.pos);
  } while (!ZSTD_isError(result) && result != 0 && (in.pos < in.size || out.pos == out.size));
  decoded.is_complete = result == 0 && in.pos == in.size;
  ZSTD_freeDCtx(context);
  if (ZSTD_isError(result)) throw std::runtime_error("no zstd");
  return decoded;
}
#endif

}  // namespace detail

inline Decoded decode([[maybe_unused]] ContentCoding coding,
                      [[maybe_unused]] std::string_view bytes) {
#if defined(GATEWAYKIT_HAS_ZLIB)
  if (coding == ContentCoding::gzip) return detail::decode_gzip(bytes);
#endif
#if defined(GATEWAYKIT_HAS_BROTLI)
  if (coding == ContentCoding::brotli) return detail::decode_brotli(bytes);
#endif
#if defined(GATEWAYKIT_HAS_ZSTD)
  if (coding == ContentCoding::zstd) return detail::decode_zstd(bytes);
#endif
  throw std::logic_error("the coding is not built in");
}

inline std::vector<ContentCoding> built_in_codings() {
  std::vector<ContentCoding> codings;
  for (const auto coding : {ContentCoding::zstd, ContentCoding::brotli, ContentCoding::gzip}) {
    if (is_built_in(coding)) codings.push_back(coding);
  }
  return codings;
}

/// Content that compresses about as well as JSON does; the same for the same size.
inline std::string some_text(std::size_t size) {
  constexpr std::string_view kWords[] = {"{\"id\":", "\"name\":\"alice\",", "true", "\"price\":",
                                         "[1,2,3],", "example.com",         "null", "}\n"};
  std::string text;
  std::uint32_t state = 1;
  while (text.size() < size) {
    state = state * 1664525 + 1013904223;
    text += kWords[state >> 29];
    if (state % 3 == 0) text += std::to_string(state >> 16);
  }
  text.resize(size);
  return text;
}

/// Content that does not compress.
inline std::string some_noise(std::size_t size) {
  std::string noise(size, '\0');
  std::uint64_t state = 88172645463325252;
  for (char& c : noise) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    c = static_cast<char>(state >> 32 & 0xff);
  }
  return noise;
}

}  // namespace gatewaykit::testing
