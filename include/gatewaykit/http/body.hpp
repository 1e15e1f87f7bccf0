// SPDX-License-Identifier: Apache-2.0
// Chunk, BodySource, Body: message content (RFC 9110 section 6.4) as a sequence of byte chunks that
// the consumer pulls. Backpressure follows from the pull: what nobody reads is not received.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gatewaykit/core/buffer.hpp"
#include "gatewaykit/core/result.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/export.hpp"

namespace gatewaykit {

class Headers;

/// Some bytes that stay valid for as long as the chunk or a copy of it lives, across any await.
/// Copies share the bytes. An empty chunk ends a body.
class GATEWAYKIT_EXPORT Chunk {
 public:
  Chunk() noexcept = default;
  /// `bytes` must lie in `owner`.
  Chunk(Buffer owner, std::string_view bytes) noexcept : owner_(std::move(owner)), bytes_(bytes) {}
  Chunk(const Chunk& other) noexcept = default;
  /// Leaves `other` empty.
  Chunk(Chunk&& other) noexcept
      : owner_(std::move(other.owner_)), bytes_(std::exchange(other.bytes_, std::string_view())) {}
  Chunk& operator=(Chunk other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Chunk() = default;

  static Chunk copy_of(std::string_view bytes);
  /// For bytes of static storage duration alone, such as string literals.
  static Chunk of_static(std::string_view bytes) noexcept { return Chunk(Buffer(), bytes); }

  std::string_view view() const noexcept { return bytes_; }
  const char* data() const noexcept { return bytes_.data(); }
  std::size_t size() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return bytes_.empty(); }
  void remove_prefix(std::size_t count) noexcept { bytes_.remove_prefix(count); }
  /// The first `count` bytes, sharing ownership.
  Chunk prefix(std::size_t count) const { return Chunk(owner_, bytes_.substr(0, count)); }

 private:
  Buffer owner_;
  std::string_view bytes_;
};

/// Where a body comes from. One reader; after a failure or the end, reading again repeats it.
class GATEWAYKIT_EXPORT BodySource {
 public:
  BodySource() = default;
  BodySource(const BodySource&) = delete;
  BodySource& operator=(const BodySource&) = delete;

  /// The next chunk; an empty one at the end. A failed body never ends with an empty chunk.
  virtual Task<Result<Chunk>> read() = 0;
  /// True where the next chunk (or the end) is there already and has been put into `chunk`: it
  /// passes without a coroutine frame.
  virtual bool ready(Chunk& /*chunk*/) { return false; }
  /// Bytes that are left, where that is known.
  virtual std::optional<std::uint64_t> size() const { return std::nullopt; }
  /// The trailer section (RFC 9110 section 6.5), once the end was read; else none.
  virtual const Headers* trailers() const { return nullptr; }
  /// Starts again from the first byte; false where the bytes are gone.
  virtual bool rewind() { return false; }
  /// For a forwarder that passes `Expect: 100-continue` on (RFC 9110 section 10.1.1) instead of
  /// having the gateway answer 100 at the first read. False where no client waits for a 100 (any
  /// more): the expectation must then not be sent on.
  virtual bool forward_expectation() { return false; }
  /// Called by the owning Body in place of `delete`: sources that live inside another object
  /// override it.
  virtual void release() noexcept { delete this; }

 protected:
  virtual ~BodySource();
};

/// The content of a message: none, bytes in memory, or a source. Dropping it unread tells the
/// source so (for a proxied response: cancels the exchange with the target).
class GATEWAYKIT_EXPORT Body {
 public:
  Body() noexcept = default;
  Body(Chunk bytes) noexcept : memory_(std::move(bytes)) {}
  /// Takes `source` over.
  explicit Body(BodySource& source) noexcept : source_(&source) {}

  /// Next chunk; an empty one at the end.
  Task<Result<Chunk>> read();
  /// As BodySource::ready. `if (!body.ready(chunk)) { auto next = co_await body.read(); … }`
  bool ready(Chunk& chunk);
  /// Reads to the end; fails with Errc::body_too_large beyond `limit` bytes.
  Task<Result<std::string>> collect(std::size_t limit);

  /// Bytes that are left, where that is known; 0 for an empty body.
  std::optional<std::uint64_t> size() const;
  /// Known to hold not one byte.
  bool empty() const { return source_ == nullptr && memory_.empty(); }
  /// Trailers, once the end was read.
  const Headers* trailers() const;
  /// Starts again from the first byte; false where the bytes are gone.
  bool rewind();
  /// The source, if this body streams.
  BodySource* source() const noexcept { return source_.get(); }

 private:
  struct Release {
    void operator()(BodySource* source) const noexcept { source->release(); }
  };

  Chunk memory_;  // All of a body in memory: kept once read, for rewind().
  bool memory_read_ = false;
  std::unique_ptr<BodySource, Release> source_;
};

/// A body that changes another one: forwards trailers, and size() unless told otherwise.
class GATEWAYKIT_EXPORT BodyFilter : public BodySource {
 public:
  explicit BodyFilter(Body inner) noexcept : inner_(std::move(inner)) {}
  const Headers* trailers() const override { return inner_.trailers(); }
  std::optional<std::uint64_t> size() const override { return inner_.size(); }

 protected:
  Body& inner() noexcept { return inner_; }

 private:
  Body inner_;
};

}  // namespace gatewaykit
