// SPDX-License-Identifier: Apache-2.0
// Lease: a connection lent to one exchange. Giving it up returns the connection to its lane where
// it can be used again, and closes it where it cannot.
#pragma once

#include <utility>

namespace gatewaykit::upstream {

class Http1Connection;

class Lease {
 public:
  Lease() noexcept = default;
  explicit Lease(Http1Connection& connection) noexcept : connection_(&connection) {}
  Lease(Lease&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Lease& operator=(Lease&& other) noexcept {
    std::swap(connection_, other.connection_);
    return *this;
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { give_up(); }

  explicit operator bool() const noexcept { return connection_ != nullptr; }
  Http1Connection& operator*() const noexcept { return *connection_; }
  Http1Connection* operator->() const noexcept { return connection_; }

  void give_up() noexcept;

 private:
  Http1Connection* connection_ = nullptr;
};

}  // namespace gatewaykit::upstream
