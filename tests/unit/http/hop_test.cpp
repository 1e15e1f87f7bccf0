// SPDX-License-Identifier: Apache-2.0
// The fields that end at each hop, and all others, which go on.
#include "http/hop.hpp"

#include <string>
#include <vector>

#include "catch.hpp"

using gatewaykit::Field;

TEST_CASE("exactly the fields of framing, persistence, upgrade and the host belong to one hop") {
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(Field::x_rewrite_url); ++i) {
    const auto field = static_cast<Field>(i);
    if (gatewaykit::belongs_to_hop(field)) names.emplace_back(name_of(field));
  }
  CHECK(names == std::vector<std::string>{"connection", "content-length", "host", "http2-settings",
                                          "keep-alive", "proxy-connection", "te",
                                          "transfer-encoding", "upgrade"});
}

TEST_CASE("a field that is not known belongs to the message") {
  CHECK_FALSE(gatewaykit::belongs_to_hop(gatewaykit::field_of("x-unheard-of")));
}
