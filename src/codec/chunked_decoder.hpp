// SPDX-License-Identifier: Apache-2.0
// ChunkedDecoder: takes the chunked transfer coding off (RFC 9112 section 7.1), strictly, without
// copying content. BodyDecoder does the same for any framing. Incremental at every byte; takes
// exactly the bytes of the content, none of the next message. Used on both sides of the gateway.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "codec/field_section.hpp"
#include "codec/http1_message.hpp"
#include "gatewaykit/core/string.hpp"
#include "gatewaykit/http/headers.hpp"

namespace gatewaykit::codec {

/// What the front of the bytes that were presented came to.
struct BodyStep {
  enum class Kind : std::uint8_t {
    need_more,  ///< All bytes were taken; more must come.
    data,       ///< `data` is content; there may be more in the bytes behind.
    end,        ///< The content has ended.
    failed,     ///< See error().
  };

  Kind kind;
  std::string_view data;     ///< A view into the bytes, never empty with Kind::data.
  std::size_t consumed = 0;  ///< Bytes taken from the front, framing and `data` together.
};

class ChunkedDecoder {
 public:
  /// Takes bytes off the front. Present what is behind `consumed`, or what has come since, next.
  /// Once it has ended or failed it says so again and takes nothing.
  BodyStep next(std::string_view bytes);

  bool has_ended() const noexcept { return state_ == State::end; }
  /// After `end`: the trailer section without the fields that must not stand there (RFC 9110
  /// section 6.5.1): framing, routing, authentication, content and forwarding fields.
  Headers& trailers() noexcept { return trailers_; }
  const Headers& trailers() const noexcept { return trailers_; }
  /// After `failed`.
  const ParseError& error() const noexcept { return error_; }

 private:
  enum class State : std::uint8_t {
    size,
    extension_gap,
    extension,
    size_end,
    data,
    data_cr,
    data_lf,
    last_chunk,
    last_lf,
    trailers,
    end,
    failed,
  };

  BodyStep fail(const ParseError& error, std::size_t consumed) noexcept;
  const char* take_size_line(std::string_view bytes, std::size_t& at) noexcept;
  const char* take_digit(char c) noexcept;
  const char* take_extension(std::string_view bytes, std::size_t& at) noexcept;
  ParseResult take_trailers(std::string_view bytes, std::size_t& at);

  std::uint64_t left_ = 0;     // Of the chunk.
  std::size_t extension_ = 0;  // Bytes of its extensions.
  std::uint8_t digits_ = 0;    // Of its size.
  State state_ = State::size;
  ParseError error_;
  String trailer_bytes_;
  FieldSection section_;
  Headers trailers_;
};

/// Content of a message by its framing. A body until close never ends here: the stream does.
class BodyDecoder {
 public:
  explicit BodyDecoder(BodyFraming framing = {}) noexcept
      : kind_(framing.kind), left_(framing.length) {}

  /// As ChunkedDecoder::next.
  BodyStep next(std::string_view bytes);
  /// Bytes of content that are left, for Kind::length; else 0.
  std::uint64_t left() const noexcept { return left_; }
  /// Whether the end of the stream at this point ends the content (or it had ended before).
  bool may_end_here() const noexcept;

  Headers& trailers() noexcept { return chunked_.trailers(); }
  const Headers& trailers() const noexcept { return chunked_.trailers(); }
  const ParseError& error() const noexcept { return chunked_.error(); }

 private:
  BodyFraming::Kind kind_;
  std::uint64_t left_;
  ChunkedDecoder chunked_;
};

}  // namespace gatewaykit::codec
