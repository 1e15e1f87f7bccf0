// SPDX-License-Identifier: Apache-2.0
#include "transform/grpc_web_body.hpp"

#include <cstdint>
#include <string>
#include <utility>

#include "gatewaykit/core/async.hpp"
#include "gatewaykit/http/headers.hpp"
#include "http/grpc.hpp"

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
  Task<Result<Chunk>> reading = deadline_ == kNever ? inner().read() : read_in_time();
  Result<Chunk> chunk = co_await std::move(reading);
  if (!chunk) {
    const Headers outcome = grpc_trailers_of(chunk.error());
    inner() = Body();  // Nobody works for it any more.
    co_return end(&outcome);
  }
  if (!chunk->empty()) co_return encode(std::move(*chunk));
  co_return end(BodyFilter::trailers());
}

Task<Result<Chunk>> GrpcWebResponseBody::read_in_time() {
  const Env env = co_await current_env();
  const TimePoint now = env.executor->now();
  if (now >= deadline_) co_return Error(Errc::total_timeout, Origin::gateway);
  co_return co_await with_timeout(deadline_ - now, inner().read());
}

Chunk GrpcWebResponseBody::encode(Chunk bytes) const {
  return is_text_ ? Chunk::copy_of(encode_base64(bytes.view())) : bytes;
}

Chunk GrpcWebResponseBody::end(const Headers* trailers) {
  has_ended_ = true;
  std::string lines;
  if (trailers != nullptr) {
    for (const FieldLine line : *trailers) {
      lines.append(line.name).append(": ").append(line.value).append("\r\n");
    }
  }
  const auto size = static_cast<std::uint32_t>(lines.size());
  std::string frame = {static_cast<char>(0x80), static_cast<char>(size >> 24),
                       static_cast<char>(size >> 16), static_cast<char>(size >> 8),
                       static_cast<char>(size)};
  return encode(Chunk::copy_of(frame += lines));
}

}  // namespace gatewaykit::transform
