// SPDX-License-Identifier: Apache-2.0
// gzip (RFC 1952) by zlib, with the window and the memory that it has by default: 262 KiB.
#include <zlib.h>

#include "transform/codings.hpp"

namespace gatewaykit::transform {

namespace {

class GzipCompressor final : public Compressor {
 public:
  ~GzipCompressor() override { deflateEnd(&stream_); }

  bool begin(int level) noexcept {
    constexpr int kGzipFraming = 16;
    constexpr int kMemoryLevel = 8;
    return deflateInit2(&stream_, level, Z_DEFLATED, MAX_WBITS + kGzipFraming, kMemoryLevel,
                        Z_DEFAULT_STRATEGY) == Z_OK;
  }

  std::optional<Step> run(Operation operation, std::string_view input, char* output,
                          std::size_t room) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream_.avail_in = static_cast<uInt>(input.size());
    stream_.next_out = reinterpret_cast<Bytef*>(output);
    stream_.avail_out = static_cast<uInt>(room);
    const int result = deflate(&stream_, flush_of(operation));
    // Z_BUF_ERROR: there was nothing to do.
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return std::nullopt;
    return Step{input.size() - stream_.avail_in, room - stream_.avail_out,
                is_done(operation, result)};
  }

  bool restart() override { return deflateReset(&stream_) == Z_OK; }

 private:
  static int flush_of(Operation operation) noexcept {
    switch (operation) {
      case Operation::process:
        return Z_NO_FLUSH;
      case Operation::flush:
        return Z_SYNC_FLUSH;
      case Operation::finish:
        return Z_FINISH;
    }
    return Z_NO_FLUSH;
  }

  bool is_done(Operation operation, int result) const noexcept {
    if (operation == Operation::finish) return result == Z_STREAM_END;
    // A flush is complete once room is left behind it.
    return stream_.avail_in == 0 && (operation == Operation::process || stream_.avail_out > 0);
  }

  z_stream stream_{};
};

}  // namespace

std::unique_ptr<Compressor> make_gzip_compressor(int level) {
  auto compressor = std::make_unique<GzipCompressor>();
  if (!compressor->begin(level)) return nullptr;
  return compressor;
}

}  // namespace gatewaykit::transform
