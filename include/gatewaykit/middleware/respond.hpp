// SPDX-License-Identifier: Apache-2.0
// respond: a handler that always gives the same answer.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gatewaykit/export.hpp"
#include "gatewaykit/http/status.hpp"
#include "gatewaykit/routing/middleware.hpp"

namespace gatewaykit {

struct RespondOptions {
  Status status = Status::ok;  ///< 200 to 599.
  std::string content = {};    ///< Sent as it is. None with 204, 205 and 304.
  /// Of the content, where there is any.
  std::string content_type = "text/plain; charset=utf-8";
  /// Further fields, in this order; a name may come more than once.
  std::vector<std::pair<std::string, std::string>> headers = {};
};

/// The content is held once, whatever the number of answers under way. Throws ConfigError for a
/// status, a field or a content that no such answer can have.
GATEWAYKIT_EXPORT Handler respond(RespondOptions options = {});

}  // namespace gatewaykit
