// SPDX-License-Identifier: Apache-2.0
#include "server/listener.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "server/worker.hpp"

namespace gatewaykit::server {

namespace {

/// Accepted per event, so that a flood of connections leaves room for those that are there.
constexpr int kAcceptBatch = 64;
/// When descriptors ran out although the limit was not reached: others of the process have them.
constexpr Duration kRetry = std::chrono::milliseconds(100);

[[noreturn]] void refuse(std::string_view address, std::string_view reason) {
  throw ConfigError({fmt::format("cannot listen on '{}': {}", address, reason)});
}

}  // namespace

net::SocketAddress parse_listen_address(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) refuse(address, "expected ADDRESS:PORT");
  std::string_view host = address.substr(0, colon);
  const std::string_view digits = address.substr(colon + 1);
  Connector::Endpoint endpoint;
  const char* const end = digits.data() + digits.size();
  const auto [rest, failure] = std::from_chars(digits.data(), end, endpoint.port);
  if (failure != std::errc() || rest != end) refuse(address, "the port is no number up to 65535");
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const std::optional<IpAddress> ip = IpAddress::parse(host == "localhost" ? "127.0.0.1" : host);
  if (!ip) refuse(address, "the host is no IP address");
  endpoint.address = *ip;
  return *net::SocketAddress::from(endpoint);
}

net::Fd bind_socket(std::string_view address, const net::SocketAddress& where, bool shares_port) {
  net::Fd fd(::socket(where.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) refuse(address, std::strerror(errno));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (shares_port) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  if (::bind(fd.get(), where.get(), where.size) != 0) refuse(address, std::strerror(errno));
  return fd;
}

std::uint16_t bound_port(int fd) {
  net::SocketAddress address;
  ::getsockname(fd, address.get(), &address.size);
  return address.to_peer().port();
}

Listener::Listener(Worker& worker, net::Fd fd, std::shared_ptr<const ListenConfig> config)
    : worker_(worker), fd_(std::move(fd)), config_(std::move(config)), retry_(*this) {}

void Listener::open() {
  int error = ::listen(fd_.get(), SOMAXCONN) == 0 ? 0 : errno;
  if (error == 0) error = worker_.loop().poller().add_listener(fd_.get(), *this);
  if (error == 0) return;
  refuse(fmt::format("port {}", bound_port(fd_.get())), std::strerror(error));
}

void Listener::close() {
  while (accept_one()) {
  }
  retry_.clear();
  is_paused_ = false;
  fd_ = net::Fd();
}

void Listener::resume() noexcept {
  if (!is_paused_ || !fd_.valid()) return;
  is_paused_ = false;
  worker_.loop().poller().add_listener(fd_.get(), *this);
}

/// A connection of another worker may have closed, which does not resume us.
void Listener::retry() noexcept {
  if (is_paused_ && is_full()) {
    retry_.set(worker_.loop().timers(), worker_.loop().now() + kRetry);
  } else {
    resume();
  }
}

void Listener::pause() noexcept {
  if (is_paused_) return;
  is_paused_ = true;
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

bool Listener::accept_one() {
  if (!fd_.valid() || is_paused_) return false;
  if (is_full()) {
    pause();
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
