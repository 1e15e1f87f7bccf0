// SPDX-License-Identifier: Apache-2.0
// IpAddress, Cidr, Peer: who is at the other end, as values without any socket header.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gatewaykit/export.hpp"

namespace gatewaykit {

/// An IPv4 or IPv6 address. IPv4-mapped IPv6 addresses are kept as the IPv4 address they mean.
class GATEWAYKIT_EXPORT IpAddress {
 public:
  /// 0.0.0.0.
  IpAddress() noexcept = default;
  static IpAddress v4(std::array<std::uint8_t, 4> bytes) noexcept;
  static IpAddress v6(const std::array<std::uint8_t, 16>& bytes) noexcept;
  /// Dotted quad or RFC 4291 text, without brackets, zone or port.
  static std::optional<IpAddress> parse(std::string_view text) noexcept;

  bool is_v6() const noexcept { return v6_; }
  /// 4 or 16 bytes in network order.
  std::string_view bytes() const noexcept {
    return {reinterpret_cast<const char*>(bytes_.data()), v6_ ? 16U : 4U};
  }
  /// RFC 5952 text.
  std::string to_string() const;

  friend bool operator==(const IpAddress&, const IpAddress&) noexcept = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  bool v6_ = false;
};

/// A block of addresses, such as 10.0.0.0/8.
class GATEWAYKIT_EXPORT Cidr {
 public:
  /// "ADDRESS/BITS", or an address alone; nothing where the text is no such block.
  static std::optional<Cidr> parse(std::string_view text) noexcept;
  bool contains(const IpAddress& address) const noexcept;

  /// As it was given: bits beyond the first `bits()` may be set.
  const IpAddress& network() const noexcept { return network_; }
  /// Of 32 or 128.
  unsigned bits() const noexcept { return bits_; }

 private:
  IpAddress network_;
  std::uint8_t bits_ = 0;
};

/// One end of a connection. Its text form is made once per connection, not per request.
class GATEWAYKIT_EXPORT Peer {
 public:
  /// A peer without an address: a Unix-domain socket or an in-process call.
  Peer();
  Peer(const IpAddress& address, std::uint16_t port);

  bool has_address() const noexcept { return has_address_; }
  const IpAddress& ip() const noexcept { return ip_; }
  std::uint16_t port() const noexcept { return port_; }
  /// The address without a port; "unix" where there is none.
  std::string_view text() const noexcept { return text_; }

 private:
  IpAddress ip_;
  std::uint16_t port_ = 0;
  bool has_address_ = false;
  std::string text_;
};

}  // namespace gatewaykit
