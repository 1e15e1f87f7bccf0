// SPDX-License-Identifier: Apache-2.0
// UTF-8 as RFC 3629 has it: for whoever writes text of others into JSON.
#pragma once

#include <cstddef>

namespace gatewaykit {

/// The size of the well-formed UTF-8 sequence at `in` (RFC 3629 section 4); 0 where there is none.
inline std::size_t utf8_size(const char* in, const char* end) noexcept {
  const auto byte = [in](std::size_t i) { return static_cast<unsigned char>(in[i]); };
  const auto left = static_cast<std::size_t>(end - in);
  const unsigned char lead = byte(0);
  const std::size_t size = lead < 0xc2   ? 0
                           : lead < 0xe0 ? 2
                           : lead < 0xf0 ? 3
                           : lead < 0xf5 ? 4
                                         : 0;
  if (size == 0 || left < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Longer than need be, a surrogate, or beyond U+10FFFF.
  if (lead == 0xe0 && byte(1) < 0xa0) return 0;
  if (lead == 0xed && byte(1) > 0x9f) return 0;
  if (lead == 0xf0 && byte(1) < 0x90) return 0;
  if (lead == 0xf4 && byte(1) > 0x8f) return 0;
  return size;
}

}  // namespace gatewaykit
