// SPDX-License-Identifier: Apache-2.0
// Who a new connection belongs to where a proxy tells it ahead of everything else (PROXY protocol).
#pragma once

#include <optional>

#include "gatewaykit/core/task.hpp"
#include "gatewaykit/http/address.hpp"
#include "server/listen_config.hpp"

namespace gatewaykit::server {

class Worker;

/// Reads the header from the socket `fd`, which nothing watches yet, and not a byte beyond it: the
/// peer that it tells, or the socket's own one. Nothing where that is nobody who may tell it, and
/// where no good header comes within the listener's header_timeout.
Task<std::optional<Peer>> learn_client(Worker& worker, int fd, Peer own,
                                       const ListenConfig& config);

}  // namespace gatewaykit::server
