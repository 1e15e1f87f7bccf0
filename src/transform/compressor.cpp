// SPDX-License-Identifier: Apache-2.0
// Which codings this build has.
#include "transform/compressor.hpp"

#include "http/scan.hpp"
#include "transform/codings.hpp"

namespace gatewaykit {

namespace {

using Maker = std::unique_ptr<transform::Compressor> (*)(int level);

struct Coding {
  std::string_view name;
  Maker make;  // Null: not built in.
};

// In the order of ContentCoding.
constexpr std::array<Coding, 3> kCodings{{
#if defined(GATEWAYKIT_HAS_ZSTD)
    {"zstd", &transform::make_zstd_compressor},
#else
    {"zstd", nullptr},
#endif
#if defined(GATEWAYKIT_HAS_BROTLI)
    {"br", &transform::make_brotli_compressor},
#else
    {"br", nullptr},
#endif
#if defined(GATEWAYKIT_HAS_ZLIB)
    {"gzip", &transform::make_gzip_compressor},
#else
    {"gzip", nullptr},
#endif
}};

const Coding& entry_of(ContentCoding coding) noexcept {
  return kCodings[static_cast<std::size_t>(coding)];
}

}  // namespace

std::string_view name_of(ContentCoding coding) noexcept { return entry_of(coding).name; }

std::optional<ContentCoding> content_coding_of(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kCodings.size(); ++i) {
    if (equals_lower(name, kCodings[i].name)) return static_cast<ContentCoding>(i);
  }
  if (equals_lower(name, "x-gzip")) return ContentCoding::gzip;
  return std::nullopt;
}

bool is_built_in(ContentCoding coding) noexcept { return entry_of(coding).make != nullptr; }

namespace transform {

std::unique_ptr<Compressor> make_compressor(ContentCoding coding, int level) {
  const Maker make = entry_of(coding).make;
  return make == nullptr ? nullptr : make(level);
}

}  // namespace transform

}  // namespace gatewaykit
