// SPDX-License-Identifier: Apache-2.0
// Succession: a gateway's listening sockets pass to the process that replaces it, over a
// Unix-domain socket, so that a restart refuses nobody:
//
//   successor                                predecessor
//   1. connects to the path
//   2.                                       sends its listening sockets (SCM_RIGHTS)
//   3. serves them
//   4. puts a socket of its own at the path
//   5. says "serving"                        closes its copies and drains
//
// Where the successor goes before step 5, nothing has changed for the predecessor. Both ends talk
// to processes of their own user (or root) only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/core/function.hpp"
#include "gatewaykit/core/logger.hpp"
#include "net/loop.hpp"
#include "net/socket.hpp"
#include "server/unix_path.hpp"

namespace gatewaykit::server {

/// What a successor got from the gateway before it. The host's thread.
class Heritage {
 public:
  /// From the gateway at `path`; empty where none runs there. Blocks for 5 s at most. Throws
  /// ConfigError where one runs there but hands nothing over.
  static Heritage claim(const std::string& path);

  /// The sockets that listen on `where`; none where there are none.
  std::vector<net::Fd> take(const net::SocketAddress& where);
  /// Tells the predecessor, where there is one, that its clients are served: it drains.
  void tell_serving();

 private:
  net::Fd connection_;
  std::vector<net::Fd> sockets_;
};

/// The predecessor's end: offers sockets at a path until a successor serves. The loop's thread but
/// for the constructor.
class Bequest final : private net::Pollable {
 public:
  struct Estate {
    std::vector<net::Fd> sockets;
    std::vector<std::shared_ptr<UnixPath>> paths;  // Not to be removed by us after that.
  };

  /// Takes the place of a socket at `path`. `on_served` comes once a successor serves; it must not
  /// destroy this. Throws ConfigError.
  Bequest(net::Loop& loop, const std::string& path, Estate estate, const LogSink& log,
          Function<void()> on_served);
  ~Bequest();

 private:
  class Successor;

  void on_events(std::uint32_t events) noexcept override;
  bool send_sockets(int connection) const noexcept;
  void served() noexcept;

  net::Loop& loop_;
  const std::string path_;
  Estate estate_;
  const LogSink& log_;
  Function<void()> on_served_;
  net::Fd fd_;
  std::unique_ptr<UnixPath> name_;
  std::unique_ptr<Successor> successor_;  // One at a time.
};

}  // namespace gatewaykit::server
