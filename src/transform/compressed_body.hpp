// SPDX-License-Identifier: Apache-2.0
// CompressedBody: another body, compressed as it is read. Holds one chunk of the source and no
// output, so that backpressure reaches the source; what the source gives is flushed as soon as it
// has nothing more ready, so that no event of a stream waits for the next one. Also the same in one
// go, for content that is there whole. On the body's own worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "gatewaykit/core/error.hpp"
#include "gatewaykit/core/pool.hpp"
#include "gatewaykit/http/body.hpp"
#include "transform/compressor_pool.hpp"

namespace gatewaykit::transform {

/// Input that is compressed without giving others a turn.
inline constexpr std::size_t kInputPerTurn = std::size_t{64} << 10;

class CompressedBody final : public BodyFilter {
 public:
  CompressedBody(Body inner, CompressorPool::Lease compressor) noexcept
      : BodyFilter(std::move(inner)), compressor_(std::move(compressor)) {}

  static void* operator new(std::size_t size) { return pool_allocate(size); }
  static void operator delete(void* block, std::size_t size) noexcept {
    pool_deallocate(block, size);
  }

  Task<Result<Chunk>> read() override;
  bool ready(Chunk& chunk) override;
  std::optional<std::uint64_t> size() const override { return std::nullopt; }

 private:
  using Operation = Compressor::Operation;
  enum class Step : std::uint8_t {
    chunk,
    end,
    failed,
    starved,  ///< The source has nothing ready.
    tired,    ///< It is the others' turn.
  };
  struct Output;

  Step step(Chunk& chunk);
  bool has_work();
  bool work(Output& output);
  void take_input(Chunk chunk) noexcept;
  void fail(Error error) noexcept;

  CompressorPool::Lease compressor_;  // Given back at the end, before the body goes.
  Chunk input_;
  std::size_t turn_left_ = kInputPerTurn;
  Operation operation_ = Operation::process;
  bool is_unflushed_ = false;
  bool is_over_ = false;
  std::optional<Error> failure_;
};

/// All of `content` compressed, with turns for others in between; nothing where that would not be
/// smaller, fails, or is cancelled.
Task<std::optional<Chunk>> compress_whole(CompressorPool::Lease compressor, Chunk content);

}  // namespace gatewaykit::transform
