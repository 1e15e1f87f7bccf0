// SPDX-License-Identifier: Apache-2.0
#include "server/shared.hpp"

#include <fmt/format.h>

#include "gatewaykit/routing/context.hpp"

namespace gatewaykit::server {

Response GatewayShared::answer_bug(const std::exception& bug, const Context& context) const {
  options.log(LogLevel::error, fmt::format("a handler threw: {} ({} {})", bug.what(),
                                           context.request().method.name(), context.route()));
  return Response::problem(Status::internal_server_error, "The gateway failed.");
}

}  // namespace gatewaykit::server
