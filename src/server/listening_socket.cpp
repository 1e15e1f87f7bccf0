// SPDX-License-Identifier: Apache-2.0
#include "server/listening_socket.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "gatewaykit/core/error.hpp"

namespace gatewaykit::server {

namespace {

[[noreturn]] void refuse_address(std::string_view address, std::string_view reason) {
  throw ConfigError({fmt::format("cannot listen on '{}': {}", address, reason)});
}

constexpr std::string_view kUnix = "unix:";

net::SocketAddress parse_path(std::string_view address) {
  Connector::Endpoint endpoint;
  endpoint.path = address.substr(kUnix.size());
  const auto where = net::SocketAddress::from(endpoint);
  const bool is_path = !endpoint.path.empty() && endpoint.path.find('\0') == std::string::npos;
  if (!is_path) refuse_address(address, "expected unix:PATH");
  if (!where) refuse_address(address, "the path is too long for a socket");
  return *where;
}

void turn_on(int fd, int option) noexcept {
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, option, &on, sizeof(on));
}

}  // namespace

net::SocketAddress parse_listen_address(std::string_view address) {
  if (address.starts_with(kUnix)) return parse_path(address);
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos)
    refuse_address(address, "expected ADDRESS:PORT or unix:PATH");
  std::string_view host = address.substr(0, colon);
  const std::string_view digits = address.substr(colon + 1);
  Connector::Endpoint endpoint;
  const char* const end = digits.data() + digits.size();
  const auto [rest, failure] = std::from_chars(digits.data(), end, endpoint.port);
  if (failure != std::errc() || rest != end) {
    refuse_address(address, "the port is no number up to 65535");
  }
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const std::optional<IpAddress> ip = IpAddress::parse(host == "localhost" ? "127.0.0.1" : host);
  if (!ip) refuse_address(address, "the host is no IP address");
  endpoint.address = *ip;
  return *net::SocketAddress::from(endpoint);
}

void check_listen_address(std::string_view address) {
  if (is_inherited(address)) {
    check_inherited_address(address);
  } else {
    static_cast<void>(parse_listen_address(address));
  }
}

ListeningSocket::ListeningSocket(std::string_view address,
                                 std::shared_ptr<const ListenConfig> config)
    : address_(address), config_(std::move(config)), where_(parse_listen_address(address)) {
  if (is_unix()) {
    bind_path(address_.substr(kUnix.size()));
    return;
  }
  sockets_.push_back(bind(false));
  ::getsockname(sockets_.front().get(), where_.get(), &where_.size);
}

/// Whose predecessor still lives may fail yet: its path is not ours to remove before it serves.
ListeningSocket::ListeningSocket(std::string_view address,
                                 std::shared_ptr<const ListenConfig> config,
                                 std::vector<net::Fd> sockets)
    : address_(address),
      config_(std::move(config)),
      sockets_(std::move(sockets)),
      is_taken_over_(true) {
  ::getsockname(sockets_.front().get(), where_.get(), &where_.size);
  if (!address.starts_with(kUnix)) return;
  path_ = std::make_shared<UnixPath>(address_.substr(kUnix.size()));
  path_->leave();
}

/// The first one listens before it may share its port: it is refused where anybody else listens,
/// even one who would share.
std::vector<net::Fd> ListeningSocket::listen(std::size_t count) && {
  const bool is_one = is_taken_over_ || is_unix();
  if (!is_taken_over_) listen_on(sockets_.front());
  if (count > 1 && !is_one) turn_on(sockets_.front().get(), SO_REUSEPORT);
  while (sockets_.size() < count) {
    if (is_one) {
      sockets_.push_back(net::duplicate(sockets_.front().get()));
      if (!sockets_.back().valid()) refuse(std::strerror(errno));
    } else {
      sockets_.push_back(bind(true));
      listen_on(sockets_.back());
    }
  }
  for (const net::Fd& fd : sockets_) notice_absence(fd);
  return std::move(sockets_);
}

net::Fd ListeningSocket::bind(bool shares_port) const {
  net::Fd fd(::socket(where_.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) refuse(std::strerror(errno));
  if (!is_unix()) turn_on(fd.get(), SO_REUSEADDR);
  if (shares_port) turn_on(fd.get(), SO_REUSEPORT);
  // What is bound takes its permissions from the socket, so that there is no moment of others.
  if (config_->unix_mode) ::fchmod(fd.get(), *config_->unix_mode);
  if (::bind(fd.get(), where_.get(), where_.size) != 0) refuse(std::strerror(errno));
  return fd;
}

/// Listens at once: a socket that is bound alone looks like one that was left behind.
void ListeningSocket::bind_path(const std::string& path) {
  UnixPath::remove_stale(path);
  sockets_.push_back(bind(false));
  path_ = std::make_shared<UnixPath>(path);
  // The umask has taken some away.
  if (config_->unix_mode && ::chmod(path.c_str(), *config_->unix_mode) != 0) {
    refuse(std::strerror(errno));
  }
  listen_on(sockets_.front());
}

/// Connections take it from the socket that they came by. Most have time limits of their own, but
/// a tunnel may be silent for as long as both of its ends are there.
void ListeningSocket::notice_absence(const net::Fd& fd) const noexcept {
  if (is_unix()) return;
  turn_on(fd.get(), SO_KEEPALIVE);
  constexpr std::pair<int, int> kOptions[] = {
      {TCP_KEEPIDLE, 60}, {TCP_KEEPINTVL, 15}, {TCP_KEEPCNT, 4}};  // Seconds, and probes.
  for (const auto& [option, value] : kOptions) {
    ::setsockopt(fd.get(), IPPROTO_TCP, option, &value, sizeof(value));
  }
}

void ListeningSocket::listen_on(const net::Fd& fd) const {
  if (::listen(fd.get(), SOMAXCONN) != 0) refuse(std::strerror(errno));
}

void ListeningSocket::refuse(std::string_view reason) const { refuse_address(address_, reason); }

}  // namespace gatewaykit::server
