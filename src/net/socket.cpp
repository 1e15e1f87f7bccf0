// SPDX-License-Identifier: Apache-2.0
#include "net/socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace gatewaykit::net {

namespace {

// The C library's own wrappers are cancellation points (pthread_cancel): in a process with several
// threads each call pays two locked instructions for what nobody here may use.
ssize_t receive_now(int fd, char* into, std::size_t size) noexcept {
  return ::syscall(SYS_recvfrom, fd, into, size, 0, nullptr, nullptr);
}

ssize_t send_now(int fd, const iovec* vectors, int count) noexcept {
  if (count == 1) {
    return ::syscall(SYS_sendto, fd, vectors->iov_base, vectors->iov_len, MSG_NOSIGNAL, nullptr, 0);
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(vectors);
  message.msg_iovlen = static_cast<std::size_t>(count);
  return ::syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Fd duplicate(int fd) noexcept { return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

std::optional<SocketAddress> SocketAddress::from(const Connector::Endpoint& endpoint) noexcept {
  SocketAddress result;
  if (!endpoint.path.empty()) {
    auto& un = reinterpret_cast<sockaddr_un&>(result.storage);
    if (endpoint.path.size() >= sizeof(un.sun_path)) return std::nullopt;
    un.sun_family = AF_UNIX;
    std::memcpy(un.sun_path, endpoint.path.data(), endpoint.path.size());
    result.size =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + endpoint.path.size() + 1);
    return result;
  }
  const std::string_view bytes = endpoint.address.bytes();
  if (endpoint.address.is_v6()) {
    auto& in6 = reinterpret_cast<sockaddr_in6&>(result.storage);
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(endpoint.port);
    std::memcpy(&in6.sin6_addr, bytes.data(), bytes.size());
    result.size = sizeof(in6);
  } else {
    auto& in = reinterpret_cast<sockaddr_in&>(result.storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    std::memcpy(&in.sin_addr, bytes.data(), bytes.size());
    result.size = sizeof(in);
  }
  return result;
}

bool SocketAddress::operator==(const SocketAddress& other) const noexcept {
  if (storage.ss_family != other.storage.ss_family) return false;
  if (storage.ss_family == AF_UNIX) {
    const auto& own = reinterpret_cast<const sockaddr_un&>(storage);
    const auto& others = reinterpret_cast<const sockaddr_un&>(other.storage);
    return std::strncmp(own.sun_path, others.sun_path, sizeof(own.sun_path)) == 0;
  }
  const Peer own = to_peer();
  const Peer others = other.to_peer();
  return own.ip() == others.ip() && own.port() == others.port();
}

Peer SocketAddress::to_peer() const {
  if (storage.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(storage);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &in.sin_addr, bytes.size());
    return Peer(IpAddress::v4(bytes), ntohs(in.sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(storage);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &in6.sin6_addr, bytes.size());
    return Peer(IpAddress::v6(bytes), ntohs(in6.sin6_port));
  }
  return {};
}

SocketStream::SocketStream(Fd fd, Poller& poller) noexcept : fd_(std::move(fd)) {
  registered_ = poller.add(fd_.get(), *this) == 0;
}

IoResult SocketStream::receive(char* into, std::size_t size) noexcept {
  if (!may_receive_) return {IoResult::Kind::would_block};
  ssize_t count = 0;
  do {
    count = receive_now(fd_.get(), into, size);
  } while (count < 0 && errno == EINTR);
  if (count > 0) {
    // Short: drained, until the poller says otherwise. Not so once the peer's FIN was seen, which
    // is announced only once.
    if (static_cast<std::size_t>(count) < size && !half_closed_) may_receive_ = false;
    return {IoResult::Kind::bytes, static_cast<std::size_t>(count)};
  }
  if (count == 0) return {IoResult::Kind::end};
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    may_receive_ = false;
    return {IoResult::Kind::would_block};
  }
  return {IoResult::Kind::failed, 0, errno};
}

IoResult SocketStream::send(const iovec* vectors, int count) noexcept {
  if (!may_send_) return {IoResult::Kind::would_block};
  ssize_t sent = 0;
  do {
    sent = send_now(fd_.get(), vectors, count);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return {IoResult::Kind::bytes, static_cast<std::size_t>(sent)};
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    may_send_ = false;
    return {IoResult::Kind::would_block};
  }
  return {IoResult::Kind::failed, 0, errno};
}

void SocketStream::shutdown_send() noexcept { ::shutdown(fd_.get(), SHUT_WR); }

void SocketStream::reset_on_close() noexcept {
  const linger abort{1, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
}

std::size_t SocketStream::unconfirmed() const noexcept {
  int bytes = 0;
  return ::ioctl(fd_.get(), SIOCOUTQ, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

void SocketStream::on_events(std::uint32_t events) noexcept {
  const bool gone = (events & (EPOLLHUP | EPOLLERR)) != 0;
  if (gone || (events & (EPOLLIN | EPOLLRDHUP)) != 0) wake_reader();
  if (gone || (events & EPOLLOUT) != 0) wake_writer();
  if ((events & EPOLLRDHUP) != 0) half_closed_ = true;
  StreamObserver* const observer = observer_;
  if (observer == nullptr) return;
  // The observer may destroy this stream: nothing of it is touched from here on.
  if (gone) {
    observer->on_disconnect();
  } else if ((events & EPOLLRDHUP) != 0) {
    observer->on_half_close();
  } else if ((events & EPOLLIN) != 0) {
    observer->on_readable();
  }
}

void set_no_delay(int fd) noexcept {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

}  // namespace gatewaykit::net
