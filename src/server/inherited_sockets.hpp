// SPDX-License-Identifier: Apache-2.0
// Sockets that listen already and came with the process: "fd:N" for a descriptor that its starter
// opened, "systemd:NAME" for those that systemd passes to a socket-activated service.
#pragma once

#include <string_view>
#include <vector>

#include "net/socket.hpp"

namespace gatewaykit::server {

/// Whether `address` names inherited sockets, well formed or not.
bool is_inherited(std::string_view address) noexcept;

/// Throws ConfigError where `address` is neither "fd:N" nor "systemd:NAME".
void check_inherited_address(std::string_view address);

/// Duplicates of the sockets: the descriptors that came with the process stay open, so that clients
/// may connect while no gateway runs. "systemd:NAME" stands for all of that FileDescriptorName,
/// "systemd:" for all that were passed (sd_listen_fds(3)). Throws ConfigError where there is none,
/// or one that is no listening stream socket.
std::vector<net::Fd> inherited_sockets(std::string_view address);

}  // namespace gatewaykit::server
