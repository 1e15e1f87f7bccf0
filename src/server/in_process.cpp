// SPDX-License-Identifier: Apache-2.0
#include "server/in_process.hpp"

#include <optional>
#include <utility>

#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/routing/context.hpp"
#include "net/loop.hpp"
#include "net/socket_connector.hpp"

namespace gatewaykit::server {

namespace {

constexpr std::size_t kMostContent = 16 << 20;

/// Content that is too large is no fault of the one who asked for it.
Error as_upstream_fault(Error error) {
  if (error.code != Errc::body_too_large) return error;
  return Error(Errc::bad_message, Origin::upstream, "the content is above 16 MiB");
}

}  // namespace

Task<Response> handle_in_process(std::shared_ptr<const GatewayShared> shared, Request request) {
  const Env env = co_await current_env();
  const TimePoint started = env.executor->now();
  const std::shared_ptr<const RouteSet> routes = shared->routes();
  const Peer peer;
  Context context(env, std::move(request), peer, peer, false, nullptr);
  const Next next(routes->match(context));
  Response response;
  std::string content;
  try {
    response = co_await next(context).under(context.scope());
    Result<std::string> read = co_await response.body.collect(kMostContent);
    if (read) {
      content = std::move(*read);
    } else {
      response = Response::failure(as_upstream_fault(std::move(read.error())));
    }
  } catch (const std::exception& bug) {
    response = shared->answer_bug(bug, context);
  }
  if (response.wants_rendering()) {
    shared->render(context, response);
    Result<std::string> rendered = co_await response.body.collect(kMostContent);
    if (rendered) content = std::move(*rendered);
  }
  response.body = Body(Chunk::copy_of(content));
  context.scope().cancel();
  co_await context.scope().join();
  context.complete(
      {response.status, response.error(), 0, content.size(), env.executor->now() - started});
  co_return response;
}

namespace {

Task<void> answer_into(std::shared_ptr<const GatewayShared> shared, Request request,
                       std::optional<Response>& answer, net::Loop& loop) {
  answer = co_await handle_in_process(std::move(shared), std::move(request));
  loop.stop();
}

}  // namespace

Response handle_on_this_thread(std::shared_ptr<const GatewayShared> shared, Request request) {
  net::Loop loop;
  net::SocketConnector connector(loop);
  CancelScope scope;
  std::optional<Response> answer;
  loop.turn([&] {
    const Env env{&loop, nullptr, &connector};
    scope.spawn(env, answer_into(std::move(shared), std::move(request), answer, loop));
  });
  if (!answer) loop.run();
  loop.locals().clear(loop);
  return std::move(*answer);
}

}  // namespace gatewaykit::server
