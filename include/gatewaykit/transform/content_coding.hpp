// SPDX-License-Identifier: Apache-2.0
// ContentCoding: the codings of content (RFC 9110 section 8.4.1) that the library can apply, as far
// as it was built with them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "gatewaykit/export.hpp"

namespace gatewaykit {

enum class ContentCoding : std::uint8_t { zstd, brotli, gzip };

/// As it stands in Content-Encoding: "zstd" (RFC 8878), "br" (RFC 7932), "gzip" (RFC 1952).
GATEWAYKIT_EXPORT std::string_view name_of(ContentCoding coding) noexcept;
/// The coding of that name in any case, "x-gzip" being gzip; nothing for any other.
GATEWAYKIT_EXPORT std::optional<ContentCoding> content_coding_of(std::string_view name) noexcept;
/// The library was built with what it takes.
GATEWAYKIT_EXPORT bool is_built_in(ContentCoding coding) noexcept;

}  // namespace gatewaykit
