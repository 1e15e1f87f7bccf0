// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets share: a property that must hold, and pieces of the input as they might
// arrive, each in memory of exactly its size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/http/headers.hpp"
#include "http/scan.hpp"

namespace gatewaykit::fuzz {

inline void require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "property does not hold: %s\n", property);
  std::abort();
}

class ExactBytes {
 public:
  explicit ExactBytes(std::string_view bytes)
      : block_(new char[bytes.size()]), size_(bytes.size()) {
    if (!bytes.empty()) std::memcpy(block_.get(), bytes.data(), bytes.size());
  }
  std::string_view view() const { return {block_.get(), size_}; }

 private:
  std::unique_ptr<char[]> block_;
  std::size_t size_;
};

/// Ends of pieces that grow by 1 to `longest` bytes, as `seed` has it; the last one is `size`.
inline std::vector<std::size_t> piece_ends(std::size_t size, std::uint32_t seed,
                                           std::size_t longest) {
  std::vector<std::size_t> ends;
  for (std::size_t end = 0; end < size;) {
    seed = seed * 1664525 + 1013904223;
    end += 1 + (seed >> 16) % longest;
    if (end < size) ends.push_back(end);
  }
  ends.push_back(size);
  return ends;
}

/// Field lines as text, having checked that they may be sent on.
inline std::string text_of(const Headers& headers) {
  std::string text;
  for (const FieldLine line : headers) {
    require(is_token(line.name), "a field name is a token");
    require(is_field_value(line.value) && trim_ows(line.value) == line.value,
            "a field value is clean");
    require(line.field == field_of(line.name), "a field is known by its name");
    text.append(line.name).append(": ").append(line.value).append("\n");
  }
  return text;
}

}  // namespace gatewaykit::fuzz
