// SPDX-License-Identifier: Apache-2.0
#include "transform/grpc_web_body.hpp"

#include <cstdint>
#include <string>
#include <utility>

#include "gatewaykit/http/headers.hpp"

namespace gatewaykit::transform {

Task<Result<Chunk>> GrpcWebRequestBody::read() {
  for (;;) {
    if (failure_) co_return *failure_;
    Result<Chunk> text = co_await inner().read();
    if (!text) co_return text;
    Result<Chunk> bytes = decode(*text);
    if (!bytes) failure_ = bytes.error();
    // An empty chunk is the end alone; a piece may be too short to yield a byte.
    if (!bytes || !bytes->empty() || text->empty()) co_return bytes;
  }
}

Result<Chunk> GrpcWebRequestBody::decode(const Chunk& text) {
  const auto malformed = [] {
    return Error(Errc::bad_message, Origin::client, "the content is no base64");
  };
  if (text.empty()) {
    if (!decoder_.may_end_here()) return malformed();
    return Chunk();
  }
  Buffer buffer = Buffer::allocate(Base64Decoder::room_for(text.size()));
  const std::ptrdiff_t size = decoder_.decode(text.view(), buffer.data());
  if (size < 0) return malformed();
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(size));
  return Chunk(std::move(buffer), bytes);
}

Task<Result<Chunk>> GrpcWebResponseBody::read() {
  if (has_ended_) co_return Chunk();
  Result<Chunk> chunk = co_await inner().read();
  if (!chunk) co_return chunk;
  if (!chunk->empty()) co_return encode(std::move(*chunk));
  has_ended_ = true;
  co_return encode(trailer_frame());
}

Chunk GrpcWebResponseBody::encode(Chunk bytes) const {
  return is_text_ ? Chunk::copy_of(encode_base64(bytes.view())) : bytes;
}

Chunk GrpcWebResponseBody::trailer_frame() const {
  std::string lines;
  if (const Headers* const trailers = BodyFilter::trailers()) {
    for (const FieldLine line : *trailers) {
      lines.append(line.name).append(": ").append(line.value).append("\r\n");
    }
  }
  const auto size = static_cast<std::uint32_t>(lines.size());
  std::string frame = {static_cast<char>(0x80), static_cast<char>(size >> 24),
                       static_cast<char>(size >> 16), static_cast<char>(size >> 8),
                       static_cast<char>(size)};
  return Chunk::copy_of(frame += lines);
}

}  // namespace gatewaykit::transform
