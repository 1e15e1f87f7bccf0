// SPDX-License-Identifier: Apache-2.0
// AccessLine: the form of a line of the access log, and which query parameters it hides. Immutable,
// shared by all workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gatewaykit {

class Context;
struct Outcome;

namespace observe {
class JsonLine;
}

class AccessLine {
 public:
  /// Room that `write` needs, whatever the request holds.
  static constexpr std::size_t kMaxSize = std::size_t{12} * 1024;

  /// `redact`: names of query parameters.
  explicit AccessLine(std::vector<std::string> redact);

  /// Writes the line with its line end; behind its last byte.
  char* write(char* to, std::string_view time, const Context& ctx, const Outcome& outcome) const;
  /// The line that tells that others are missing.
  static char* write_dropped(char* to, std::string_view time, std::uint64_t lines);

 private:
  void write_target(observe::JsonLine& line, std::string_view target) const;
  bool is_secret(std::string_view name) const noexcept;

  std::vector<std::string> redact_;  // Lower case.
  std::uint64_t sizes_ = 0;          // Bit n: one of them has n characters.
};

}  // namespace gatewaykit
