// SPDX-License-Identifier: Apache-2.0
// Headers: the fields of one message section (RFC 9110 section 5), in order, names compared
// without case. One pooled block owns all bytes, so moving is free and a typical request costs one
// pool allocation. Not shared between threads at the same time; may be handed to another thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "gatewaykit/export.hpp"

namespace gatewaykit {

/// Field names that the library itself looks for: compared as one byte. `other` is every other.
enum class Field : std::uint8_t {
  other,
  accept,
  accept_encoding,
  age,
  authorization,
  cache_control,
  connection,
  content_encoding,
  content_length,
  content_type,
  cookie,
  date,
  etag,
  expect,
  forwarded,
  host,
  http2_settings,
  keep_alive,
  location,
  origin,
  proxy_authenticate,
  proxy_authorization,
  proxy_connection,
  retry_after,
  server,
  set_cookie,
  te,
  traceparent,
  tracestate,
  trailer,
  transfer_encoding,
  upgrade,
  user_agent,
  vary,
  via,
  www_authenticate,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_port,
  x_forwarded_prefix,
  x_forwarded_proto,
  x_http_method_override,
  x_original_url,
  x_real_ip,
  x_request_id,
  x_rewrite_url,
};

/// The known field with this name (any case), or Field::other. A few nanoseconds, no allocation.
GATEWAYKIT_EXPORT Field field_of(std::string_view name) noexcept;
/// The lower-case name of a known field; empty for Field::other.
GATEWAYKIT_EXPORT std::string_view name_of(Field field) noexcept;

/// One field line, as views into its Headers: valid until that Headers changes or dies.
struct FieldLine {
  Field field;
  std::string_view name;  ///< As it was given, case kept.
  std::string_view value;
};

/// An ordered multimap of field lines.
class GATEWAYKIT_EXPORT Headers {
 public:
  Headers() noexcept = default;
  Headers(Headers&& other) noexcept { swap(other); }
  Headers& operator=(Headers&& other) noexcept {
    Headers(std::move(other)).swap(*this);
    return *this;
  }
  Headers(const Headers&) = delete;
  Headers& operator=(const Headers&) = delete;
  ~Headers() {
    if (block_ != nullptr) free_block();
  }

  void swap(Headers& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(count_, other.count_);
    std::swap(entry_capacity_, other.entry_capacity_);
    std::swap(bytes_used_, other.bytes_used_);
    std::swap(byte_capacity_, other.byte_capacity_);
  }

  /// A deep copy. Explicit, since copies of field sections are easily made by mistake.
  /// `spare_*`: room for what is to be added to it, in the same block.
  Headers clone(std::size_t spare_lines = 0, std::size_t spare_bytes = 0) const;

  std::size_t size() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }

  /// The first value of a field, or nothing. The view is valid until this object changes.
  std::optional<std::string_view> get(std::string_view name) const noexcept;
  std::optional<std::string_view> get(Field field) const noexcept;
  bool contains(std::string_view name) const noexcept { return get(name).has_value(); }
  bool contains(Field field) const noexcept { return get(field).has_value(); }
  /// The number of lines with this name.
  std::size_t count(std::string_view name) const noexcept;
  std::size_t count(Field field) const noexcept;

  /// Replaces all lines of that name by one, at the place of the first / adds one more line. Blanks
  /// around a value are no part of it and dropped. A name that is not a token or a value with CR,
  /// LF, NUL or another control character but HTAB is refused (RFC 9110 section 5.5): the `try_`
  /// forms answer false and change nothing, the others throw std::invalid_argument, which the
  /// server answers with 500 and a log line. Arguments may be views into this object.
  void set(std::string_view name, std::string_view value);
  void add(std::string_view name, std::string_view value);
  [[nodiscard]] bool try_set(std::string_view name, std::string_view value);
  [[nodiscard]] bool try_add(std::string_view name, std::string_view value);

  /// Removes all lines of that name; the number removed.
  std::size_t remove(std::string_view name) noexcept;
  std::size_t remove(Field field) noexcept;
  /// Removes every line for which `predicate(const FieldLine&)` holds; the number removed.
  template <class Predicate>
  std::size_t remove_if(Predicate predicate);
  void clear() noexcept;

  FieldLine operator[](std::size_t index) const noexcept {
    const Entry& entry = entries()[index];
    const char* const text = bytes();
    return {entry.field, std::string_view(text + entry.name_offset, entry.name_size),
            std::string_view(text + entry.value_offset, entry.value_size)};
  }

  class Iterator {
   public:
    Iterator(const Headers* headers, std::size_t index) noexcept
        : headers_(headers), index_(index) {}
    FieldLine operator*() const noexcept { return (*headers_)[index_]; }
    Iterator& operator++() noexcept {
      ++index_;
      return *this;
    }
    friend bool operator==(const Iterator&, const Iterator&) noexcept = default;

   private:
    const Headers* headers_;
    std::size_t index_;
  };
  Iterator begin() const noexcept { return {this, 0}; }
  Iterator end() const noexcept { return {this, count_}; }

  /// For codecs, which have checked the bytes already: room for `lines` more lines with `bytes` of
  /// names and values in one allocation, then lines that are added without another check (a name of
  /// at most 65,535 bytes, a value without blanks around it).
  void reserve(std::size_t lines, std::size_t bytes);
  void add_checked(Field field, std::string_view name, std::string_view value);
  void set_checked(Field field, std::string_view name, std::string_view value);
  /// The same with one copy for many lines: a whole field section is added as bytes (its offset is
  /// returned), then lines as places in it, each `name: value CRLF` without other blanks. Reserve
  /// before; add no other line in between.
  std::uint32_t add_section(std::string_view section) noexcept;
  void add_line_at(Field field, std::uint32_t name_offset, std::size_t name_size,
                   std::uint32_t value_offset, std::size_t value_size) noexcept;
  /// For codecs that write `name: value CRLF`: calls `visit(std::string_view text)` with as many
  /// lines at once as lie one behind the other, but those with `is_left_out(Field)`.
  template <class IsLeftOut, class Visit>
  void visit_text(IsLeftOut is_left_out, Visit visit) const;

 private:
  struct Entry {
    std::uint32_t name_offset;
    std::uint32_t value_offset;
    std::uint32_t value_size;
    std::uint16_t name_size;
    Field field;
  };
  // Each line lies as it is written: ": " stands between name and value, CRLF behind.
  static constexpr std::uint32_t kLineEnd = 2;
  static constexpr std::uint32_t kLineSigns = 4;

  // Memory that was given up, kept until the arguments of a call, which may lie in it, are copied.
  class Retired {
   public:
    Retired() noexcept = default;
    Retired(char* block, std::size_t size) noexcept : block_(block), size_(size) {}
    Retired(const Retired&) = delete;
    Retired& operator=(const Retired&) = delete;
    ~Retired();

   private:
    char* block_ = nullptr;
    std::size_t size_ = 0;
  };

  Entry* entries() const noexcept { return reinterpret_cast<Entry*>(block_); }
  char* bytes() const noexcept { return block_ + std::size_t{entry_capacity_} * sizeof(Entry); }
  std::size_t block_size() const noexcept {
    return std::size_t{entry_capacity_} * sizeof(Entry) + byte_capacity_;
  }
  void free_block() noexcept;
  bool is_named(std::uint32_t index, Field field, std::string_view name) const noexcept;
  // The index of the first line with that name from `start` on; count_ where there is none.
  std::uint32_t find(Field field, std::string_view name, std::uint32_t start) const noexcept;
  bool has_room(std::size_t lines, std::size_t bytes) const noexcept {
    return entry_capacity_ - count_ >= lines && byte_capacity_ - bytes_used_ >= bytes;
  }
  [[nodiscard]] Retired make_room(std::size_t lines, std::size_t bytes);
  // Copies a line behind the others; there is room.
  Entry store(Field field, std::string_view name, std::string_view value) noexcept;

  // One block: entry_capacity_ entries, then byte_capacity_ bytes.
  char* block_ = nullptr;
  std::uint32_t count_ = 0;
  std::uint32_t entry_capacity_ = 0;
  std::uint32_t bytes_used_ = 0;
  std::uint32_t byte_capacity_ = 0;
};

template <class Predicate>
std::size_t Headers::remove_if(Predicate predicate) {
  Entry* const all = entries();
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < count_; ++i) {
    if (predicate((*this)[i])) continue;
    if (kept != i) all[kept] = all[i];
    ++kept;
  }
  const std::size_t removed = count_ - kept;
  count_ = kept;
  return removed;
}

template <class IsLeftOut, class Visit>
void Headers::visit_text(IsLeftOut is_left_out, Visit visit) const {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  for (std::uint32_t i = 0; i < count_; ++i) {
    const Entry& entry = entries()[i];
    if (is_left_out(entry.field)) continue;
    if (entry.name_offset != end) {
      if (begin != end) visit(std::string_view(bytes() + begin, end - begin));
      begin = entry.name_offset;
    }
    end = entry.value_offset + entry.value_size + kLineEnd;
  }
  if (begin != end) visit(std::string_view(bytes() + begin, end - begin));
}

}  // namespace gatewaykit
