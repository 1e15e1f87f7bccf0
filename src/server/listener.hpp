// SPDX-License-Identifier: Apache-2.0
// Listener: a listening socket of one worker: accepts in batches, pauses at the connection limit or
// when descriptors run out, and resumes when a connection has closed.
#pragma once

#include <cstdint>
#include <memory>

#include "gatewaykit/core/timer.hpp"
#include "net/poller.hpp"
#include "net/socket.hpp"
#include "server/listen_config.hpp"
#include "server/unix_path.hpp"

namespace gatewaykit::server {

class Worker;

class Listener final : private net::Pollable {
 public:
  /// `fd` listens already; `path`, where there is one, is held until it is closed. Throws
  /// ConfigError.
  Listener(Worker& worker, net::Fd fd, std::shared_ptr<UnixPath> path,
           std::shared_ptr<const ListenConfig> config);

  ~Listener();

  /// Takes what has connected already, then closes.
  void close();
  /// Closes: whoever has connected is another process's, which has the socket, too.
  void drop() noexcept;
  /// Room again: accepts if it had paused.
  void resume() noexcept;

 private:
  void on_events(std::uint32_t events) noexcept override;
  bool accept_one();
  bool is_full() const noexcept;
  bool is_awaited() const noexcept;
  void pause() noexcept;
  void retry() noexcept;

  struct RetryTimer : Timer {
    explicit RetryTimer(Listener& owner) noexcept
        : Timer([](Timer& timer) noexcept { static_cast<RetryTimer&>(timer).listener.retry(); }),
          listener(owner) {}
    Listener& listener;
  };

  Worker& worker_;
  net::Fd fd_;
  std::shared_ptr<UnixPath> path_;
  std::shared_ptr<const ListenConfig> config_;
  RetryTimer retry_;
  bool is_paused_ = false;
};

}  // namespace gatewaykit::server
