// SPDX-License-Identifier: Apache-2.0
// Percent-encoding (RFC 3986 section 2.1) of what a client chose into a URL that the gateway
// writes: each place has the set of characters that mean nothing there. Pure functions, any thread.
#pragma once

#include <array>
#include <string_view>

#include "gatewaykit/core/string.hpp"
#include "http/scan.hpp"

namespace gatewaykit {

using UrlCharSet = std::array<bool, 256>;

/// Letters, digits and `marks`.
constexpr UrlCharSet url_chars(std::string_view marks) {
  return scan_detail::make_table(
      [marks](char c) { return is_alpha(c) || is_digit(c) || scan_detail::among(marks, c); });
}

/// Appends `text`, with an escape for each byte that is not among `plain`.
inline void append_encoded(String& to, std::string_view text, const UrlCharSet& plain) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (plain[byte]) {
      to += c;
    } else {
      to += '%';
      to += kHex[byte >> 4];
      to += kHex[byte & 15];
    }
  }
}

}  // namespace gatewaykit
