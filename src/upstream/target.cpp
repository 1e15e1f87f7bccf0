// SPDX-License-Identifier: Apache-2.0
#include "upstream/target.hpp"

#include <vector>

namespace gatewaykit::upstream {

namespace {

AddressBook book_for(const TargetUrl& url, Duration dns_interval) {
  if (!url.host.empty()) return AddressBook(dns_interval);
  std::vector<IpAddress> literal;
  if (url.address) literal.push_back(*url.address);
  return AddressBook(std::move(literal));
}

}  // namespace

Target::Target(TargetUrl target_url, std::uint32_t target_weight, EjectionPolicy policy,
               Duration dns_interval, std::shared_ptr<const TlsTarget> secured)
    : url(std::move(target_url)),
      weight(target_weight),
      tls(std::move(secured)),
      addresses(book_for(url, dns_interval)),
      ejection(policy) {}

}  // namespace gatewaykit::upstream
