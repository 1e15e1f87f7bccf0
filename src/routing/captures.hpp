// SPDX-License-Identifier: Apache-2.0
// Captures: where in the path the parameters of the matched route lie. Offsets, not views, so that
// a request may be moved after it was matched. Values are raw: still percent-encoded. Part of the
// answer to one lookup.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gatewaykit/routing/match.hpp"

namespace gatewaykit::routing {

/// A part of a path.
struct Capture {
  std::uint32_t offset;
  std::uint32_t size;

  std::string_view in(std::string_view path) const noexcept { return path.substr(offset, size); }
};

/// In pattern order; the wildcard's tail, where the pattern has one, is the last.
class Captures {
 public:
  Captures() noexcept : size_(0) {}  // Leaves the array alone: it is read below size_ only.

  std::size_t size() const noexcept { return size_; }
  const Capture& operator[](std::size_t index) const noexcept { return entries_[index]; }
  void add(Capture capture) noexcept { entries_[size_++] = capture; }

 private:
  std::array<Capture, kMaxCaptures> entries_;
  std::uint32_t size_;
};

}  // namespace gatewaykit::routing
