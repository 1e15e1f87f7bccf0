// SPDX-License-Identifier: Apache-2.0
// TLS towards clients: what a listener presents and what it asks of them.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/core/tls.hpp"

namespace gatewaykit {

enum class ClientCertificates : std::uint8_t {
  none,      ///< Not asked for.
  optional,  ///< Asked for; one that is presented must be good.
  required,  ///< Without a good one there is no connection.
};

/// What a listener speaks beneath HTTP. Renegotiation and compression are off; a ticket with
/// each connection resumes sessions for twelve hours, on every worker.
struct TlsOptions {
  /// At least one. A client gets the one for the name that it asks for (SNI, RFC 6066 section 3):
  /// the same name, else a wildcard for it, else the first one.
  std::vector<TlsCertificate> certificates = {};
  TlsVersion min_version = TlsVersion::tls_1_2;
  /// Of TLS 1.2, as OpenSSL writes them. Empty: those with forward secrecy and authenticated
  /// encryption, AES of 128 bits first, as with TLS 1.3.
  std::string ciphers = {};
  ClientCertificates client_certificates = ClientCertificates::none;
  /// PEM file of those who may have issued clients' certificates.
  std::string client_ca = {};
  /// From the accept until both sides have agreed.
  Duration handshake_timeout = std::chrono::seconds(10);
};

}  // namespace gatewaykit
