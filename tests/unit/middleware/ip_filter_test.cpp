// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/ip_filter.hpp"

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

using namespace gatewaykit;
using testing::ScriptedNext;
using testing::TestExchange;
using testing::VirtualExecutor;

namespace {

using Problems = std::vector<std::string>;

Peer at(const IpAddress& address) { return Peer(address, 49152); }
Peer at(std::string_view address) { return at(*IpAddress::parse(address)); }

class Filter {
 public:
  explicit Filter(IpFilterOptions options) : layer_(ip_filter(std::move(options))) {}

  bool passes(const Peer& peer, const Peer& client) {
    TestExchange exchange(executor_, Request(Method::get, "/"), {peer, client, true});
    ScriptedNext next;
    next.respond(Response());
    const Response response = exchange.run(*layer_, next);
    const bool has_passed = next.calls() == 1;
    CHECK(response.status == (has_passed ? Status::ok : Status::forbidden));
    CHECK(response.wants_rendering() != has_passed);
    return has_passed;
  }
  bool passes(const Peer& client) { return passes(at("203.0.113.1"), client); }
  bool passes(std::string_view client) { return passes(at(client)); }

 private:
  VirtualExecutor executor_;
  MiddlewarePtr layer_;
};

Problems problems_of(IpFilterOptions options) {
  try {
    static_cast<void>(ip_filter(std::move(options)));
  } catch (const ConfigError& error) {
    return error.problems();
  }
  return {};
}

}  // namespace

TEST_CASE("With a list to allow, all others are refused") {
  Filter filter({.allow = {"10.0.0.0/8", "2001:db8::/32", "192.0.2.7"}});
  CHECK(filter.passes("10.255.0.1"));
  CHECK(filter.passes("192.0.2.7"));
  CHECK(filter.passes("2001:db8:ffff::1"));
  CHECK_FALSE(filter.passes("11.0.0.0"));
  CHECK_FALSE(filter.passes("9.255.255.255"));
  CHECK_FALSE(filter.passes("192.0.2.6"));
  CHECK_FALSE(filter.passes("192.0.2.8"));
  CHECK_FALSE(filter.passes("2001:db9::"));
  CHECK_FALSE(filter.passes("::a00:1"));
}

TEST_CASE("With a list to deny alone, all others pass") {
  Filter filter({.deny = {"10.0.0.0/8"}});
  CHECK_FALSE(filter.passes("10.0.0.1"));
  CHECK(filter.passes("192.0.2.1"));
  CHECK(filter.passes("2001:db8::1"));
}

TEST_CASE("Who is denied stays out, allowed or not") {
  Filter filter({.allow = {"10.0.0.0/8"}, .deny = {"10.1.0.0/16"}});
  CHECK(filter.passes("10.0.0.1"));
  CHECK_FALSE(filter.passes("10.1.0.1"));
  CHECK_FALSE(filter.passes("192.0.2.1"));
}

TEST_CASE("An IPv4-mapped address is the IPv4 address that it means") {
  Filter filter({.allow = {"::ffff:10.0.0.0/104"}});
  CHECK(filter.passes("10.1.2.3"));
  CHECK(filter.passes("::ffff:10.1.2.3"));
  CHECK_FALSE(filter.passes("192.0.2.1"));
}

TEST_CASE("A block of every address is one family's") {
  Filter v4({.allow = {"0.0.0.0/0"}});
  CHECK(v4.passes("0.0.0.0"));
  CHECK(v4.passes("255.255.255.255"));
  CHECK_FALSE(v4.passes("::1"));
  Filter v6({.allow = {"::/0"}});
  CHECK(v6.passes("::"));
  CHECK(v6.passes("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  CHECK_FALSE(v6.passes("10.0.0.1"));
}

TEST_CASE("The client counts as trusted proxies tell it, or the peer where that is wanted") {
  const Peer proxy = at("10.0.0.1");
  const Peer client = at("192.0.2.1");
  Filter of_client({.allow = {"192.0.2.1"}});
  CHECK(of_client.passes(proxy, client));
  CHECK_FALSE(of_client.passes(client, proxy));
  Filter of_peer({.allow = {"10.0.0.1"}, .of = IpFilterOptions::Of::peer});
  CHECK(of_peer.passes(proxy, client));
  CHECK_FALSE(of_peer.passes(client, proxy));
}

TEST_CASE("Who has no address is in no list") {
  CHECK_FALSE(Filter({.allow = {"0.0.0.0/0", "::/0"}}).passes(Peer()));
  CHECK(Filter({.allow = {"10.0.0.1"}, .allow_unix = true}).passes(Peer()));
  CHECK(Filter({.deny = {"0.0.0.0/0"}}).passes(Peer()));
}

TEST_CASE("Long lists of any blocks say what their blocks say one by one") {
  std::mt19937 random(7);
  const auto any_address = [&random](bool is_v6) {
    // Few different bytes, so that blocks overlap and addresses hit them.
    const auto byte = [&random] { return static_cast<std::uint8_t>(random() % 3 * 127); };
    std::array<std::uint8_t, 16> bytes{};
    for (std::uint8_t& each : bytes) each = byte();
    return is_v6 ? IpAddress::v6(bytes) : IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  };
  std::vector<std::string> entries;
  std::vector<Cidr> blocks;
  for (int i = 0; i < 60; ++i) {
    const bool is_v6 = i % 2 == 0;
    const std::uint64_t bits = 5 + random() % (is_v6 ? 124 : 28);
    entries.push_back(any_address(is_v6).to_string() + "/" + std::to_string(bits));
    blocks.push_back(*Cidr::parse(entries.back()));
  }
  Filter filter({.allow = entries});
  int passed = 0;
  for (int i = 0; i < 2000; ++i) {
    const IpAddress address = any_address(i % 2 == 0);
    bool is_expected = false;
    for (const Cidr& block : blocks) is_expected = is_expected || block.contains(address);
    INFO(address.to_string());
    REQUIRE(filter.passes(at(address)) == is_expected);
    passed += is_expected ? 1 : 0;
  }
  CHECK(passed > 100);
  CHECK(passed < 1900);
}

TEST_CASE("Every entry that is none is named") {
  CHECK(problems_of({.allow = {"10.0.0.0/33", "10.0.0.1", "localhost"}, .deny = {""}}) ==
        Problems{"ip_filter: allow: '10.0.0.0/33' is no address and no CIDR block",
                 "ip_filter: allow: 'localhost' is no address and no CIDR block",
                 "ip_filter: deny: '' is no address and no CIDR block"});
}

TEST_CASE("A filter without any entry is a mistake") {
  CHECK(problems_of({}) == Problems{"ip_filter: neither allow nor deny has an entry"});
}
