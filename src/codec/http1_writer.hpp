// SPDX-License-Identifier: Apache-2.0
// The HTTP/1.1 writer: heads, chunk framing and trailers as bytes. Everything that leaves the
// gateway is written here, from parts that were checked; framing is what the caller says and never
// what a field of the message says. Used by server and upstream connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "codec/http1_message.hpp"
#include "gatewaykit/core/buffer.hpp"
#include "gatewaykit/http/headers.hpp"
#include "gatewaykit/http/method.hpp"
#include "gatewaykit/http/status.hpp"

namespace gatewaykit::codec {

/// Bytes that are appended to a pooled buffer, which grows as needed.
class ByteWriter {
 public:
  explicit ByteWriter(std::size_t capacity = 1024) : buffer_(Buffer::allocate(capacity)) {}

  std::size_t size() const noexcept { return size_; }
  std::string_view view() const noexcept { return {buffer_.data(), size_}; }
  /// The bytes as view() shows them; the writer is not to be used again.
  Buffer take() noexcept { return std::move(buffer_); }

  void append(std::string_view bytes) {
    char* const to = extend(bytes.size());
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  }
  void append_decimal(std::uint64_t number);
  /// The same as one after the other, with one look at the room that is left.
  void append_all(std::initializer_list<std::string_view> pieces) {
    std::size_t size = 0;
    for (const std::string_view piece : pieces) size += piece.size();
    char* to = extend(size);
    for (const std::string_view piece : pieces) {
      if (!piece.empty()) std::memcpy(to, piece.data(), piece.size());
      to += piece.size();
    }
  }
  /// `name: value` and the line end.
  void append_field(std::string_view name, std::string_view value) {
    append_all({name, ": ", value, "\r\n"});
  }

 private:
  char* extend(std::size_t bytes) {
    if (buffer_.capacity() - size_ < bytes) [[unlikely]]
      grow(bytes);
    char* const to = buffer_.data() + size_;
    size_ += bytes;
    return to;
  }
  void grow(std::size_t bytes);

  Buffer buffer_;
  std::size_t size_ = 0;
};

/// A request head to write.
struct RequestParts {
  const Method& method;
  std::string_view target;     ///< Origin form or "*".
  std::string_view authority;  ///< The value of Host.
  const Headers& headers;
  /// None stands for no content: with methods that usually have some it is a length of 0.
  BodyFraming framing;
  std::string_view upgrade;       ///< The protocol to ask for; mostly empty.
  bool accepts_trailers = false;  ///< TE: trailers.
  bool closes = false;            ///< Connection: close.
};
/// Fields of `headers` that belong to a hop or to framing are left out.
void write_request_head(ByteWriter& writer, const RequestParts& parts);

/// A response head to write.
struct ResponseParts {
  Status status;
  const Headers& headers;
  /// None stands for content that does not follow and that a Content-Length among `headers` may
  /// describe: an answer to HEAD. An empty answer to GET has a length of 0. Never written with 1xx
  /// and 204; 304 is always as none.
  BodyFraming framing;
  std::string_view date;     ///< Written unless `headers` has a Date; may be empty.
  std::string_view upgrade;  ///< With 101: the protocol switched to.
  bool closes = false;       ///< Connection: close, as until_close does in any case.
  bool keeps_alive = false;  ///< Connection: keep-alive, for clients of HTTP/1.0.
};
/// Fields of `headers` that belong to a hop or to framing are left out.
void write_response_head(ByteWriter& writer, const ResponseParts& parts);

/// The longest size line: 16 digits and the line end.
inline constexpr std::size_t kChunkHeadSize = 18;
/// Writes the size line of a chunk to `to`, which has room for kChunkHeadSize; the bytes written.
std::size_t write_chunk_head(std::uint64_t size, char* to) noexcept;
/// Ends a chunk.
inline constexpr std::string_view kChunkEnd = "\r\n";
/// Ends content without trailers.
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
/// Ends content with trailers, behind the last chunk.
void write_last_chunk(ByteWriter& writer, const Headers& trailers);

/// The size of a date as Date has it (IMF-fixdate, RFC 9110 section 5.6.7).
inline constexpr std::size_t kDateSize = 29;
/// Writes `time` so to `to`, which has room for kDateSize; returns that.
std::size_t write_date(std::time_t time, char* to) noexcept;

}  // namespace gatewaykit::codec
