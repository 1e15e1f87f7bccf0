// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648 section 4), with padding. Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gatewaykit {

std::string encode_base64(std::string_view bytes);
/// Nothing where the text is not exactly what encode_base64 makes of some bytes.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace gatewaykit
