// SPDX-License-Identifier: Apache-2.0
// Headers in one pooled block, and the names that the library knows in a perfect hash table.
#include "gatewaykit/http/headers.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "gatewaykit/core/pool.hpp"
#include "http/scan.hpp"

namespace gatewaykit {

namespace {

constexpr std::array<std::string_view, 46> kNames{
    "",
    "accept",
    "accept-encoding",
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "location",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "retry-after",
    "server",
    "set-cookie",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-http-method-override",
    "x-original-url",
    "x-real-ip",
    "x-request-id",
    "x-rewrite-url",
};
static_assert(kNames.size() == static_cast<std::size_t>(Field::x_rewrite_url) + 1);

constexpr std::size_t kWidth = 24;  // The longest known name in whole words.
constexpr std::uint64_t kCaseBits = 0x2020202020202020;

// A known name, and 0x20 at each of its letters: what a letter of the other case differs by.
struct KnownName {
  std::array<char, kWidth> lower{};
  std::array<char, kWidth> case_bits{};
  std::uint8_t size = 0;
};

constexpr std::array<KnownName, kNames.size()> make_known_names() {
  std::array<KnownName, kNames.size()> known{};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    known[i].size = static_cast<std::uint8_t>(kNames[i].size());
    for (std::size_t k = 0; k < kNames[i].size(); ++k) {
      known[i].lower[k] = kNames[i][k];
      known[i].case_bits[k] = is_alpha(kNames[i][k]) ? 0x20 : 0;
    }
  }
  return known;
}

constexpr auto kKnownNames = make_known_names();

// Length, first character and last four tell all known names of four characters or more apart;
// the multiplier was searched for and leaves no two of them in one slot.
constexpr std::uint64_t kMultiplier = 0x9b263dc7b92f4e93;
constexpr int kSlotBits = 7;

constexpr std::size_t slot_of(std::size_t size, char first, std::uint32_t last_four) noexcept {
  const std::uint64_t key = (last_four | (kCaseBits >> 32)) |
                            (std::uint64_t{static_cast<unsigned char>(first | 0x20)} << 32) |
                            (std::uint64_t{size} << 40);
  return (key * kMultiplier) >> (64 - kSlotBits);
}

constexpr std::uint32_t last_four_of(std::string_view name) noexcept {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto byte = static_cast<unsigned char>(name[name.size() - 4 + i]);
    word |=
        std::uint32_t{byte} << (std::endian::native == std::endian::little ? 8 * i : 24 - 8 * i);
  }
  return word;
}

constexpr std::array<Field, std::size_t{1} << kSlotBits> make_slots() {
  std::array<Field, std::size_t{1} << kSlotBits> slots{};
  for (std::size_t i = 1; i < kNames.size(); ++i) {
    if (kNames[i].size() < 4) continue;
    const std::size_t slot = slot_of(kNames[i].size(), kNames[i].front(), last_four_of(kNames[i]));
    if (slots[slot] != Field::other) throw std::logic_error("two known names share a slot");
    slots[slot] = static_cast<Field>(i);
  }
  return slots;
}

constexpr auto kSlots = make_slots();

template <class Word>
bool same_word(const char* name, const KnownName& known, std::size_t offset) noexcept {
  Word word = 0;
  Word bits = 0;
  Word lower = 0;
  std::memcpy(&word, name + offset, sizeof(Word));
  std::memcpy(&bits, known.case_bits.data() + offset, sizeof(Word));
  std::memcpy(&lower, known.lower.data() + offset, sizeof(Word));
  return (word | bits) == lower;
}

// Words that overlap at the end spare a loop over the rest. The size is the same and at least 4.
bool same_name(std::string_view name, const KnownName& known) noexcept {
  const char* const text = name.data();
  const std::size_t size = name.size();
  if (size < 8) {
    return same_word<std::uint32_t>(text, known, 0) &&
           same_word<std::uint32_t>(text, known, size - 4);
  }
  if (!same_word<std::uint64_t>(text, known, 0)) return false;
  if (size > 16 && !same_word<std::uint64_t>(text, known, 8)) return false;
  return same_word<std::uint64_t>(text, known, size - 8);
}

Field short_field_of(std::string_view name) noexcept {
  for (const Field field : {Field::te, Field::age, Field::via}) {
    if (equals_lower(name, name_of(field))) return field;
  }
  return Field::other;
}

constexpr std::size_t kMaxBytes = std::size_t{1} << 30;
constexpr std::size_t kMaxNameSize = std::numeric_limits<std::uint16_t>::max();
constexpr std::size_t kFirstLines = 8;
constexpr std::size_t kFirstBytes = 256;

constexpr std::uint32_t narrow(std::size_t value) noexcept {
  return static_cast<std::uint32_t>(value);
}

bool is_acceptable(std::string_view name, std::string_view value) noexcept {
  return is_token(name) && name.size() <= kMaxNameSize && is_field_value(value);
}

[[noreturn]] void throw_refused(std::string_view name) {
  throw std::invalid_argument("not a field name with a field value: " +
                              std::string(name.substr(0, 64)));
}

}  // namespace

Field field_of(std::string_view name) noexcept {
  if (name.size() < 4) return short_field_of(name);
  std::uint32_t last_four = 0;
  std::memcpy(&last_four, name.data() + name.size() - 4, 4);
  const Field field = kSlots[slot_of(name.size(), name.front(), last_four)];
  const KnownName& known = kKnownNames[static_cast<std::size_t>(field)];
  return known.size == name.size() && same_name(name, known) ? field : Field::other;
}

std::string_view name_of(Field field) noexcept { return kNames[static_cast<std::size_t>(field)]; }

Headers::Retired::~Retired() {
  if (block_ != nullptr) pool_deallocate(block_, size_);
}

void Headers::free_block() noexcept { pool_deallocate(block_, block_size()); }

Headers::Retired Headers::make_room(std::size_t lines, std::size_t bytes) {
  if (has_room(lines, bytes)) return {};
  std::size_t live = 0;
  for (const FieldLine line : *this) live += line.name.size() + line.value.size() + kLineSigns;
  if (lines > kMaxBytes || bytes > kMaxBytes || live + bytes > kMaxBytes) {
    throw std::length_error("a header section of more than 1 GiB");
  }
  const std::size_t new_lines =
      std::max({kFirstLines, count_ + lines, count_ == 0 ? 0 : std::size_t{count_} * 2});
  const std::size_t wanted = std::max({kFirstBytes, live + bytes, live * 2});
  // Whole steps of the pool's size classes: what rounding adds is room for bytes.
  const std::size_t size = (new_lines * sizeof(Entry) + wanted + 63) / 64 * 64;

  Headers larger;
  larger.block_ = static_cast<char*>(pool_allocate(size));
  larger.entry_capacity_ = narrow(new_lines);
  larger.byte_capacity_ = narrow(size - new_lines * sizeof(Entry));
  for (const FieldLine line : *this) {
    larger.entries()[larger.count_] = larger.store(line.field, line.name, line.value);
    ++larger.count_;
  }
  swap(larger);
  const std::size_t old_size = larger.block_size();
  return {std::exchange(larger.block_, nullptr), old_size};
}

Headers::Entry Headers::store(Field field, std::string_view name, std::string_view value) noexcept {
  char* to = bytes() + bytes_used_;
  std::memcpy(to, name.data(), name.size());
  std::memcpy(to += name.size(), ": ", 2);
  // An empty view may have no address, which memcpy does not take.
  if (!value.empty()) std::memcpy(to + 2, value.data(), value.size());
  std::memcpy(to + 2 + value.size(), "\r\n", 2);
  const std::uint32_t value_offset = bytes_used_ + narrow(name.size()) + 2;
  const Entry entry{bytes_used_, value_offset, narrow(value.size()),
                    static_cast<std::uint16_t>(name.size()), field};
  bytes_used_ = value_offset + narrow(value.size()) + kLineEnd;
  return entry;
}

bool Headers::is_named(std::uint32_t index, Field field, std::string_view name) const noexcept {
  const Entry& entry = entries()[index];
  return entry.field == field &&
         (field != Field::other ||
          equals_ignoring_case({bytes() + entry.name_offset, entry.name_size}, name));
}

std::uint32_t Headers::find(Field field, std::string_view name,
                            std::uint32_t start) const noexcept {
  while (start < count_ && !is_named(start, field, name)) ++start;
  return start;
}

Headers Headers::clone(std::size_t spare_lines, std::size_t spare_bytes) const {
  Headers copy;
  if (count_ + spare_lines + spare_bytes == 0) return copy;
  // As it lies, with what removed lines left behind: two copies beat one per line.
  copy.reserve(count_ + spare_lines, bytes_used_ + spare_bytes);
  if (count_ == 0) return copy;
  std::memcpy(copy.entries(), entries(), count_ * sizeof(Entry));
  std::memcpy(copy.bytes(), bytes(), bytes_used_);
  copy.count_ = count_;
  copy.bytes_used_ = bytes_used_;
  return copy;
}

std::optional<std::string_view> Headers::get(Field field) const noexcept {
  for (std::uint32_t i = 0; i < count_; ++i) {
    if (entries()[i].field == field) return (*this)[i].value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Headers::get(std::string_view name) const noexcept {
  const std::uint32_t index = find(field_of(name), name, 0);
  if (index == count_) return std::nullopt;
  return (*this)[index].value;
}

std::size_t Headers::count(Field field) const noexcept {
  std::size_t lines = 0;
  for (std::uint32_t i = 0; i < count_; ++i) lines += entries()[i].field == field ? 1 : 0;
  return lines;
}

std::size_t Headers::count(std::string_view name) const noexcept {
  const Field field = field_of(name);
  std::size_t lines = 0;
  for (auto i = find(field, name, 0); i < count_; i = find(field, name, i + 1)) ++lines;
  return lines;
}

void Headers::set(std::string_view name, std::string_view value) {
  if (!try_set(name, value)) throw_refused(name);
}

void Headers::add(std::string_view name, std::string_view value) {
  if (!try_add(name, value)) throw_refused(name);
}

bool Headers::try_add(std::string_view name, std::string_view value) {
  if (!is_acceptable(name, value)) return false;
  add_checked(field_of(name), name, trim_ows(value));
  return true;
}

bool Headers::try_set(std::string_view name, std::string_view value) {
  if (!is_acceptable(name, value)) return false;
  set_checked(field_of(name), name, trim_ows(value));
  return true;
}

void Headers::set_checked(Field field, std::string_view name, std::string_view value) {
  const Retired old = make_room(1, name.size() + value.size() + kLineSigns);
  const std::uint32_t first = find(field, name, 0);
  entries()[first] = store(field, name, value);
  if (first == count_) {
    ++count_;
    return;
  }
  std::uint32_t kept = first + 1;
  for (std::uint32_t i = first + 1; i < count_; ++i) {
    if (!is_named(i, field, name)) entries()[kept++] = entries()[i];
  }
  count_ = kept;
}

std::size_t Headers::remove(Field field) noexcept {
  return remove_if([field](const FieldLine& line) { return line.field == field; });
}

std::size_t Headers::remove(std::string_view name) noexcept {
  const Field field = field_of(name);
  return remove_if([field, name](const FieldLine& line) {
    return line.field == field && (field != Field::other || equals_ignoring_case(line.name, name));
  });
}

void Headers::clear() noexcept {
  count_ = 0;
  bytes_used_ = 0;
}

void Headers::reserve(std::size_t lines, std::size_t bytes) {
  const Retired old = make_room(lines, bytes + lines * kLineSigns);
}

void Headers::add_checked(Field field, std::string_view name, std::string_view value) {
  const std::size_t size = name.size() + value.size() + kLineSigns;
  if (!has_room(1, size)) [[unlikely]] {
    const Retired old = make_room(1, size);
    entries()[count_] = store(field, name, value);
  } else {
    entries()[count_] = store(field, name, value);
  }
  ++count_;
}

std::uint32_t Headers::add_section(std::string_view section) noexcept {
  assert(has_room(0, section.size()));
  const std::uint32_t offset = bytes_used_;
  std::memcpy(bytes() + offset, section.data(), section.size());
  bytes_used_ += narrow(section.size());
  return offset;
}

void Headers::add_line_at(Field field, std::uint32_t name_offset, std::size_t name_size,
                          std::uint32_t value_offset, std::size_t value_size) noexcept {
  assert(has_room(1, 0) && name_size <= kMaxNameSize);
  assert(value_offset == name_offset + name_size + 2);
  entries()[count_] = Entry{name_offset, value_offset, narrow(value_size),
                            static_cast<std::uint16_t>(name_size), field};
  ++count_;
}

}  // namespace gatewaykit
