// SPDX-License-Identifier: Apache-2.0
// Stream: a connected byte stream (TCP, Unix-domain, TLS, in-memory for tests), non-blocking.
// Callers try first and wait only when told that it would block. Own worker's thread only.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

#include "gatewaykit/core/event.hpp"
#include "gatewaykit/core/result.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/http/address.hpp"

namespace gatewaykit::net {

/// What a read or write attempt came to.
struct IoResult {
  enum class Kind : unsigned char { bytes, would_block, end, failed };
  Kind kind;
  std::size_t count = 0;  ///< Bytes moved, for `bytes`.
  int error = 0;          ///< errno, for `failed`.
};

/// Told, synchronously from the poller, what happens to a stream whose owner is busy elsewhere.
/// It must not resume coroutines: it sets events and cancels scopes, which wake later in the turn.
class StreamObserver {
 public:
  /// The peer shut its sending side; bytes before that may still wait to be received.
  virtual void on_half_close() noexcept {}
  /// Both directions are gone (reset or full close).
  virtual void on_disconnect() noexcept {}
  /// Something may be received.
  virtual void on_readable() noexcept {}
  /// There is room again after a send found none. The stream must outlive this call.
  virtual void on_writable() noexcept {}

 protected:
  ~StreamObserver() = default;
};

class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  /// Receives up to `size` bytes. After `would_block`, wait for `readable()`.
  virtual IoResult receive(char* into, std::size_t size) noexcept = 0;
  /// Sends a prefix of the vectors. After `would_block` or a short count, wait for `writable()`.
  virtual IoResult send(const iovec* vectors, int count) noexcept = 0;
  /// Ends the sending side; what was sent before still arrives.
  virtual void shutdown_send() noexcept = 0;
  /// Makes the close that follows a reset, so that the peer cannot take what it got for complete.
  virtual void reset_on_close() noexcept = 0;
  /// Bytes that were sent and that the peer has not confirmed yet: to close now may lose them.
  virtual std::size_t unconfirmed() const noexcept { return 0; }
  /// What both sides have agreed on by ALPN (RFC 7301); empty where they have not.
  virtual std::string_view application_protocol() const noexcept { return {}; }

  /// Whether `receive` is worth a try. A reader without a buffer asks this, then waits.
  bool may_receive() const noexcept { return may_receive_ || has_buffered_; }
  /// Wake a waiter when `receive` / `send` may succeed again. They are not remembered: try first.
  Event& readable() noexcept { return readable_; }
  Event& writable() noexcept { return writable_; }
  void set_observer(StreamObserver* observer) noexcept { observer_ = observer; }

 protected:
  /// For implementations: the stream has become (or may have become) ready.
  void wake_reader() noexcept {
    may_receive_ = true;
    if (readable_.has_waiter()) readable_.set();
  }
  void wake_writer() noexcept {
    const bool was_full = !std::exchange(may_send_, true);
    if (writable_.has_waiter()) writable_.set();
    if (was_full && observer_ != nullptr) observer_->on_writable();
  }

  Event readable_;
  Event writable_;
  StreamObserver* observer_ = nullptr;
  bool may_receive_ = false;
  bool has_buffered_ = false;  // Received, and to be given out without the peer's doing.
  bool may_send_ = true;
};

using StreamPtr = std::unique_ptr<Stream>;

/// Vectors that are being sent: used up from the front.
struct SendProgress {
  iovec* vectors;
  int count;
  /// Forgets `sent` bytes; true once nothing is left.
  bool advance(std::size_t sent) noexcept;
};

/// Sends what fits now, without a coroutine frame: bytes when all is sent, would_block when some is
/// left in `progress`.
IoResult try_send_all(Stream& stream, SendProgress& progress) noexcept;

/// Sends all of the vectors, which are used up on the way. Waits for room for `patience` each time
/// none is left. Fails with idle_timeout, reset or cancelled; `origin` names the side.
Task<Result<>> send_all(Stream& stream, SendProgress progress, Duration patience, Origin origin);

}  // namespace gatewaykit::net
