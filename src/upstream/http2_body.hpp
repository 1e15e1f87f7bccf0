// SPDX-License-Identifier: Apache-2.0
// The content of a response of HTTP/2 that is still being received: what the stream holds, chunk by
// chunk. Content that was cut short fails; it never ends.
#pragma once

#include "codec/http1_message.hpp"
#include "gatewaykit/core/pool.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/http/body.hpp"
#include "gatewaykit/http/headers.hpp"
#include "upstream/lease.hpp"
#include "upstream/target.hpp"

namespace gatewaykit::upstream {

class Http2Stream;

class Http2Body final : public BodySource {
 public:
  /// `lease` is that of `stream`. Content is awaited until `total` at the latest.
  Http2Body(Http2Stream& stream, Lease lease, const codec::BodyFraming& framing, InFlight in_flight,
            TimePoint total) noexcept;
  ~Http2Body() override;
  static void* operator new(std::size_t size) { return pool_allocate(size); }
  static void operator delete(void* block, std::size_t size) noexcept {
    pool_deallocate(block, size);
  }

  Task<Result<Chunk>> read() override;
  bool ready(Chunk& chunk) override;
  std::optional<std::uint64_t> size() const override;
  const Headers* trailers() const override { return trailers_.empty() ? nullptr : &trailers_; }

 private:
  enum class Step : std::uint8_t { chunk, end, nothing, failed };

  Step step(Chunk& chunk);
  void finish() noexcept;
  Step fail(Error error);

  Http2Stream* stream_;  // As long as we have the lease.
  Lease lease_;
  InFlight in_flight_;
  TimePoint total_;
  std::optional<std::uint64_t> left_;
  bool is_over_ = false;
  Headers trailers_;
  std::optional<Error> failure_;
};

}  // namespace gatewaykit::upstream
