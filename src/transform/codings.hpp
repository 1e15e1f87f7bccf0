// SPDX-License-Identifier: Apache-2.0
// The makers of compressors, one for each library; a maker exists where its library was found.
// For compressor.cpp, which chooses.
#pragma once

#include <memory>

#include "transform/compressor.hpp"

namespace gatewaykit::transform {

std::unique_ptr<Compressor> make_zstd_compressor(int level);
std::unique_ptr<Compressor> make_brotli_compressor(int level);
std::unique_ptr<Compressor> make_gzip_compressor(int level);

}  // namespace gatewaykit::transform
