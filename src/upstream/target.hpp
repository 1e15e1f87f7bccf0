// SPDX-License-Identifier: Apache-2.0
// Target: one server of a pool as all workers share it: where it is, how much of the load it is to
// have, how busy and how healthy it is. Atomics and one mutex that only name changes take.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "upstream/address_book.hpp"
#include "upstream/ejection.hpp"
#include "upstream/target_url.hpp"
#include "upstream/tls_target.hpp"

namespace gatewaykit::upstream {

struct Target {
  Target(TargetUrl target_url, std::uint32_t target_weight, EjectionPolicy policy,
         Duration dns_interval, std::shared_ptr<const TlsTarget> secured = nullptr);

  /// A request to this target failed by the target's fault.
  void failed(TimePoint now) noexcept {
    failures.fetch_add(1, std::memory_order_relaxed);
    ejection.failed(now);
  }

  const TargetUrl url;
  const std::uint32_t weight;
  const std::shared_ptr<const TlsTarget> tls;  // Null for clear text.
  AddressBook addresses;
  Ejection ejection;
  std::atomic<std::uint32_t> in_flight{0};
  std::atomic<std::uint32_t> connections{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> failures{0};
};

/// Counts a request as in flight at a target for as long as it lives.
class InFlight {
 public:
  InFlight() noexcept = default;
  explicit InFlight(Target& target) noexcept : target_(&target) {
    target.in_flight.fetch_add(1, std::memory_order_relaxed);
  }
  InFlight(InFlight&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
  InFlight& operator=(InFlight&& other) noexcept {
    std::swap(target_, other.target_);
    return *this;
  }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;
  ~InFlight() {
    if (target_ != nullptr) target_->in_flight.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  Target* target_ = nullptr;
};

}  // namespace gatewaykit::upstream
