// SPDX-License-Identifier: Apache-2.0
// answer(): a response that is there already, as the task that a layer has to return.
#pragma once

#include "gatewaykit/core/task.hpp"
#include "gatewaykit/http/response.hpp"

namespace gatewaykit {

inline Task<Response> answer(Response response) { co_return response; }

}  // namespace gatewaykit
