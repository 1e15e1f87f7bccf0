// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "catch.hpp"
#include "gatewaykit/upstream/upstream_pool.hpp"

using namespace std::chrono_literals;
using namespace gatewaykit;

namespace {

std::vector<std::string> problems_with(const UpstreamOptions& options) {
  try {
    const UpstreamPool pool(options);
  } catch (const ConfigError& error) {
    return error.problems();
  }
  return {};
}

UpstreamOptions sound() {
  UpstreamOptions options;
  options.name = "users";
  options.targets = {"http://10.0.0.11:8000", {"http://users.internal", 3}};
  return options;
}

}  // namespace

TEST_CASE("the defaults with a target are sound") {
  CHECK(problems_with(sound()).empty());
  CHECK(UpstreamPool(sound()).name() == "users");
}

TEST_CASE("each mistake is named in a sentence with the pool's name") {
  UpstreamOptions options = sound();
  std::string expected;
  SECTION("no target") {
    options.targets.clear();
    expected = "Upstream pool \"users\": it has no target.";
  }
  SECTION("a bad URL") {
    options.targets.push_back("http://10.0.0.1/path");
    expected =
        "Upstream pool \"users\": the target \"http://10.0.0.1/path\" has a path, query or "
        "fragment, which a target cannot have.";
  }
  SECTION("a weight of nothing") {
    options.targets.push_back({"http://10.0.0.1", 0});
    expected =
        "Upstream pool \"users\": the target \"http://10.0.0.1\" has the weight 0, which is not "
        "from 1 to 65535.";
  }
  SECTION("a target twice") {
    options.targets.push_back(options.targets.front());
    expected = "Upstream pool \"users\": the target \"http://10.0.0.11:8000\" is listed twice.";
  }
  SECTION("both spellings of the total time") {
    options.timeout = 1s;
    options.timeouts.total = 2s;
    expected =
        "Upstream pool \"users\": timeout is short for timeouts.total: only one of them may be "
        "given.";
  }
  SECTION("a duration of nothing") {
    options.timeouts.connect = 0s;
    expected = "Upstream pool \"users\": timeouts.connect must be longer than nothing.";
  }
  SECTION("too many retries") {
    options.retries.attempts = 11;
    expected = "Upstream pool \"users\": retries.attempts is 11, which is more than 10.";
  }
  SECTION("a budget beyond all requests") {
    options.retries.budget = 1.5;
    expected = "Upstream pool \"users\": retries.budget is 1.5, which is not from 0 to 1.";
  }
  SECTION("an ejection that shrinks") {
    options.ejection.longest = 10ms;
    expected = "Upstream pool \"users\": ejection.longest must not be shorter than ejection.base.";
  }
  SECTION("no connection at all") {
    options.max_connections = 0;
    expected = "Upstream pool \"users\": max_connections must be at least 1.";
  }
  SECTION("connections without a stream") {
    options.http2_streams = 0;
    expected = "Upstream pool \"users\": http2_streams must be at least 1.";
  }
  SECTION("lookups without a pause") {
    options.dns_interval = 10ms;
    expected = "Upstream pool \"users\": dns_interval must be at least a second.";
  }
  SECTION("a pin that is none") {
    options.targets = {"https://users.internal"};
    options.tls.pins = {"x3gN6qXJ5pUzUDX1Tg5Yb6gW2dG2lB2bF3pW5m0G9eA=", "sha256"};
    expected = "Upstream pool \"users\": tls.pins: 'sha256' is no SHA-256 in base64.";
  }
  CHECK(problems_with(options) == std::vector{expected});
}

TEST_CASE("all mistakes are named at once") {
  UpstreamOptions options = sound();
  options.targets = {"ftp://x", "gopher://y"};
  options.timeouts.idle = -1s;
  options.ejection.consecutive_failures = 0;
  CHECK(problems_with(options).size() == 4);
}
