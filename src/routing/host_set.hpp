// SPDX-License-Identifier: Apache-2.0
// The hosts that routes name. Each distinct one has an id, so that candidates carry a number, and a
// request's authority becomes the few ids that hold for it. Filled while wiring, then read by all
// workers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "routing/hash_index.hpp"

namespace gatewaykit::routing {

using HostId = std::uint32_t;

/// Holds for every request.
inline constexpr HostId kAnyHost = 0;

/// The ids that hold for one request, in order of precedence; kAnyHost is the last.
class HostIds {
 public:
  HostIds() noexcept : size_(0) {}  // Leaves the array alone: it is read below size_ only.

  void add(HostId id) noexcept { ids_[size_++] = id; }
  const HostId* begin() const noexcept { return ids_.data(); }
  const HostId* end() const noexcept { return ids_.data() + size_; }

 private:
  friend class HostSet;
  // A name of 253 bytes has 126 suffixes; each, and the name itself, with its port and without.
  static constexpr std::size_t kCapacity = 2 * 127 + 1;

  std::array<HostId, kCapacity> ids_;
  std::size_t size_;
};

class HostSet {
 public:
  /// The id of a host pattern; nothing, and one more problem, where it is malformed.
  std::optional<HostId> add(std::string_view pattern, std::vector<std::string>& problems);

  /// What holds for `authority` (a host in any case, with or without a port): exact hosts before
  /// suffixes, longer suffixes before shorter ones, each first with the port, then any host. No
  /// allocation; the work is bounded by the longest pattern, not by what the client sends.
  HostIds resolve(std::string_view authority) const noexcept;

  /// The pattern of an id, in lower case; empty for any host.
  std::string pattern(HostId id) const;

  /// Wiring is over: makes what was added known to resolve(), drops what only add() needs.
  void seal();

  std::size_t bytes() const noexcept;

 private:
  struct Authority {
    std::string_view host;
    std::string_view port;  // With its colon; empty where there is none.
  };
  static Authority split(std::string_view authority) noexcept;
  void add_named(HostIds& ids, Authority authority) const noexcept;
  void add_if_named(HostIds& ids, std::string_view host, std::size_t port_size) const noexcept;

  std::string_view text(HostId id) const noexcept;

  // An id is an index into words_: there lies the size of the host's text, then the text. Exact
  // hosts as they are, suffixes with their leading dot, both with ":port" where they name one.
  std::vector<std::uint32_t> words_;
  HashIndex index_;
  std::size_t longest_suffix_ = 0;
  std::unordered_map<std::string, HostId> ids_;  // While wiring.
};

}  // namespace gatewaykit::routing
