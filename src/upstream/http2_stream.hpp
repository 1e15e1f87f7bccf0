// SPDX-License-Identifier: Apache-2.0
// Http2Stream: one exchange on a stream of HTTP/2 (RFC 9113 section 8): submits the request, awaits
// the response head, holds the content that was received until it is taken. Lives as long as its
// lease, or its upload, whichever is longer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "codec/http2_fields.hpp"
#include "gatewaykit/core/buffer.hpp"
#include "gatewaykit/core/cancel_scope.hpp"
#include "gatewaykit/core/event.hpp"
#include "gatewaykit/core/pool.hpp"
#include "gatewaykit/core/string.hpp"
#include "upstream/carrier.hpp"
#include "upstream/http2_upload.hpp"

namespace gatewaykit::upstream {

class Http2Connection;

class Http2Stream final : public Carrier {
 public:
  explicit Http2Stream(Http2Connection& connection) noexcept : connection_(connection) {}
  Http2Stream(const Http2Stream&) = delete;
  Http2Stream& operator=(const Http2Stream&) = delete;
  static void* operator new(std::size_t size) { return pool_allocate(size); }
  static void operator delete(void* block, std::size_t size) noexcept {
    pool_deallocate(block, size);
  }

  // --- For the exchange.
  void start(Context& ctx, Request& request) override;
  Task<Result<codec::ResponseHead>> await_head(Context& ctx, TimePoint total) override;
  Response answer(codec::ResponseHead head, Lease lease, Context& ctx, Request& request,
                  InFlight in_flight, TimePoint total) override;
  Task<bool> recall(Request& request) override;
  bool is_reused() const noexcept override;
  bool received_any() const noexcept override { return received_any_; }
  bool is_unprocessed() const noexcept override;
  bool was_declined() const noexcept override { return is_refused_; }
  void release() noexcept override;

  // --- For its connection: what the session tells.
  void section_begins();
  /// False where the section is not to be read any further.
  bool line_received(std::string_view name, std::string_view value);
  void section_ended(bool ends_stream);
  /// `bytes` lie in `owner`; null where they are to be copied.
  void content_received(const Buffer* owner, std::string_view bytes);
  void ended();
  void reset_received() noexcept { was_reset_ = true; }
  void closed(std::uint32_t code, std::string_view complaint);
  void fail(Error error) noexcept;
  /// Gives up a request that has not left this process. False where it may have.
  bool decline();
  bool was_submitted() const noexcept { return id_ > 0; }
  ssize_t provide(std::size_t most, std::uint32_t& flags);
  Chunk take_provided(std::size_t count);
  Http2Stream* newer = nullptr;  // Neighbours in its connection's list.
  Http2Stream* older = nullptr;

  // --- For the response's body.
  Http2Connection& connection() noexcept { return connection_; }
  /// False where nothing is there.
  bool take_content(Chunk& content);
  bool has_ended() const noexcept { return has_ended_; }
  const std::optional<Error>& failure() const noexcept { return failure_; }
  Headers take_trailers() noexcept { return std::move(trailers_); }
  /// All content was taken: what ends the stream may come when nobody looks any more.
  void let_end() noexcept { may_end_alone_ = true; }
  Event& changed() noexcept { return changed_; }

 private:
  using Interim = std::vector<codec::ResponseHead, PoolAllocator<codec::ResponseHead>>;
  using Content = std::vector<Chunk, PoolAllocator<Chunk>>;

  void submit(Request& request, const codec::BodyFraming& framing);
  Task<void> run_upload();
  Task<void> pump();
  void upload_ended() noexcept;
  void head_ended(codec::Http2ResponseHead& lines);
  void take_head(codec::Http2ResponseHead& lines);
  bool may_receive(std::size_t bytes);
  void keep_copy(std::string_view bytes);
  void refuse(std::string_view why);
  void detach(bool resets) noexcept;
  TimePoint head_deadline(TimePoint total) const noexcept;
  Error late_head(TimePoint now, TimePoint total) const;
  std::optional<Body> whole_content();
  const Target& target() const noexcept;
  TimePoint now() const noexcept;
  bool is_open() const noexcept;
  void end() noexcept;

  Http2Connection& connection_;
  std::int32_t id_ = 0;
  Method method_;
  bool is_closed_ = false;
  bool is_refused_ = false;  // The target has said that it did nothing, or never heard of it.
  bool received_any_ = false;
  bool has_head_ = false;
  bool has_ended_ = false;
  bool awaits_continue_ = false;
  bool upload_runs_ = false;
  bool is_released_ = false;
  bool may_end_alone_ = false;
  bool was_reset_ = false;  // By the target.
  int interim_count_ = 0;
  TimePoint begun_at_{};

  std::variant<std::monostate, codec::Http2ResponseHead, codec::Http2Trailers> section_;
  Interim interim_;
  std::size_t next_interim_ = 0;
  codec::ResponseHead head_;
  Headers trailers_;
  Content content_;
  std::uint64_t received_ = 0;
  std::size_t next_content_ = 0;
  Buffer tail_;  // What small pieces are copied into.
  std::size_t tail_used_ = 0;
  std::optional<Error> failure_;
  Event changed_;

  Http2Upload upload_;
  CancelScope* upload_scope_ = nullptr;
  Event upload_end_;
};

}  // namespace gatewaykit::upstream
