// SPDX-License-Identifier: Apache-2.0
#include "upstream/exchange.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "gatewaykit/routing/context.hpp"
#include "upstream/carrier.hpp"
#include "upstream/options_check.hpp"

namespace gatewaykit::upstream {

namespace {

/// Upgrades are HTTP/1.1's; and a connection that tells whose it is cannot be shared.
bool is_for_http1(const UpstreamOptions& options, const Request& request) noexcept {
  const bool is_upgrade = !request.protocol.empty() && options.http2 != Http2Use::always;
  return is_upgrade || options.proxy_protocol != ProxyProtocol::none;
}

/// What an exchange knows across its attempts.
class Exchange {
 public:
  Exchange(WorkerPool& pool, Context& ctx, Request& request, TimePoint now)
      : pool_(pool),
        ctx_(ctx),
        request_(request),
        begun_at_(now),
        total_(pool.options().timeouts.total ? now + *pool.options().timeouts.total : kNever),
        head_deadline_(std::min(total_, ctx.deadline())),
        needs_http1_(is_for_http1(pool.options(), request)) {
    pool_.shared().budget.count_request(now);
  }

  TimePoint head_deadline() const noexcept { return head_deadline_; }

  void choose_target(const Env& env);
  /// A connection that needs no wait; none after one of those has just turned out to be dead.
  Lease take_idle();
  Task<Result<Lease>> obtain();
  bool may_retry(const Error& error, const Lease& connection);
  Response answer(codec::ResponseHead head, Lease connection);
  /// Tells logs and metrics what became of the exchange.
  void report(HttpVersion version = HttpVersion::http_1_1);

 private:
  bool is_target_to_blame(const Error& error, bool was_stale) const noexcept;
  bool is_repeatable(const Error& error, const Lease& connection) const;

  WorkerPool& pool_;
  Context& ctx_;
  Request& request_;
  TimePoint begun_at_;
  TimePoint total_;
  TimePoint head_deadline_;
  Lane* lane_ = nullptr;
  InFlight in_flight_;
  bool needs_http1_;
  bool wants_fresh_connection_ = false;
  bool met_stale_connection_ = false;  // By this attempt.
  std::uint32_t attempts_ = 0;
  std::array<std::uint32_t, kMostRetries + 1> tried_;
};

void Exchange::choose_target(const Env& env) {
  if (wants_fresh_connection_) return;
  const TimePoint now = pool_.executor().now();
  std::size_t index = 0;
  if (pool_.shared().targets.size() > 1) {
    const Eligible eligible(pool_.shared().targets, std::span(tried_.data(), attempts_), now);
    index = pool_.balancer().choose(eligible, pool_.executor().random());
  }
  tried_[attempts_++] = static_cast<std::uint32_t>(index);
  met_stale_connection_ = false;
  lane_ = &pool_.lane(index);
  Target& target = lane_->target();
  target.ejection.chosen(now);
  target.requests.fetch_add(1, std::memory_order_relaxed);
  in_flight_ = InFlight(target);
  if (target.addresses.claim_refresh(now)) lane_->start_lookup(env);
}

Lease Exchange::take_idle() {
  return std::exchange(wants_fresh_connection_, false) ? Lease() : lane_->take_idle(needs_http1_);
}

Task<Result<Lease>> Exchange::obtain() {
  return lane_->obtain(Demand{ctx_.client(), needs_http1_}, head_deadline_);
}

/// What the client, a deadline of the route or our own queue brought about says nothing about the
/// target; that it took longer than the pool allows does.
bool Exchange::is_target_to_blame(const Error& error, bool was_stale) const noexcept {
  if (error.code == Errc::total_timeout && head_deadline_ < total_) return false;
  return error.origin == Origin::upstream && error.code != Errc::cancelled && !was_stale;
}

/// RFC 9110 section 9.2.2: what was not sent, or may be sent twice, as long as nothing came back.
bool Exchange::is_repeatable(const Error& error, const Lease& connection) const {
  if (error.origin != Origin::upstream || error.code == Errc::cancelled) return false;
  if (error.code == Errc::total_timeout || ctx_.cancelled()) return false;
  if (!connection || connection->is_unprocessed()) return true;
  return request_.method.is_idempotent() && request_.protocol.empty() &&
         !connection->received_any();
}

bool Exchange::may_retry(const Error& error, const Lease& connection) {
  const TimePoint now = pool_.executor().now();
  const bool repeatable = is_repeatable(error, connection);
  // A connection that the target had closed before our request came is nobody's fault, nor is a
  // stream that it had no room for, which we may not have known: the request goes out again on
  // another one, and that is no retry that counts.
  const bool was_stale = connection && error.code == Errc::reset &&
                         (connection->is_reused() || connection->was_declined()) &&
                         !connection->received_any() && !met_stale_connection_;
  if (is_target_to_blame(error, was_stale)) lane_->target().failed(now);
  if (!repeatable) return false;
  if (was_stale) {
    wants_fresh_connection_ = met_stale_connection_ = true;
    return true;
  }
  return attempts_ <= pool_.options().retries.attempts && pool_.shared().budget.take_retry(now);
}

Response Exchange::answer(codec::ResponseHead head, Lease connection) {
  lane_->target().ejection.answered();
  Carrier& carrier = *connection;
  return carrier.answer(std::move(head), std::move(connection), ctx_, request_,
                        std::move(in_flight_), total_);
}

void Exchange::report(HttpVersion version) {
  UpstreamReport report;
  report.pool = pool_.options().name;
  if (lane_ != nullptr) report.target = lane_->target().url.text;
  report.attempts = attempts_;
  report.head_time = pool_.executor().now() - begun_at_;
  report.version = version;
  ctx_.set(report);
}

}  // namespace

Task<Result<Response>> send(WorkerPool::Use pool, Context& ctx, Request request) {
  const Env env = co_await current_env();
  co_await lastly();
  Exchange exchange(*pool, ctx, request, env.executor->now());
  for (;;) {
    // 1. Choose a target: healthy, and another one than before.
    exchange.choose_target(env);

    // 2. Obtain a connection to it: an idle one, or else a new one or a place in the queue.
    Result<Lease> connection = exchange.take_idle();
    if (!*connection) connection = co_await exchange.obtain();
    if (!connection) {
      if (exchange.may_retry(connection.error(), Lease())) continue;
      exchange.report();
      co_return std::move(connection.error());
    }

    // 3. Send the request: what is there at once, the rest of its content beside us.
    (*connection)->start(ctx, request);

    // 4. Await the response head; interim ones go to the client on the way.
    Result<codec::ResponseHead> head =
        co_await (*connection)->await_head(ctx, exchange.head_deadline());

    // 5. Answer. The body holds the connection until it was read, if it is not here already.
    if (head) {
      exchange.report(head->version);
      co_return exchange.answer(std::move(*head), std::move(*connection));
    }

    // 6. Or note what the failure says about the target, and try again where that is sound.
    bool retries = exchange.may_retry(head.error(), *connection);
    if (retries) retries = co_await (*connection)->recall(request);
    if (!retries) {
      exchange.report();
      co_return std::move(head.error());
    }
  }
}

}  // namespace gatewaykit::upstream
