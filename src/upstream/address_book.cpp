// SPDX-License-Identifier: Apache-2.0
#include "upstream/address_book.hpp"

#include <algorithm>
#include <utility>

namespace gatewaykit::upstream {

AddressBook::AddressBook(std::vector<IpAddress> literal)
    : next_refresh_(kNeverDue), version_(1), addresses_(std::move(literal)) {}

bool AddressBook::claim(TimePoint now, std::int64_t expected) noexcept {
  const std::int64_t next = (now + interval_).time_since_epoch().count();
  return next_refresh_.compare_exchange_strong(expected, next, std::memory_order_relaxed);
}

void AddressBook::publish(const std::vector<IpAddress>& addresses, TimePoint now) {
  if (addresses.empty()) {
    failed(now);
    return;
  }
  std::vector<IpAddress> kept;
  for (const IpAddress& address : addresses) {
    if (kept.size() == kMost) break;
    if (std::find(kept.begin(), kept.end(), address) == kept.end()) kept.push_back(address);
  }
  const std::lock_guard lock(mutex_);
  // Resolvers rotate their answers: the same addresses in another order are no change.
  if (std::is_permutation(kept.begin(), kept.end(), addresses_.begin(), addresses_.end())) return;
  addresses_ = std::move(kept);
  version_.fetch_add(1, std::memory_order_release);
}

void AddressBook::failed(TimePoint now) noexcept {
  constexpr Duration kSoon = std::chrono::seconds(5);
  const TimePoint next = now + std::min(interval_, kSoon);
  next_refresh_.store(next.time_since_epoch().count(), std::memory_order_relaxed);
}

std::vector<IpAddress> AddressBook::addresses() const {
  const std::lock_guard lock(mutex_);
  return addresses_;
}

}  // namespace gatewaykit::upstream
