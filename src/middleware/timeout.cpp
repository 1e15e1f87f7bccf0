// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/timeout.hpp"

#include <algorithm>

#include "gatewaykit/core/async.hpp"
#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/routing/context.hpp"

namespace gatewaykit {

namespace {

/// The layers within end by ctx.deadline() themselves where they look at it, and know best what
/// they were waiting for: the cut comes right behind it, for those that do not.
constexpr Duration kGrace{1};

/// Not an answer to the request, but what being cancelled came to.
bool is_cut_short(const Response& response) noexcept {
  if (const Error* const error = response.error()) return error->code == Errc::cancelled;
  return !response.problem_detail().empty();
}

class TimeoutLayer final : public Middleware {
 public:
  explicit TimeoutLayer(Duration duration) noexcept : duration_(duration) {}

  Task<Response> handle(Context& ctx, Next next) const override {
    const Env env = co_await current_env();
    const TimePoint outer = ctx.deadline();
    const TimePoint deadline = std::min(outer, deadline_after(env.executor->now(), duration_));
    ctx.set_deadline(deadline);
    CancelScope scope(env.scope);
    const detail::DeadlineTimer cut(scope, *env.executor, deadline_after(deadline, kGrace));
    Response response = co_await next(ctx).under(scope);
    ctx.set_deadline(outer);
    if (cut.fired() && is_cut_short(response)) {
      co_return Response::failure(
          Error(Errc::total_timeout, Origin::gateway, "no answer within the route's timeout"));
    }
    co_return response;
  }
  void describe(Wiring& wiring) const override { wiring.name("timeout"); }

 private:
  Duration duration_;
};

}  // namespace

MiddlewarePtr timeout(Duration duration) {
  if (duration <= Duration::zero()) throw ConfigError({"timeout: must be above zero"});
  return std::make_shared<const TimeoutLayer>(duration);
}

}  // namespace gatewaykit
