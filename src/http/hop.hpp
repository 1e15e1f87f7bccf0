// SPDX-License-Identifier: Apache-2.0
// Which fields a message has for one hop alone (RFC 9110 sections 7.2 and 7.6.1): the one list that
// the codecs, conditions of routes and options of middlewares go by. Pure, any thread.
#pragma once

#include "gatewaykit/http/headers.hpp"

namespace gatewaykit {

/// Read and written by the codecs alone, whoever else puts such a field into a message: it is never
/// among the headers of a request or response that was received.
constexpr bool belongs_to_hop(Field field) noexcept {
  switch (field) {
    case Field::connection:
    case Field::content_length:
    case Field::host:
    case Field::http2_settings:
    case Field::keep_alive:
    case Field::proxy_connection:
    case Field::te:
    case Field::transfer_encoding:
    case Field::upgrade:
      return true;
    default:
      return false;
  }
}

}  // namespace gatewaykit
