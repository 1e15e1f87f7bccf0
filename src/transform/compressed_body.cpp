// SPDX-License-Identifier: Apache-2.0
#include "transform/compressed_body.hpp"

#include <algorithm>
#include <utility>

#include "gatewaykit/core/async.hpp"

namespace gatewaykit::transform {

namespace {

constexpr std::size_t kOutputSize = std::size_t{64} << 10;

/// The first `size` bytes of a buffer. Few of them are copied, so that a client that is slow to
/// take them does not hold the whole buffer.
Chunk to_chunk(Buffer buffer, std::size_t size) {
  const std::string_view bytes(buffer.data(), size);
  if (size < buffer.capacity() / 2) return Chunk::copy_of(bytes);
  return Chunk(std::move(buffer), bytes);
}

}  // namespace

struct CompressedBody::Output {
  char* end() const noexcept { return buffer.data() + size; }
  std::size_t room() const noexcept { return kOutputSize - size; }

  Buffer buffer;
  std::size_t size = 0;
};

bool CompressedBody::ready(Chunk& chunk) {
  const Step made = step(chunk);
  if (made == Step::end) chunk = Chunk();
  return made == Step::chunk || made == Step::end;
}

Task<Result<Chunk>> CompressedBody::read() {
  for (;;) {
    Chunk chunk;
    switch (step(chunk)) {
      case Step::chunk:
      case Step::end:
        co_return chunk;
      case Step::failed:
        co_return *failure_;
      case Step::tired: {
        Result<> turn = co_await next_turn();
        if (!turn) fail(std::move(turn.error()));
        turn_left_ = kInputPerTurn;
        break;
      }
      case Step::starved: {
        Result<Chunk> next = co_await inner().read();
        if (next) {
          take_input(std::move(*next));
        } else {
          fail(std::move(next.error()));
        }
        break;
      }
    }
  }
}

/// Goes on for as long as there is something to do and room for what it gives.
CompressedBody::Step CompressedBody::step(Chunk& chunk) {
  Output output;
  while (output.room() >= Compressor::kLeastRoom && has_work()) {
    if (!work(output)) {
      fail(Error(Errc::bad_message, Origin::gateway, "the compressor failed"));
    }
  }
  if (output.size > 0) {
    chunk = to_chunk(std::move(output.buffer), output.size);
    return Step::chunk;
  }
  if (failure_) return Step::failed;
  if (is_over_) return Step::end;
  return turn_left_ == 0 ? Step::tired : Step::starved;
}

/// Decides what is to be done next; false where there is nothing to do now.
bool CompressedBody::has_work() {
  if (is_over_ || failure_) return false;
  if (operation_ != Operation::process) return true;
  if (turn_left_ == 0) return false;
  if (!input_.empty()) return true;
  if (Chunk next; inner().ready(next)) {
    take_input(std::move(next));
    return true;
  }
  if (is_unflushed_) operation_ = Operation::flush;
  return is_unflushed_;
}

/// False where the compressor fails.
bool CompressedBody::work(Output& output) {
  if (!output.buffer) output.buffer = Buffer::allocate(kOutputSize);
  const std::string_view piece = input_.view().substr(0, turn_left_);
  const auto made = compressor_->run(operation_, piece, output.end(), output.room());
  if (!made) return false;
  output.size += made->given;
  turn_left_ -= made->taken;
  input_.remove_prefix(made->taken);
  if (input_.empty()) input_ = Chunk();
  if (operation_ == Operation::process) {
    is_unflushed_ = true;
  } else if (made->is_done) {
    is_unflushed_ = false;
    is_over_ = operation_ == Operation::finish;
    operation_ = Operation::process;
  }
  if (is_over_) compressor_.give_back();
  return true;
}

void CompressedBody::take_input(Chunk chunk) noexcept {
  if (chunk.empty()) operation_ = Operation::finish;
  input_ = std::move(chunk);
}

void CompressedBody::fail(Error error) noexcept {
  failure_ = std::move(error);
  input_ = Chunk();
  compressor_.give_back();
}

Task<std::optional<Chunk>> compress_whole(CompressorPool::Lease compressor, Chunk content) {
  using Operation = Compressor::Operation;
  // Without room for as much as the content, what does not fit is not smaller.
  const Buffer buffer = Buffer::allocate(content.size());
  std::size_t size = 0;
  for (;;) {
    const std::string_view piece = content.view().substr(0, kInputPerTurn);
    const bool is_last = piece.size() == content.size();
    const Operation operation = is_last ? Operation::finish : Operation::process;
    const auto made =
        compressor->run(operation, piece, buffer.data() + size, buffer.capacity() - size);
    if (!made) break;
    size += made->given;
    content.remove_prefix(made->taken);
    if (is_last && made->is_done) co_return to_chunk(buffer, size);
    if (buffer.capacity() - size < Compressor::kLeastRoom) break;
    if (is_last) continue;
    const Result<> turn = co_await next_turn();
    if (!turn) break;
  }
  co_return std::nullopt;
}

}  // namespace gatewaykit::transform
