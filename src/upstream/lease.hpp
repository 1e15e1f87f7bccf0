// SPDX-License-Identifier: Apache-2.0
// Lease: what carries one exchange, lent to it. Giving it up returns a connection to its lane where
// it can be used again, and closes it where it cannot; a stream ends.
#pragma once

#include <utility>

namespace gatewaykit::upstream {

class Carrier;

class Lease {
 public:
  Lease() noexcept = default;
  explicit Lease(Carrier& carrier) noexcept : carrier_(&carrier) {}
  Lease(Lease&& other) noexcept : carrier_(std::exchange(other.carrier_, nullptr)) {}
  Lease& operator=(Lease&& other) noexcept {
    std::swap(carrier_, other.carrier_);
    return *this;
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { give_up(); }

  explicit operator bool() const noexcept { return carrier_ != nullptr; }
  Carrier& operator*() const noexcept { return *carrier_; }
  Carrier* operator->() const noexcept { return carrier_; }

  void give_up() noexcept;

 private:
  Carrier* carrier_ = nullptr;
};

}  // namespace gatewaykit::upstream
