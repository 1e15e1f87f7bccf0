// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/http/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace gatewaykit {

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> bytes) noexcept {
  IpAddress address;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) noexcept {
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(kMapped.begin(), kMapped.end(), bytes.begin())) {
    return v4({bytes[12], bytes[13], bytes[14], bytes[15]});
  }
  IpAddress address;
  address.bytes_ = bytes;
  address.v6_ = true;
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) noexcept {
  char terminated[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof(terminated)) return std::nullopt;
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  std::array<std::uint8_t, 4> four{};
  if (inet_pton(AF_INET, terminated, four.data()) == 1) return v4(four);
  std::array<std::uint8_t, 16> sixteen{};
  if (inet_pton(AF_INET6, terminated, sixteen.data()) == 1) return v6(sixteen);
  return std::nullopt;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(v6_ ? AF_INET6 : AF_INET, bytes_.data(), text, sizeof(text));
}

std::optional<Cidr> Cidr::parse(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  const std::optional<IpAddress> network = IpAddress::parse(text.substr(0, slash));
  if (!network) return std::nullopt;
  // An IPv4-mapped block is the IPv4 block it means.
  const bool is_mapped = !network->is_v6() && text.find(':') != std::string_view::npos;
  const unsigned shift = is_mapped ? 96 : 0;
  const unsigned widest = network->is_v6() ? 128 : 32 + shift;
  unsigned bits = widest;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const char* const end = digits.data() + digits.size();
    const auto [rest, failure] = std::from_chars(digits.data(), end, bits);
    const bool is_number = failure == std::errc() && rest == end;
    if (!is_number || bits > widest || bits < shift) return std::nullopt;
  }
  Cidr cidr;
  cidr.network_ = *network;
  cidr.bits_ = static_cast<std::uint8_t>(bits - shift);
  return cidr;
}

bool Cidr::contains(const IpAddress& address) const noexcept {
  if (address.is_v6() != network_.is_v6()) return false;
  const std::size_t whole = bits_ / 8U;
  const std::string_view a = address.bytes();
  const std::string_view b = network_.bytes();
  if (a.substr(0, whole) != b.substr(0, whole)) return false;
  const unsigned rest = bits_ % 8U;
  if (rest == 0) return true;
  const unsigned mask = 0xffU << (8U - rest);
  return ((static_cast<unsigned char>(a[whole]) ^ static_cast<unsigned char>(b[whole])) & mask &
          0xffU) == 0;
}

Peer::Peer() : text_("unix") {}

Peer::Peer(const IpAddress& address, std::uint16_t port)
    : ip_(address), port_(port), has_address_(true), text_(address.to_string()) {}

}  // namespace gatewaykit
