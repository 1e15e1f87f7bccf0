// SPDX-License-Identifier: Apache-2.0
// What is said about TLS (RFC 8446) on either side of the gateway: certificates and versions.
#pragma once

#include <cstdint>
#include <string>

namespace gatewaykit {

/// A certificate to present, as PEM files that are read when the gateway is wired.
struct TlsCertificate {
  std::string certificate = {};  ///< The own certificate first, then those that issued it.
  std::string private_key = {};  ///< Not encrypted.
};

enum class TlsVersion : std::uint8_t { tls_1_2, tls_1_3 };

}  // namespace gatewaykit
