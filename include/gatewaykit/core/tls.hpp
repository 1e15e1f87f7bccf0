// SPDX-License-Identifier: Apache-2.0
// What is said about TLS (RFC 8446) on either side of the gateway: certificates and versions, and
// what is known of a client's certificate.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gatewaykit {

/// A certificate to present, as PEM files that are read when the gateway is wired.
struct TlsCertificate {
  std::string certificate = {};  ///< The own certificate first, then those that issued it.
  std::string private_key = {};  ///< Not encrypted.
  /// DER file of a response (RFC 6960) by which its authority says that the certificate is good:
  /// handed to clients that ask for it ("stapled", RFC 6066 section 8) until it expires. Listeners
  /// alone use it. Empty: none.
  std::string ocsp_response = {};
};

/// The good certificate of a client: `ctx.get<ClientCertificate>()` within a middleware, null where
/// the client presented none.
struct ClientCertificate {
  std::string subject;                 ///< Its name, as RFC 2253 writes it.
  std::vector<std::string> dns_names;  ///< Of its subjectAltName.
  std::string sha256;                  ///< Of the whole certificate, 64 hexadecimal digits.
  std::string der;                     ///< The whole certificate.
};

enum class TlsVersion : std::uint8_t { tls_1_2, tls_1_3 };

}  // namespace gatewaykit
