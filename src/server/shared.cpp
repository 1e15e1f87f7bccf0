// SPDX-License-Identifier: Apache-2.0
#include "server/shared.hpp"

#include <fmt/format.h>

#include "gatewaykit/middleware/request_id.hpp"
#include "gatewaykit/routing/context.hpp"
#include "http/grpc.hpp"

namespace gatewaykit::server {

Response GatewayShared::answer_bug(const std::exception& bug, const Context& context) const {
  options.log(LogLevel::error, fmt::format("a handler threw: {} ({} {})", bug.what(),
                                           context.request().method.name(), context.route()));
  return Response::problem(Status::internal_server_error, "The gateway failed.");
}

Error GatewayShared::failure_of_bug(const std::exception& bug, const Context& context) const {
  static_cast<void>(answer_bug(bug, context));
  return Error(Errc::cancelled, Origin::gateway, "its content threw");
}

void GatewayShared::render(const Context& context, Response& response) const {
  if (options.render_error) {
    options.render_error(context, response);
    return;
  }
  if (is_grpc(context.request())) {
    render_grpc_error(context.request(), response);
    return;
  }
  const RequestId* const id = context.get<RequestId>();
  const std::string content = render_problem(response.status, response.problem_detail(),
                                             id == nullptr ? std::string_view() : id->value);
  response.headers.set("content-type", "application/problem+json");
  response.body = Body(Chunk::copy_of(content));
}

}  // namespace gatewaykit::server
