// SPDX-License-Identifier: Apache-2.0
// MediaTypes: a list of media types (RFC 9110 section 8.3.1) with wildcards, as options name them.
// Made while wiring, then read by all workers at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gatewaykit {

class MediaTypes {
 public:
  /// Adds "type/subtype", "type/*", "*/*" or "*+suffix", in any case; false where it is none.
  bool add(std::string_view pattern);
  /// `content_type` is the value of Content-Type, parameters included.
  bool contain(std::string_view content_type) const noexcept;

 private:
  /// What a type must begin and end with; for an exact type, be.
  struct Pattern {
    std::string begin;
    std::string end;
    bool is_exact;
  };
  std::vector<Pattern> patterns_;
};

}  // namespace gatewaykit
