// SPDX-License-Identifier: Apache-2.0
// Checks the options of a pool while wiring, all of them at once.
#pragma once

#include <string>
#include <vector>

#include "gatewaykit/upstream/upstream_pool.hpp"

namespace gatewaykit::upstream {

/// Another try beyond these would not help either.
inline constexpr std::uint32_t kMostRetries = 10;

/// One sentence for each thing that is wrong; none where the options are sound.
std::vector<std::string> problems_of(const UpstreamOptions& options);

}  // namespace gatewaykit::upstream
