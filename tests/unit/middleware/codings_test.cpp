// SPDX-License-Identifier: Apache-2.0
// compression in a build that has no coding at all: the one case its own tests leave out.
#include "catch.hpp"
#include "decode.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/middleware/compression.hpp"

using namespace gatewaykit;

TEST_CASE("A build without any coding refuses to compress, rather than do nothing") {
  if (testing::built_in_codings().empty()) {
    CHECK_THROWS_AS(compression(), ConfigError);
  } else {
    CHECK(compression() != nullptr);
  }
}
