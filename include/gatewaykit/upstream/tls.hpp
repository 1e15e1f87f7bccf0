// SPDX-License-Identifier: Apache-2.0
// TLS towards upstream targets with an https URL.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gatewaykit/core/tls.hpp"

namespace gatewaykit {

/// By default a target must show a certificate for the host of its URL, issued by an authority that
/// the system trusts. Sessions are resumed; UpstreamOptions::http2 decides what ALPN offers.
struct UpstreamTls {
  /// PEM file of the only ones who may have issued the targets' certificates. Empty: the system's.
  std::string ca = {};
  /// The name to ask for (SNI) and to be shown, in place of the URL's host.
  std::string server_name = {};
  /// False: any certificate will do. Whoever is between can read and change everything.
  bool verify = true;
  /// SHA-256 of public keys in base64, as RFC 7469 section 2.4 pins them ("pin-sha256"): a target
  /// whose own certificate has none of these keys is refused, whoever issued it and even where
  /// `verify` is false. Empty: any key.
  std::vector<std::string> pins = {};
  /// What the gateway shows where a target asks for a certificate.
  std::optional<TlsCertificate> certificate = std::nullopt;
  TlsVersion min_version = TlsVersion::tls_1_2;
};

}  // namespace gatewaykit
