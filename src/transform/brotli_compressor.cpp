// SPDX-License-Identifier: Apache-2.0
// br (RFC 7932) by brotli. Window and blocks of 64 KiB: with the larger ones it would like, a
// response takes up to 36 MB, and one read up to a second; they save a few per cent.
#include <brotli/encode.h>

#include "transform/codings.hpp"

namespace gatewaykit::transform {

namespace {

struct Destroy {
  void operator()(BrotliEncoderState* state) const noexcept { BrotliEncoderDestroyInstance(state); }
};
using State = std::unique_ptr<BrotliEncoderState, Destroy>;

class BrotliCompressor final : public Compressor {
 public:
  explicit BrotliCompressor(State state) noexcept : state_(std::move(state)) {}

  std::optional<Step> run(Operation operation, std::string_view input, char* output,
                          std::size_t room) override {
    const auto* next_in = reinterpret_cast<const std::uint8_t*>(input.data());
    auto* next_out = reinterpret_cast<std::uint8_t*>(output);
    std::size_t left = input.size();
    std::size_t free = room;
    if (!BrotliEncoderCompressStream(state_.get(), brotli_operation(operation), &left, &next_in,
                                     &free, &next_out, nullptr)) {
      return std::nullopt;
    }
    return Step{input.size() - left, room - free, left == 0 && is_done(operation)};
  }

  // The library has no way to start again.
  bool restart() override { return false; }

 private:
  static BrotliEncoderOperation brotli_operation(Operation operation) noexcept {
    switch (operation) {
      case Operation::process:
        return BROTLI_OPERATION_PROCESS;
      case Operation::flush:
        return BROTLI_OPERATION_FLUSH;
      case Operation::finish:
        return BROTLI_OPERATION_FINISH;
    }
    return BROTLI_OPERATION_PROCESS;
  }

  bool is_done(Operation operation) const noexcept {
    if (operation == Operation::finish) return BrotliEncoderIsFinished(state_.get()) != 0;
    return operation == Operation::process || BrotliEncoderHasMoreOutput(state_.get()) == 0;
  }

  State state_;
};

}  // namespace

std::unique_ptr<Compressor> make_brotli_compressor(int level) {
  constexpr std::uint32_t kWindowBits = 16;
  State state(BrotliEncoderCreateInstance(nullptr, nullptr, nullptr));
  if (state == nullptr) return nullptr;
  BrotliEncoderSetParameter(state.get(), BROTLI_PARAM_QUALITY, static_cast<std::uint32_t>(level));
  BrotliEncoderSetParameter(state.get(), BROTLI_PARAM_LGWIN, kWindowBits);
  BrotliEncoderSetParameter(state.get(), BROTLI_PARAM_LGBLOCK, kWindowBits);
  return std::make_unique<BrotliCompressor>(std::move(state));
}

}  // namespace gatewaykit::transform
