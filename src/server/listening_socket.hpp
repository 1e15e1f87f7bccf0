// SPDX-License-Identifier: Apache-2.0
// ListeningSocket: an address on its way from Gateway::listen to the listeners of the workers:
// bound at once, so that its port is known and a mistake is told early; listening only at the
// start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/socket.hpp"
#include "server/listen_config.hpp"

namespace gatewaykit::server {

/// Throws ConfigError where `address` is none that can be listened on.
void check_listen_address(std::string_view address);

class ListeningSocket {
 public:
  /// Binds "ADDRESS:PORT". Throws ConfigError with a sentence that names the address.
  ListeningSocket(std::string_view address, std::shared_ptr<const ListenConfig> config);

  std::uint16_t port() const noexcept;
  const std::shared_ptr<const ListenConfig>& config() const noexcept { return config_; }

  /// Listens with `count` sockets that share the port (SO_REUSEPORT where there are several), one
  /// for each worker: clients can connect when it returns. Throws ConfigError where another
  /// listens there.
  std::vector<net::Fd> listen(std::size_t count) &&;

 private:
  net::Fd bind(bool shares_port) const;
  void listen_on(const net::Fd& fd) const;
  [[noreturn]] void refuse(std::string_view reason) const;

  std::string address_;
  std::shared_ptr<const ListenConfig> config_;
  net::SocketAddress where_;
  net::Fd fd_;
};

}  // namespace gatewaykit::server
