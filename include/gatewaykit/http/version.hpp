// SPDX-License-Identifier: Apache-2.0
// HttpVersion: the version of HTTP that a message was received in.
#pragma once

#include <cstdint>

namespace gatewaykit {

enum class HttpVersion : std::uint8_t { http_1_0, http_1_1, http_2 };

}  // namespace gatewaykit
