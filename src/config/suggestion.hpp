// SPDX-License-Identifier: Apache-2.0
// What somebody who wrote a word that is none may have meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gatewaykit::config {

/// ` (did you mean "targets"?)` for the nearest of `words`; empty where none is near.
std::string suggestion_for(std::string_view word, const std::vector<std::string_view>& words);

}  // namespace gatewaykit::config
