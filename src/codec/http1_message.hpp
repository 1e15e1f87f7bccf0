// SPDX-License-Identifier: Apache-2.0
// What the HTTP/1 codecs share: the outcome of a step, how content is framed (RFC 9112 section 6),
// and limits. The codecs do no I/O: callers hold the bytes and present them. One worker's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gatewaykit/http/status.hpp"

namespace gatewaykit::codec {

/// What became of the bytes that were presented.
enum class ParseResult : std::uint8_t { need_more, done, failed };

/// Why a message is refused: the status for a client, and one sentence without a byte of the
/// message in it.
struct ParseError {
  Status status = Status::bad_request;
  std::string_view sentence;
};

/// How the content of a message is delimited.
struct BodyFraming {
  enum class Kind : std::uint8_t {
    none,         ///< The message ends with its head.
    length,       ///< `length` bytes.
    chunked,      ///< The chunked transfer coding.
    until_close,  ///< All until the connection closes; responses only.
  };

  Kind kind = Kind::none;
  std::uint64_t length = 0;

  static constexpr BodyFraming none() noexcept { return {}; }
  static constexpr BodyFraming of_length(std::uint64_t bytes) noexcept {
    return {Kind::length, bytes};
  }
  static constexpr BodyFraming chunked() noexcept { return {Kind::chunked, 0}; }
  static constexpr BodyFraming until_close() noexcept { return {Kind::until_close, 0}; }

  /// Content of at least one byte may follow.
  constexpr bool has_content() const noexcept {
    return kind != Kind::none && (kind != Kind::length || length != 0);
  }
  friend constexpr bool operator==(const BodyFraming&, const BodyFraming&) noexcept = default;
};

/// Bounds of a field section, as received.
struct SectionLimits {
  std::size_t bytes;   ///< Of its lines, from the first name to the last line end.
  std::size_t fields;  ///< Lines.
};

}  // namespace gatewaykit::codec
