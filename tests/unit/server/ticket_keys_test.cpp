// SPDX-License-Identifier: Apache-2.0
#include "server/ticket_keys.hpp"

#include <algorithm>
#include <catch.hpp>

using gatewaykit::server::TicketKeys;
using namespace std::chrono_literals;

namespace {

const TicketKeys::Clock::time_point kBegin{1000h};

bool is_same(const std::optional<TicketKeys::Key>& key,
             const std::optional<TicketKeys::Key>& other) {
  return key && other && key->name == other->name && key->cipher == other->cipher &&
         key->mac == other->mac;
}

}  // namespace

TEST_CASE("tickets are sealed with one key for six hours, and then with the next") {
  TicketKeys keys;
  const auto first = keys.current(kBegin);
  REQUIRE(first);
  CHECK(is_same(first, keys.current(kBegin)));
  CHECK(is_same(first, keys.current(kBegin + 6h)));
  const auto second = keys.current(kBegin + 6h + 1ns);
  REQUIRE(second);
  CHECK(first->name != second->name);
  CHECK(first->cipher != second->cipher);
  CHECK(first->mac != second->mac);
  CHECK(is_same(second, keys.current(kBegin + 12h)));
}

TEST_CASE("a key opens tickets for twelve hours, beside those that came after it") {
  TicketKeys keys;
  const auto first = keys.current(kBegin);
  const auto second = keys.current(kBegin + 7h);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(is_same(first, keys.find(first->name.data(), kBegin + 12h)));
  CHECK(is_same(second, keys.find(second->name.data(), kBegin + 12h)));
  CHECK_FALSE(keys.find(first->name.data(), kBegin + 12h + 1ns));
  CHECK(is_same(second, keys.find(second->name.data(), kBegin + 19h)));
}

TEST_CASE("a key that nobody has sealed with opens nothing") {
  TicketKeys keys;
  const auto key = keys.current(kBegin);
  REQUIRE(key);
  auto name = key->name;
  name.back() = static_cast<unsigned char>(name.back() ^ 1);
  CHECK_FALSE(keys.find(name.data(), kBegin));
  CHECK_FALSE(TicketKeys().find(key->name.data(), kBegin));
}

TEST_CASE("each set of keys is random") {
  const auto one = TicketKeys().current(kBegin);
  const auto other = TicketKeys().current(kBegin);
  REQUIRE(one);
  REQUIRE(other);
  CHECK(one->cipher != other->cipher);
  for (const auto& key : {one->cipher, one->mac}) {
    CHECK(std::any_of(key.begin(), key.end(), [](unsigned char byte) { return byte != 0; }));
  }
}
