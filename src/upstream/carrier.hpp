// SPDX-License-Identifier: Apache-2.0
// Carrier: what carries one exchange to a target and back: a connection of HTTP/1.1, or a stream of
// one of HTTP/2. Asked a few times per exchange; content passes without it. And what both have in
// common: how a request is framed, what failures are called. One worker's thread only.
#pragma once

#include <optional>
#include <string_view>

#include "codec/http1_response_parser.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/core/result.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/http/request.hpp"
#include "gatewaykit/http/response.hpp"
#include "net/stream.hpp"
#include "upstream/lease.hpp"
#include "upstream/target.hpp"

namespace gatewaykit {
class Context;
}

namespace gatewaykit::upstream {

class Carrier {
 public:
  /// Sends the request: what is there at once, the rest by a task in the context's scope.
  virtual void start(Context& ctx, Request& request) = 0;
  /// The final response head, or 101. Interim ones are passed to the client. `total` is the
  /// exchange's deadline.
  virtual Task<Result<codec::ResponseHead>> await_head(Context& ctx, TimePoint total) = 0;
  /// The response for `head`, whose content is received until `total` at the latest. After 101 a
  /// tunnel, which takes the body of `request` over. `lease` is this carrier's.
  virtual Response answer(codec::ResponseHead head, Lease lease, Context& ctx, Request& request,
                          InFlight in_flight, TimePoint total) = 0;
  /// Ends the upload and gives the body back for another attempt. False where its first bytes are
  /// gone, or the exchange was cancelled meanwhile.
  virtual Task<bool> recall(Request& request) = 0;

  /// Its connection served an earlier exchange: the target may be closing it while we send.
  virtual bool is_reused() const noexcept = 0;
  /// Something of a response has arrived.
  virtual bool received_any() const noexcept = 0;
  /// The target cannot have acted on the request, or has said that it did not.
  virtual bool is_unprocessed() const noexcept = 0;
  /// The target has said that it takes no part in this one, which is no fault.
  virtual bool was_declined() const noexcept { return false; }

  /// No exchange has it any more (Lease).
  virtual void release() noexcept = 0;

 protected:
  ~Carrier() = default;
};

/// Interim responses per exchange: a target that sends nothing else is broken.
inline constexpr int kMostInterim = 16;

/// A request that asks for an upgrade has no content: what follows are the tunnel's bytes.
codec::BodyFraming framing_of(const Request& request);
/// Whether the target is asked for a 100 before the content is sent; else takes Expect away.
bool pass_expectation(Request& request);

/// What failures are called, for the log.
Error closed(const Target& target, const net::IoResult& result);
Error broken(const Target& target, std::string_view how);
/// `phase` is over, or with it the exchange's time.
Error late(const Target& target, Errc phase, TimePoint now, TimePoint total);

}  // namespace gatewaykit::upstream
