// SPDX-License-Identifier: Apache-2.0
// ListenConfig: options are checked as a whole, and every mistake is named.
#include "server/listen_config.hpp"

#include <string>
#include <vector>

#include "catch.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;
using server::ListenConfig;

namespace {

std::vector<std::string> problems_of(const ListenOptions& options) {
  std::vector<std::string> problems;
  static_cast<void>(ListenConfig::from(options, problems));
  return problems;
}

std::vector<std::string> problems_of(const ListenLimits& limits) {
  ListenOptions options;
  options.limits = limits;
  return problems_of(options);
}

bool trusts(const ListenOptions& options, std::string_view address) {
  std::vector<std::string> problems;
  const ListenConfig config = ListenConfig::from(options, problems);
  REQUIRE(problems.empty());
  return config.trusts(Peer(*IpAddress::parse(address), 4711));
}

}  // namespace

TEST_CASE("the options as they are by default are sound") {
  CHECK(problems_of(ListenOptions{}).empty());
}

TEST_CASE("limits reach the parser") {
  ListenOptions options;
  options.limits.target = 100;
  options.limits.header_bytes = 200;
  options.limits.header_fields = 3;
  std::vector<std::string> problems;
  const ListenConfig config = ListenConfig::from(options, problems);
  CHECK(config.head_limits.target == 100);
  CHECK(config.head_limits.section.bytes == 200);
  CHECK(config.head_limits.section.fields == 3);
  CHECK(config.limits.header_timeout == 10s);
}

TEST_CASE("every limit that must be there is named where it is not, all at once") {
  ListenLimits limits;
  limits.target = 0;
  limits.header_bytes = 0;
  limits.header_fields = 0;
  limits.header_timeout = 0s;
  limits.body_idle = -1s;
  limits.idle = 0s;
  limits.send_idle = 0s;
  limits.half_close = 0s;
  ListenOptions options;
  options.limits = limits;
  options.trusted_proxies = {"10.0.0.0/8", "10.0.0.0/33", "a.test", ""};
  CHECK(problems_of(options) ==
        std::vector<std::string>{
            "limits.target must be greater than zero",
            "limits.header_bytes must be greater than zero",
            "limits.header_fields must be greater than zero",
            "limits.header_timeout must be greater than zero",
            "limits.body_idle must be greater than zero", "limits.idle must be greater than zero",
            "limits.send_idle must be greater than zero",
            "limits.half_close must be greater than zero",
            "trusted_proxies: '10.0.0.0/33' is neither an address nor a CIDR block",
            "trusted_proxies: 'a.test' is neither an address nor a CIDR block",
            "trusted_proxies: '' is neither an address nor a CIDR block"});
}

TEST_CASE("limits of HTTP/2 that nobody could keep are named, all at once") {
  ListenOptions options;
  options.http2 = {.streams = 0,
                   .stream_window = 65'534,
                   .connection_window = 0x8000'0000,
                   .frame_size = 16'383,
                   .resets = 0,
                   .idle_frames = 0};
  CHECK(problems_of(options) ==
        std::vector<std::string>{
            "http2.streams must be 1 to 10000",
            "http2: a window must be 65535 to 2147483647 bytes, not 65534",
            "http2: a window must be 65535 to 2147483647 bytes, not 2147483648",
            "http2.frame_size must be 16384 to 16777215 bytes", "http2.resets must be at least 1",
            "http2.idle_frames must be at least 1"});
}

TEST_CASE("no content at all is a limit, too") {
  ListenLimits limits;
  limits.body = 0;
  CHECK(problems_of(limits).empty());
}

TEST_CASE("a head has to fit into a buffer") {
  ListenLimits limits;
  SECTION("the most that is possible") {
    limits.target = limits.header_bytes = 16 << 20;
    CHECK(problems_of(limits).empty());
  }
  SECTION("a target beyond") {
    limits.target = (16 << 20) + 1;
    CHECK(problems_of(limits).size() == 1);
  }
  SECTION("a header section beyond") {
    limits.header_bytes = (16 << 20) + 1;
    CHECK(problems_of(limits).size() == 1);
  }
}

TEST_CASE("a peer is trusted where a block holds its address") {
  ListenOptions options;
  options.trusted_proxies = {"10.1.0.0/16", "192.0.2.7", "2001:db8::/32"};
  CHECK(trusts(options, "10.1.2.3"));
  CHECK(trusts(options, "192.0.2.7"));
  CHECK(trusts(options, "2001:db8:1::1"));
  CHECK(trusts(options, "::ffff:10.1.2.3"));
  CHECK_FALSE(trusts(options, "10.2.0.1"));
  CHECK_FALSE(trusts(options, "192.0.2.8"));
  CHECK_FALSE(trusts(options, "2001:db9::1"));
}

TEST_CASE("peers of Unix-domain sockets are trusted by their name") {
  ListenOptions options;
  options.trusted_proxies = {"unix"};
  std::vector<std::string> problems;
  const ListenConfig config = ListenConfig::from(options, problems);
  CHECK(problems.empty());
  CHECK(config.trusts(Peer()));
  CHECK_FALSE(config.trusts(Peer(*IpAddress::parse("127.0.0.1"), 1)));
}

TEST_CASE("PROXY headers are taken from those who are named alone") {
  ListenOptions options;
  options.proxy_protocol = true;
  CHECK(problems_of(options) ==
        std::vector<std::string>{
            "proxy_protocol needs trusted_proxies: nobody else's header is believed"});
  options.trusted_proxies = {"10.0.0.0/8"};
  CHECK(problems_of(options).empty());
}

TEST_CASE("nobody is trusted unless told, and no peer without an address") {
  CHECK_FALSE(trusts(ListenOptions{}, "127.0.0.1"));
  ListenOptions options;
  options.trusted_proxies = {"0.0.0.0/0", "::/0"};
  std::vector<std::string> problems;
  CHECK_FALSE(ListenConfig::from(options, problems).trusts(Peer()));
  CHECK(problems.empty());
}
