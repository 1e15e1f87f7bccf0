// SPDX-License-Identifier: Apache-2.0
// Presents a message to a codec whole, in every two pieces and byte by byte, and demands one and
// the same outcome, written as text. Each piece lies in memory of exactly its size, so that a
// sanitizer sees whoever reads beyond it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/http/headers.hpp"

namespace gatewaykit {

/// Bytes in a heap block of exactly their size.
class ExactBytes {
 public:
  explicit ExactBytes(std::string_view bytes)
      : block_(new char[bytes.size()]), size_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), block_.get());
  }
  std::string_view view() const { return {block_.get(), size_}; }

 private:
  std::unique_ptr<char[]> block_;
  std::size_t size_;
};

/// A run over a message that arrives up to each of `ends` in turn; answers its outcome.
using Run =
    std::function<std::string(std::string_view message, const std::vector<std::size_t>& ends)>;

inline constexpr std::size_t kMostSplits = 500;

/// The outcome of `run`, the same at every split (at some of them where the message is long).
inline std::string at_every_split(std::string_view message, const Run& run) {
  const std::string whole = run(message, {message.size()});
  const std::size_t stride = 1 + message.size() / kMostSplits;
  for (std::size_t cut = 1; cut < message.size(); cut += stride) {
    const std::string split = run(message, {cut, message.size()});
    if (split != whole) FAIL("split at " << cut << ":\n" << split << "\nwhole:\n" << whole);
  }
  std::vector<std::size_t> ends;
  for (std::size_t end = 1; end < message.size(); end += stride) ends.push_back(end);
  ends.push_back(message.size());
  const std::string bytewise = run(message, ends);
  if (bytewise != whole) FAIL("byte by byte:\n" << bytewise << "\nwhole:\n" << whole);
  return whole;
}

inline std::string text_of(const Headers& headers) {
  std::string text;
  for (const FieldLine line : headers) {
    text.append(line.name).append(": ").append(line.value).append("\n");
  }
  return text;
}

}  // namespace gatewaykit
