// SPDX-License-Identifier: Apache-2.0
// MemoryStream: one end of a connection that exists in memory alone. It keeps the contract of
// net::Stream as a socket under an edge-triggered poller does, down to the events that observers
// see, so that what holds over it holds over sockets. The executor's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/testing/memory_network.hpp"
#include "net/stream.hpp"

namespace gatewaykit::testing {

class MemoryStream;

struct MemoryStreamPair {
  std::unique_ptr<MemoryStream> client;  ///< Which dialled; the gateway, for a target.
  std::unique_ptr<MemoryStream> server;  ///< Which accepted.
};

/// Both ends of a new connection. Neither needs a network around it, nor the other end's life.
MemoryStreamPair make_memory_pair(Executor& executor, const ConnectionOptions& options = {});

class MemoryStream final : public net::Stream, private Timer {
 public:
  /// `outgoing` tells what becomes of the bytes that this end sends.
  MemoryStream(Executor& executor, const LinkOptions& outgoing);
  /// As close(2): the peer sees the end, or a reset where bytes were left unreceived here.
  ~MemoryStream() override;

  net::IoResult receive(char* into, std::size_t size) noexcept override;
  net::IoResult send(const iovec* vectors, int count) noexcept override;
  void shutdown_send() noexcept override;
  void reset_on_close() noexcept override { resets_on_close_ = true; }

  /// Held until the stream goes.
  void hold(std::shared_ptr<const void> held) noexcept { held_ = std::move(held); }

 private:
  friend MemoryStreamPair make_memory_pair(Executor& executor, const ConnectionOptions& options);

  enum class End : unsigned char { none, finished, reset };
  static constexpr std::uint64_t kNoCut = std::numeric_limits<std::uint64_t>::max();

  struct Segment {
    Segment(std::string_view content, TimePoint when) : bytes(content), arrival(when) {}
    std::string_view rest() const noexcept { return std::string_view(bytes).substr(taken); }
    std::string bytes;
    std::size_t taken = 0;
    TimePoint arrival;
  };

  static void join(MemoryStream& a, MemoryStream& b) noexcept;

  net::IoResult receive_end() noexcept;
  void pass_on(std::string_view bytes);
  void cut_where_due() noexcept;
  std::uint64_t cut_at() const noexcept;
  std::size_t room() const noexcept;

  void end_at(End end, TimePoint arrival) noexcept;
  TimePoint arrival() const noexcept;
  bool has_arrived(TimePoint when) const noexcept { return when <= executor_.now(); }
  bool has_bytes() const noexcept {
    return !segments_.empty() && has_arrived(segments_.front().arrival);
  }
  bool has_ended() const noexcept { return end_ != End::none && has_arrived(end_arrival_); }

  static void on_time(Timer& timer) noexcept;
  void announce_at(TimePoint when) noexcept;
  void announce_next_arrival() noexcept;
  void announce() noexcept;

  std::shared_ptr<const void> held_;
  Executor& executor_;
  const LinkOptions outgoing_;
  MemoryStream* peer_ = nullptr;

  // What comes in.
  std::deque<Segment> segments_;
  std::size_t queued_ = 0;
  std::size_t fragment_ = std::numeric_limits<std::size_t>::max();
  End end_ = End::none;
  TimePoint end_arrival_ = kNever;
  bool half_closed_ = false;  // The end was announced.

  // What goes out.
  std::uint64_t sent_ = 0;
  bool is_cut_ = false;
  bool is_shut_ = false;
  bool wants_room_ = false;
  bool resets_on_close_ = false;
};

}  // namespace gatewaykit::testing
