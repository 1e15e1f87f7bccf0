// SPDX-License-Identifier: Apache-2.0
// HashIndex: from a hashed key to a position elsewhere, where the key itself lies and is compared.
// Filled while wiring, then read by all workers. Eight bytes per slot, at most every second taken:
// a lookup in a cold index waits for one cache line.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace gatewaykit::routing {

/// Equal texts have equal hashes. Not keyed: the texts in a table are the host program's own, and a
/// request can but look up.
inline std::uint64_t hash_text(std::string_view text) noexcept {
  constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15;
  const auto mix = [](std::uint64_t hash, std::uint64_t word) {
    hash = (hash ^ word) * kMultiplier;
    return hash ^ (hash >> 32);
  };
  const auto load = [](const char* from, auto word) {
    std::memcpy(&word, from, sizeof word);
    return std::uint64_t{word};
  };
  const char* data = text.data();
  std::size_t left = text.size();
  std::uint64_t hash = left * kMultiplier;
  for (; left > 8; left -= 8, data += 8) hash = mix(hash, load(data, std::uint64_t{}));
  // One to eight bytes, read as two words that overlap or as single bytes.
  if (left >= 4) {
    return mix(hash, load(data, std::uint32_t{}) | load(data + left - 4, std::uint32_t{}) << 32);
  }
  if (left == 0) return hash;
  return mix(hash, load(data, std::uint8_t{}) | load(data + left / 2, std::uint8_t{}) << 8 |
                       load(data + left - 1, std::uint8_t{}) << 16);
}

class HashIndex {
 public:
  /// What find() answers where there is nothing; not to be inserted.
  static constexpr std::uint32_t kNone = 0;

  /// The key of something with this hash that belongs to `owner`.
  static std::uint64_t key(std::uint32_t owner, std::uint64_t hash) noexcept {
    return (hash + owner) * 0xd6e8feb86659fd93;
  }

  /// Makes room for all entries; before the first insert, once.
  void reserve(std::size_t entries) {
    if (entries == 0) return;
    slots_.resize(std::bit_ceil(2 * entries));
    shift_ = 64 - std::countr_zero(slots_.size());
  }

  void insert(std::uint64_t key, std::uint32_t position) {
    std::size_t i = key >> shift_;
    while (slots_[i].position != kNone) i = next(i);
    slots_[i] = {static_cast<std::uint32_t>(key), position};
  }

  /// The position with this key for which `holds(position)` is true.
  template <class Holds>
  std::uint32_t find(std::uint64_t key, Holds holds) const noexcept {
    for (std::size_t i = key >> shift_;; i = next(i)) {
      const Slot slot = slots_[i];
      if (slot.position == kNone) return kNone;
      if (slot.tag == static_cast<std::uint32_t>(key) && holds(slot.position)) {
        return slot.position;
      }
    }
  }

  std::size_t bytes() const noexcept { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t tag;       // The low half of the key; the high half chose the slot.
    std::uint32_t position;  // kNone: the slot is free.
  };

  std::size_t next(std::size_t i) const noexcept { return (i + 1) & (slots_.size() - 1); }

  std::vector<Slot> slots_;  // A power of two of them.
  int shift_ = 0;
};

}  // namespace gatewaykit::routing
