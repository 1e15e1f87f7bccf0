// SPDX-License-Identifier: Apache-2.0
// Compressor: one content coding applied to one stream of bytes, whichever library does the work.
// Each implementation lies in a file of its own and is built where its library is there;
// compressor.cpp alone knows which. Used on one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "gatewaykit/transform/content_coding.hpp"

namespace gatewaykit::transform {

class Compressor {
 public:
  enum class Operation : std::uint8_t {
    process,  ///< Takes input; what it gives, and when, is its own affair.
    flush,    ///< Gives all that it holds, so that the other end can read up to here.
    finish,   ///< The same, and ends the stream.
  };
  struct Step {
    std::size_t taken;  ///< Of the input.
    std::size_t given;  ///< Into the output.
    bool is_done;       ///< Else: the same operation again, with the rest and more room.
  };
  /// Less room than this is not enough to go on with.
  static constexpr std::size_t kLeastRoom = 64;

  Compressor() = default;
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;
  virtual ~Compressor() = default;

  /// Nothing where the library fails, which it does only for lack of memory.
  virtual std::optional<Step> run(Operation operation, std::string_view input, char* output,
                                  std::size_t room) = 0;
  /// Forgets the stream and is as new; false where making another one is as cheap.
  virtual bool restart() = 0;
};

struct Levels {
  int least;
  int most;
};
constexpr Levels levels_of(ContentCoding coding) noexcept {
  constexpr std::array<Levels, 3> kLevels{{{1, 19}, {0, 11}, {1, 9}}};
  return kLevels[static_cast<std::size_t>(coding)];
}

/// Bytes that a compressor takes, about and at most.
constexpr std::size_t memory_of(ContentCoding coding, int level) noexcept {
  constexpr std::size_t kMiB = std::size_t{1} << 20;
  switch (coding) {
    case ContentCoding::zstd:
      return level < 5 ? kMiB * 3 / 4 : kMiB * 3 / 2;
    case ContentCoding::brotli:
      return level < 9 ? kMiB * 2 : kMiB * 6;
    case ContentCoding::gzip:
      return kMiB * 17 / 64;
  }
  return 0;
}

/// Null for lack of memory, or where the coding is not built in.
std::unique_ptr<Compressor> make_compressor(ContentCoding coding, int level);

}  // namespace gatewaykit::transform
