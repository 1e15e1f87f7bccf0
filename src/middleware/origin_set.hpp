// SPDX-License-Identifier: Apache-2.0
// OriginSet: which values of the Origin field (RFC 6454 section 7) are allowed. Made while wiring,
// then read by all workers at once; a look-up compares bytes and allocates nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gatewaykit {

class OriginSet {
 public:
  /// Adds "SCHEME://HOST[:PORT]", the same with a host "*.NAME", "null" or "*". False where it is
  /// none of these. Case does not count here, and a default port is left out, as browsers do.
  bool add(std::string_view origin);

  bool allows_all() const noexcept { return allows_all_; }
  bool empty() const noexcept { return !allows_all_ && exact_.empty() && wildcards_.empty(); }
  /// `origin` is the serialisation that a browser sends: compared byte by byte.
  bool contains(std::string_view origin) const noexcept;

 private:
  /// "https://*.example.com:8443": what stands before and behind the star.
  struct Wildcard {
    std::string before;
    std::string behind;
  };

  std::vector<std::string> exact_;  // Sorted.
  std::vector<Wildcard> wildcards_;
  bool allows_all_ = false;
};

}  // namespace gatewaykit
