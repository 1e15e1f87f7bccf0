// SPDX-License-Identifier: Apache-2.0
// The segments of a request's path as matching sees them: without their ";parameters" (RFC 3986
// section 3.3). Lives on the stack of one lookup and views the path.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "routing/captures.hpp"

namespace gatewaykit::routing {

class PathSegments {
 public:
  /// Takes apart the first `limit` (at most kMaxPatternSegments + 1) segments of `path`, which
  /// begins with '/'. A trailing slash makes an empty last segment.
  PathSegments(std::string_view path, std::size_t limit) noexcept : path_(path), size_(0) {
    std::size_t begin = 1;
    while (size_ < limit && begin <= path.size()) {
      std::size_t end = begin;
      while (end < path.size() && path[end] != '/' && path[end] != ';') ++end;
      segments_[size_++] = {static_cast<std::uint32_t>(begin),
                            static_cast<std::uint32_t>(end - begin)};
      while (end < path.size() && path[end] != '/') ++end;
      begin = end + 1;
    }
  }

  std::size_t size() const noexcept { return size_; }
  const Capture& place(std::size_t index) const noexcept { return segments_[index]; }
  std::string_view operator[](std::size_t index) const noexcept {
    return {path_.data() + segments_[index].offset, segments_[index].size};
  }
  /// From the start of segment `index` to the end of the path; empty where there is no such
  /// segment.
  Capture tail(std::size_t index) const noexcept {
    const auto end = static_cast<std::uint32_t>(path_.size());
    const std::uint32_t begin = index < size_ ? segments_[index].offset : end;
    return {begin, end - begin};
  }

 private:
  std::string_view path_;
  std::size_t size_;
  std::array<Capture, kMaxPatternSegments + 1> segments_;  // Set below size_ only.
};

}  // namespace gatewaykit::routing
