// SPDX-License-Identifier: Apache-2.0
// ListeningSocket: an address on its way from Gateway::listen to the listeners of the workers:
// bound at once, so that its port is known and a mistake is told early; listening only at the
// start, unless somebody else has made it listen already.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/socket.hpp"
#include "server/inherited_sockets.hpp"
#include "server/listen_config.hpp"
#include "server/unix_path.hpp"

namespace gatewaykit::server {

/// Throws ConfigError where `address` is none that can be listened on.
void check_listen_address(std::string_view address);

/// Of "ADDRESS:PORT" or "unix:PATH". Throws ConfigError.
net::SocketAddress parse_listen_address(std::string_view address);

class ListeningSocket {
 public:
  /// Binds "ADDRESS:PORT" or "unix:PATH". Throws ConfigError with a sentence that names the
  /// address.
  ListeningSocket(std::string_view address, std::shared_ptr<const ListenConfig> config);
  /// Takes `sockets` over, one at least, which listen there.
  ListeningSocket(std::string_view address, std::shared_ptr<const ListenConfig> config,
                  std::vector<net::Fd> sockets);

  /// 0 for a path.
  std::uint16_t port() const noexcept { return where_.to_peer().port(); }
  const std::shared_ptr<const ListenConfig>& config() const noexcept { return config_; }
  /// To be held for as long as any of the sockets is open; null for a port.
  const std::shared_ptr<UnixPath>& path() const noexcept { return path_; }
  /// Came with the process, which is not asked for it by a successor.
  bool is_inherited() const noexcept { return server::is_inherited(address_); }

  /// Listens with `count` sockets, one for each worker, or more where more were taken over: clients
  /// wait at each of them. They can connect when it returns. Where there are several, they share
  /// the port (SO_REUSEPORT), or are one socket. Throws ConfigError where another listens there.
  std::vector<net::Fd> listen(std::size_t count) &&;

 private:
  bool is_unix() const noexcept { return where_.storage.ss_family == AF_UNIX; }
  net::Fd bind(bool shares_port) const;
  void bind_path(const std::string& path);
  void listen_on(const net::Fd& fd) const;
  void notice_absence(const net::Fd& fd) const noexcept;
  [[noreturn]] void refuse(std::string_view reason) const;

  std::string address_;
  std::shared_ptr<const ListenConfig> config_;
  net::SocketAddress where_;
  std::vector<net::Fd> sockets_;
  std::shared_ptr<UnixPath> path_;
  bool is_taken_over_ = false;
};

}  // namespace gatewaykit::server
