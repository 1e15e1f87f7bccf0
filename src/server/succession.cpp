// SPDX-License-Identifier: Apache-2.0
#include "server/succession.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "gatewaykit/core/error.hpp"

namespace gatewaykit::server {

namespace {

// The messages, one per packet. Their number is the version of the protocol.
constexpr std::string_view kMore = "gatewaykit 1 more";
constexpr std::string_view kLast = "gatewaykit 1 last";
constexpr std::string_view kServing = "gatewaykit 1 serving";
/// Linux takes 253 in a message (SCM_MAX_FD).
constexpr std::size_t kSocketsPerMessage = 250;
constexpr std::size_t kMostMessages = 64;

[[noreturn]] void refuse(const std::string& path, std::string_view reason) {
  throw ConfigError({fmt::format("succession at '{}': {}", path, reason)});
}

net::SocketAddress address_of(const std::string& path) {
  Connector::Endpoint endpoint;
  endpoint.path = path;
  const auto address = net::SocketAddress::from(endpoint);
  if (!address || path.find('\0') != std::string::npos) refuse(path, "that is no path of a socket");
  return *address;
}

net::Fd packet_socket() { return net::Fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)); }

bool is_own_user(int fd) noexcept {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == ::geteuid() || peer.uid == 0;
}

/// A message with room for descriptors.
struct Message {
  Message(char* text, std::size_t size) noexcept : vector{text, size} {
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  iovec vector;
  msghdr header{};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kSocketsPerMessage)] = {};
};

bool send_message(int connection, std::string_view text, const net::Fd* sockets,
                  std::size_t count) noexcept {
  Message message(const_cast<char*>(text.data()), text.size());
  message.header.msg_controllen = count == 0 ? 0 : CMSG_SPACE(sizeof(int) * count);
  if (count > 0) {
    cmsghdr* const part = CMSG_FIRSTHDR(&message.header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int) * count);
    for (std::size_t i = 0; i < count; ++i) {
      const int fd = sockets[i].get();
      std::memcpy(CMSG_DATA(part) + i * sizeof(int), &fd, sizeof(int));
    }
  }
  return ::sendmsg(connection, &message.header, MSG_NOSIGNAL | MSG_DONTWAIT) ==
         static_cast<ssize_t>(text.size());
}

void take_sockets(msghdr& header, std::vector<net::Fd>& sockets) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      sockets.emplace_back(fd);
    }
  }
}

/// The next message's text; empty where none came.
std::string receive_message(int connection, std::vector<net::Fd>& sockets) {
  char text[64];
  Message message(text, sizeof(text));
  const ssize_t size = ::recvmsg(connection, &message.header, MSG_CMSG_CLOEXEC);
  take_sockets(message.header, sockets);
  const bool is_cut = (message.header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  return size <= 0 || is_cut ? std::string() : std::string(text, static_cast<std::size_t>(size));
}

bool listens_on(const net::Fd& socket, const net::SocketAddress& where) noexcept {
  net::SocketAddress own;
  if (::getsockname(socket.get(), own.get(), &own.size) != 0) return false;
  return own == where;
}

}  // namespace

Heritage Heritage::claim(const std::string& path) {
  Heritage heritage;
  const net::SocketAddress where = address_of(path);
  net::Fd connection = packet_socket();
  if (::connect(connection.get(), where.get(), where.size) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return heritage;
    refuse(path, std::strerror(errno));
  }
  if (!is_own_user(connection.get())) refuse(path, "it is another user's");
  const timeval patience{5, 0};
  ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  for (std::size_t i = 0; i < kMostMessages; ++i) {
    const std::string text = receive_message(connection.get(), heritage.sockets_);
    if (text == kLast) {
      heritage.connection_ = std::move(connection);
      return heritage;
    }
    if (text != kMore) break;
  }
  refuse(path, "the gateway that runs there hands nothing over");
}

std::vector<net::Fd> Heritage::take(const net::SocketAddress& where) {
  const auto rest =
      std::stable_partition(sockets_.begin(), sockets_.end(),
                            [&where](const net::Fd& each) { return !listens_on(each, where); });
  std::vector<net::Fd> taken(std::make_move_iterator(rest),
                             std::make_move_iterator(sockets_.end()));
  sockets_.erase(rest, sockets_.end());
  return taken;
}

void Heritage::tell_serving() {
  if (connection_.valid()) send_message(connection_.get(), kServing, nullptr, 0);
}

/// The connection of a process that has been sent the sockets.
class Bequest::Successor final : private net::Pollable {
 public:
  Successor(Bequest& bequest, net::Fd fd) : bequest_(bequest), fd_(std::move(fd)) {
    bequest_.loop_.poller().add_listener(fd_.get(), *this);
  }

 private:
  void on_events(std::uint32_t /*events*/) noexcept override {
    char text[64];
    const ssize_t size = ::recv(fd_.get(), text, sizeof(text), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    Bequest& bequest = bequest_;
    const bool is_serving =
        size > 0 && std::string_view(text, static_cast<std::size_t>(size)) == kServing;
    bequest.successor_.reset();
    if (is_serving) bequest.served();
  }

  Bequest& bequest_;
  net::Fd fd_;
};

/// Under another name first: the path never shows a socket that nobody listens on.
Bequest::Bequest(net::Loop& loop, const std::string& path, Estate estate, const LogSink& log,
                 Function<void()> on_served)
    : loop_(loop),
      path_(path),
      estate_(std::move(estate)),
      log_(log),
      on_served_(std::move(on_served)),
      fd_(packet_socket()) {
  struct stat present {};
  if (::lstat(path.c_str(), &present) == 0 && !S_ISSOCK(present.st_mode)) {
    refuse(path, "there is something else than a socket");
  }
  const std::string new_path = fmt::format("{}.{}", path, ::getpid());
  const net::SocketAddress where = address_of(new_path);
  ::unlink(new_path.c_str());
  ::fchmod(fd_.get(), S_IRUSR | S_IWUSR);
  const bool is_placed = ::bind(fd_.get(), where.get(), where.size) == 0 &&
                         ::listen(fd_.get(), 8) == 0 &&
                         ::rename(new_path.c_str(), path.c_str()) == 0;
  if (!is_placed) {
    const int error = errno;
    ::unlink(new_path.c_str());
    refuse(path, std::strerror(error));
  }
  name_ = std::make_unique<UnixPath>(path);
  const int error = loop_.poller().add_listener(fd_.get(), *this);
  if (error != 0) refuse(path, std::strerror(error));
}

Bequest::~Bequest() = default;

void Bequest::on_events(std::uint32_t /*events*/) noexcept {
  net::Fd connection(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!connection.valid() || successor_ != nullptr) return;
  if (is_own_user(connection.get()) && send_sockets(connection.get())) {
    successor_ = std::make_unique<Successor>(*this, std::move(connection));
  } else {
    log_(LogLevel::warning, fmt::format("succession at '{}': a process was refused", path_));
  }
}

bool Bequest::send_sockets(int connection) const noexcept {
  const net::Fd* next = estate_.sockets.data();
  std::size_t left = estate_.sockets.size();
  while (left > kSocketsPerMessage) {
    if (!send_message(connection, kMore, next, kSocketsPerMessage)) return false;
    next += kSocketsPerMessage;
    left -= kSocketsPerMessage;
  }
  return send_message(connection, kLast, next, left);
}

void Bequest::served() noexcept {
  for (const std::shared_ptr<UnixPath>& path : estate_.paths) path->leave();
  log_(LogLevel::info, "a successor serves: draining");
  on_served_();
}

}  // namespace gatewaykit::server
