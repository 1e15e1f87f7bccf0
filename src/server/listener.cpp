// SPDX-License-Identifier: Apache-2.0
#include "server/listener.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <cerrno>
#include <cstring>

#include "server/worker.hpp"

namespace gatewaykit::server {

namespace {

/// Accepted per event, so that a flood of connections leaves room for those that are there.
constexpr int kAcceptBatch = 64;
/// When descriptors ran out although the limit was not reached: others of the process have them.
constexpr Duration kRetry = std::chrono::milliseconds(100);

}  // namespace

Listener::Listener(Worker& worker, net::Fd fd, std::shared_ptr<UnixPath> path,
                   std::shared_ptr<const ListenConfig> config)
    : worker_(worker),
      fd_(std::move(fd)),
      path_(std::move(path)),
      config_(std::move(config)),
      retry_(*this) {
  const int error = worker_.loop().poller().add_listener(fd_.get(), *this);
  if (error != 0)
    throw ConfigError({fmt::format("cannot watch a listener: {}", std::strerror(error))});
}

Listener::~Listener() { drop(); }

void Listener::close() {
  while (accept_one()) {
  }
  drop();
}

/// Closing alone would not end its events where others have the same socket.
void Listener::drop() noexcept {
  if (!fd_.valid()) return;
  worker_.loop().poller().remove(fd_.get());
  retry_.clear();
  is_paused_ = false;
  fd_ = net::Fd();
  path_.reset();
}

void Listener::resume() noexcept {
  if (!is_paused_ || !fd_.valid()) return;
  is_paused_ = false;
  worker_.loop().poller().add_listener(fd_.get(), *this);
}

/// A connection of another worker may have closed, which does not resume us.
void Listener::retry() noexcept {
  if (is_paused_ && is_full()) {
    if (is_awaited()) worker_.make_room();
    retry_.set(worker_.loop().timers(), worker_.loop().now() + kRetry);
  } else {
    resume();
  }
}

void Listener::pause() noexcept {
  if (is_paused_) return;
  is_paused_ = true;
  worker_.make_room();
  worker_.loop().poller().remove(fd_.get());
  worker_.shared().listener_pauses.fetch_add(1, std::memory_order_relaxed);
  retry_.set(worker_.loop().timers(), worker_.loop().now() + kRetry);
}

void Listener::on_events(std::uint32_t /*events*/) noexcept {
  for (int i = 0; i < kAcceptBatch && accept_one(); ++i) {
  }
}

bool Listener::is_full() const noexcept {
  const GatewayShared& shared = worker_.shared();
  return shared.connections_open.load(std::memory_order_relaxed) >= shared.max_connections;
}

/// A client has connected and is not accepted yet.
bool Listener::is_awaited() const noexcept {
  pollfd waiting{fd_.get(), POLLIN, 0};
  return ::poll(&waiting, 1, 0) > 0;
}

bool Listener::accept_one() {
  if (!fd_.valid() || is_paused_) return false;
  if (is_full()) {
    if (is_awaited()) pause();
    return false;
  }
  net::SocketAddress peer;
  net::Fd fd(::accept4(fd_.get(), peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd.valid()) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      pause();
    }
    return errno == ECONNABORTED || errno == EINTR;
  }
  worker_.serve(std::move(fd), peer, config_);
  return true;
}

}  // namespace gatewaykit::server
