// SPDX-License-Identifier: Apache-2.0
// The content of gRPC-Web calls: of a request, out of base64; of a response, with its trailers as
// the last frame (flag 0x80, length, lines of HTTP/1.1), in base64 where the client wants that. An
// answer that fails, or is not whole by the deadline of its call, ends with a frame that says so.
#pragma once

#include <optional>

#include "core/base64.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/http/body.hpp"

namespace gatewaykit::transform {

class GrpcWebRequestBody final : public BodyFilter {
 public:
  explicit GrpcWebRequestBody(Body inner) noexcept : BodyFilter(std::move(inner)) {}

  Task<Result<Chunk>> read() override;
  std::optional<std::uint64_t> size() const override { return std::nullopt; }

 private:
  Result<Chunk> decode(const Chunk& text);

  Base64Decoder decoder_;
  std::optional<Error> failure_;
};

class GrpcWebResponseBody final : public BodyFilter {
 public:
  GrpcWebResponseBody(Body inner, bool is_text, TimePoint deadline) noexcept
      : BodyFilter(std::move(inner)), deadline_(deadline), is_text_(is_text) {}

  Task<Result<Chunk>> read() override;
  std::optional<std::uint64_t> size() const override { return std::nullopt; }
  const Headers* trailers() const override { return nullptr; }

 private:
  Task<Result<Chunk>> read_in_time();
  Chunk end(const Headers* trailers);
  Chunk encode(Chunk bytes) const;

  TimePoint deadline_;
  bool is_text_;
  bool has_ended_ = false;
};

}  // namespace gatewaykit::transform
