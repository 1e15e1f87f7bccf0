// SPDX-License-Identifier: Apache-2.0
// Path patterns: the text of a Match, checked and taken apart while wiring. A pattern is held to
// the form that paths have once they are normalised, so that none is accepted which no request
// could ever match.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/routing/match.hpp"

namespace gatewaykit::routing {

enum class SegmentKind : std::uint8_t { literal, parameter, wildcard };

/// One segment. `text` views the pattern: the literal itself, or the name of the parameter or the
/// wildcard. A wildcard without a name is named `*`.
struct PatternSegment {
  SegmentKind kind;
  std::string_view text;
};

/// A segment as patterns write it.
std::string to_string(const PatternSegment& segment);

/// Takes `pattern` apart into `segments` (replaced) and adds one sentence per mistake to
/// `problems`. A trailing slash is an empty last literal. The segments are meaningless if a problem
/// was added.
void parse_pattern(std::string_view pattern, std::vector<PatternSegment>& segments,
                   std::vector<std::string>& problems);

/// The names of the parameters of a valid pattern, as views of it, in order; their number.
std::size_t capture_names(std::string_view pattern,
                          std::span<std::string_view, kMaxCaptures> names) noexcept;

}  // namespace gatewaykit::routing
