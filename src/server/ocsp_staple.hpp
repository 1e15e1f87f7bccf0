// SPDX-License-Identifier: Apache-2.0
// OcspStaple: what an authority says about a listener's certificate (RFC 6960), handed to clients
// that ask for it (RFC 6066 section 8). Immutable; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/tls.hpp"

namespace gatewaykit::server {

class OcspStaple {
 public:
  /// Of a DER file, for `certificate`. Null where `file` is empty or there is no certificate, and
  /// where it cannot be used: then `problems` gets a sentence. That the authority has signed it is
  /// the client's to see; one that has expired is taken, and kept to ourselves.
  static std::unique_ptr<const OcspStaple> read(const std::string& file, const X509* certificate,
                                                std::vector<std::string>& problems);

  /// Hands it to a client that asks for it; false where it has expired.
  bool give_to(SSL& ssl) const noexcept;

 private:
  OcspStaple(std::string response, std::int64_t expires) noexcept
      : response_(std::move(response)), expires_(expires) {}

  const std::string response_;
  const std::int64_t expires_;  // Seconds since 1970.
};

}  // namespace gatewaykit::server
