// SPDX-License-Identifier: Apache-2.0
// AddressBook: the addresses that a target's name stands for, shared by all workers. Whoever finds
// a refresh due claims it, resolves and publishes; the last good addresses stay until then.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/http/address.hpp"

namespace gatewaykit::upstream {

class AddressBook {
 public:
  /// For a literal address, or none (a path is dialled): never refreshed.
  explicit AddressBook(std::vector<IpAddress> literal);
  /// For a name: empty until the first publish.
  explicit AddressBook(Duration interval) noexcept : interval_(interval), next_refresh_(kDue) {}

  /// True for one caller each time a refresh is due; it then calls publish or failed.
  bool claim_refresh(TimePoint now) noexcept {
    const std::int64_t next = next_refresh_.load(std::memory_order_relaxed);
    if (now.time_since_epoch().count() < next) [[likely]]
      return false;
    return claim(now, next);
  }
  /// New addresses, of which the first kMost different ones are kept. None: as failed().
  void publish(const std::vector<IpAddress>& addresses, TimePoint now);
  /// No answer: what is known stays, and the next refresh comes soon.
  void failed(TimePoint now) noexcept;

  /// Changes with the addresses; 0 while none are known.
  std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }
  std::vector<IpAddress> addresses() const;

  /// A poisoned answer with thousands of records stays small.
  static constexpr std::size_t kMost = 64;

 private:
  static constexpr std::int64_t kDue = INT64_MIN;
  static constexpr std::int64_t kNeverDue = INT64_MAX;

  bool claim(TimePoint now, std::int64_t expected) noexcept;

  Duration interval_{};
  std::atomic<std::int64_t> next_refresh_;
  std::atomic<std::uint64_t> version_{0};
  mutable std::mutex mutex_;  // Guards addresses_.
  std::vector<IpAddress> addresses_;
};

}  // namespace gatewaykit::upstream
