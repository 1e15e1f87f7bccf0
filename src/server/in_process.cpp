// SPDX-License-Identifier: Apache-2.0
#include "server/in_process.hpp"

#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/routing/context.hpp"

namespace gatewaykit::server {

namespace {

constexpr std::size_t kMostContent = 16 << 20;

}  // namespace

Task<Response> handle_in_process(std::shared_ptr<const RouteSet> routes, Request request) {
  const Env env = co_await current_env();
  const TimePoint started = env.executor->now();
  const Peer peer;
  Context context(env, std::move(request), peer, peer, false, nullptr);
  const Next next(routes->match(context));
  Response response = co_await next(context).under(context.scope());
  Result<std::string> content = co_await response.body.collect(kMostContent);
  if (!content) response = Response::failure(std::move(content.error()));
  if (response.wants_rendering()) {
    content = render_problem(response.status, response.problem_detail(), {});
    response.headers.set("content-type", "application/problem+json");
  }
  if (content) response.body = Body(Chunk::copy_of(*content));
  context.scope().cancel();
  co_await context.scope().join();
  const std::uint64_t size = response.body.size().value_or(0);
  context.complete({response.status, response.error(), 0, size, env.executor->now() - started});
  co_return response;
}

}  // namespace gatewaykit::server
