// SPDX-License-Identifier: Apache-2.0
// IpAddress, Cidr, Peer: who is at the other end, told apart without a socket.
#include "gatewaykit/http/address.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "catch.hpp"

using gatewaykit::Cidr;
using gatewaykit::IpAddress;
using gatewaykit::Peer;
using namespace std::string_view_literals;

namespace {

IpAddress ip(std::string_view text) {
  const std::optional<IpAddress> address = IpAddress::parse(text);
  REQUIRE(address);
  return *address;
}

bool contains(std::string_view block, std::string_view address) {
  const std::optional<Cidr> cidr = Cidr::parse(block);
  REQUIRE(cidr);
  return cidr->contains(ip(address));
}

}  // namespace

TEST_CASE("addresses are read and written in their one canonical form") {
  struct Row {
    std::string_view given;
    std::string_view canonical;
  };
  const Row rows[] = {
      {"127.0.0.1", "127.0.0.1"},
      {"255.255.255.255", "255.255.255.255"},
      {"::1", "::1"},
      {"::", "::"},
      {"2001:DB8::00A0", "2001:db8::a0"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"fe80:0:0:0:1:2:3:4", "fe80::1:2:3:4"},
      {"::ffff:10.1.2.3", "10.1.2.3"},
      {"::FFFF:0a01:0203", "10.1.2.3"},
      {"64:ff9b::10.1.2.3", "64:ff9b::a01:203"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.given));
    CHECK(ip(row.given).to_string() == row.canonical);
    CHECK(ip(row.canonical) == ip(row.given));
  }
}

TEST_CASE("what is no address is refused") {
  for (const std::string_view text :
       {""sv,
        " "sv,
        "1.2.3"sv,
        "1.2.3.4.5"sv,
        "1.2.3.256"sv,
        "01.2.3.4"sv,
        "1.2.3.4 "sv,
        " 1.2.3.4"sv,
        "0x7f.0.0.1"sv,
        "2130706433"sv,
        "1.2.3.4:80"sv,
        "[::1]"sv,
        "::1%eth0"sv,
        ":::"sv,
        "1::2::3"sv,
        "12345::"sv,
        "g::1"sv,
        "localhost"sv,
        "1.2.3.4\0"sv,
        "1.2.3.4\0.5"sv,
        "::1\0"sv,
        "1111:2222:3333:4444:5555:6666:7777:8888:9999"sv,
        "1111:2222:3333:4444:5555:6666:255.255.255.255 and much more"sv}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(IpAddress::parse(text).has_value());
  }
}

TEST_CASE("an IPv4 address has four bytes, an IPv6 address sixteen") {
  CHECK(ip("1.2.3.4").bytes() == "\x01\x02\x03\x04"sv);
  CHECK_FALSE(ip("1.2.3.4").is_v6());
  CHECK(ip("::1").bytes() == "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"sv);
  CHECK(ip("::1").is_v6());
  CHECK(IpAddress() == ip("0.0.0.0"));
  CHECK(IpAddress::v4({1, 2, 3, 4}) == ip("1.2.3.4"));
}

TEST_CASE("an IPv4-mapped IPv6 address is the IPv4 address that it means") {
  std::array<std::uint8_t, 16> bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
  CHECK(IpAddress::v6(bytes) == ip("192.0.2.1"));
  CHECK_FALSE(IpAddress::v6(bytes).is_v6());
  bytes[0] = 1;
  CHECK(IpAddress::v6(bytes).is_v6());
  CHECK(ip("::192.0.2.1") != ip("192.0.2.1"));
  CHECK(ip("0.0.0.0") != ip("::"));
}

TEST_CASE("a block contains the addresses that share its first bits") {
  CHECK(contains("10.0.0.0/8", "10.255.255.255"));
  CHECK_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
  CHECK(contains("192.168.4.0/22", "192.168.7.255"));
  CHECK_FALSE(contains("192.168.4.0/22", "192.168.8.0"));
  CHECK_FALSE(contains("192.168.4.0/22", "192.168.3.255"));
  CHECK(contains("172.16.0.0/12", "172.31.9.9"));
  CHECK_FALSE(contains("172.16.0.0/12", "172.32.0.0"));
  CHECK(contains("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(contains("fe80::/10", "febf::1"));
  CHECK_FALSE(contains("fe80::/10", "fec0::1"));
}

TEST_CASE("a block of no bits contains every address of its family, a full one itself alone") {
  CHECK(contains("0.0.0.0/0", "203.0.113.9"));
  CHECK_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  CHECK(contains("::/0", "2001:db8::1"));
  CHECK_FALSE(contains("::/0", "203.0.113.9"));
  for (const std::string_view block : {"203.0.113.9"sv, "203.0.113.9/32"sv}) {
    CHECK(contains(block, "203.0.113.9"));
    CHECK_FALSE(contains(block, "203.0.113.8"));
  }
  CHECK(contains("2001:db8::1", "2001:db8::1"));
  CHECK_FALSE(contains("2001:db8::1/128", "2001:db8::2"));
}

TEST_CASE("bits of a block beyond its length count for nothing") {
  CHECK(contains("10.1.2.3/8", "10.9.9.9"));
}

TEST_CASE("a mapped address is in IPv4 blocks, and a mapped block is one") {
  CHECK(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
  CHECK(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
  CHECK_FALSE(contains("::ffff:10.0.0.0/104", "11.1.2.3"));
  CHECK(contains("::ffff:0:0/96", "203.0.113.9"));
  CHECK(contains("::ffff:10.0.0.1", "10.0.0.1"));
  CHECK_FALSE(contains("::ffff:10.0.0.1", "10.0.0.2"));
}

TEST_CASE("a block tells the address and the bits that it was given with") {
  struct Row {
    std::string_view given;
    std::string_view network;
    unsigned bits;
  };
  const Row rows[] = {
      {"10.1.2.3/8", "10.1.2.3", 8},          {"10.1.2.3", "10.1.2.3", 32},
      {"2001:db8::/32", "2001:db8::", 32},    {"::1", "::1", 128},
      {"::ffff:10.0.0.0/104", "10.0.0.0", 8},
  };
  for (const Row& row : rows) {
    const std::optional<Cidr> block = Cidr::parse(row.given);
    REQUIRE(block);
    CHECK(block->network() == ip(row.network));
    CHECK(block->bits() == row.bits);
  }
}

TEST_CASE("what is no block is refused") {
  for (const std::string_view text :
       {""sv, "/8"sv, "10.0.0.0/"sv, "10.0.0.0/33"sv, "10.0.0.0/-1"sv, "10.0.0.0/+8"sv,
        "10.0.0.0/8 "sv, "10.0.0.0/ 8"sv, "10.0.0.0/8/8"sv, "10.0.0.0/255.0.0.0"sv, "10/8"sv,
        "::/129"sv, "::1/99999999999999999999"sv, "::ffff:10.0.0.0/8"sv, "::ffff:10.0.0.0/129"sv,
        "10.0.0.0/104"sv, "example.com/8"sv, "10.0.0.0/8\0"sv}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(Cidr::parse(text).has_value());
  }
}

TEST_CASE("a peer tells its address in text, or that it has none") {
  const Peer peer(ip("::ffff:192.0.2.1"), 443);
  CHECK(peer.has_address());
  CHECK(peer.text() == "192.0.2.1");
  CHECK(peer.port() == 443);
  CHECK(peer.ip() == ip("192.0.2.1"));
  const Peer local;
  CHECK_FALSE(local.has_address());
  CHECK(local.text() == "unix");
}

TEST_CASE("the text of a peer is its own, also of a copy") {
  std::optional<Peer> original = Peer(ip("2001:db8::1"), 1);
  const Peer copy = *original;
  original.reset();
  CHECK(copy.text() == "2001:db8::1");
}
