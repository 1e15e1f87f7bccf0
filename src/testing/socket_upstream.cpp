// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/testing/socket_upstream.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <exception>
#include <list>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace gatewaykit::testing {

namespace detail {

/// A descriptor that its owner's thread uses and closes, and that another one may shut down.
struct SharedSocket {
  explicit SharedSocket(int socket) noexcept : fd(socket) {}
  SharedSocket(const SharedSocket&) = delete;
  SharedSocket& operator=(const SharedSocket&) = delete;
  ~SharedSocket() { close(); }

  void close() noexcept {
    const std::lock_guard lock(mutex);
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  void shut_down() noexcept {
    const std::lock_guard lock(mutex);
    if (fd >= 0) ::shutdown(fd, SHUT_RDWR);
  }

  std::mutex mutex;
  int fd;
};

struct SocketCounters {
  std::atomic<std::size_t> connections{0};
  std::atomic<std::size_t> open{0};
  std::atomic<std::size_t> messages{0};
  std::atomic<std::uint64_t> bytes_in{0};
  std::atomic<std::uint64_t> bytes_out{0};
};

}  // namespace detail

namespace {

constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(30);
constexpr std::size_t kReadSize = std::size_t{64} * 1024;

[[noreturn]] void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

template <class Value>
void set_option(int fd, int level, int name, const Value& value) {
  if (::setsockopt(fd, level, name, &value, sizeof(value)) != 0) throw_errno("setsockopt");
}

std::shared_ptr<detail::SharedSocket> make_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw_errno("socket");
  return std::make_shared<detail::SharedSocket>(fd);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// Threads that start meanwhile take no signal: those belong to what is tested.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

// --- SocketPeer

SocketPeer::SocketPeer(std::shared_ptr<detail::SharedSocket> socket,
                       std::shared_ptr<detail::SocketCounters> counters,
                       WireReader::Kind kind) noexcept
    : socket_(std::move(socket)), counters_(std::move(counters)), reader_(kind) {}
SocketPeer::SocketPeer(SocketPeer&& other) noexcept = default;
SocketPeer& SocketPeer::operator=(SocketPeer&& other) noexcept = default;

SocketPeer::~SocketPeer() {
  if (socket_ != nullptr) socket_->close();
}

SocketPeer SocketPeer::dial(std::uint16_t port) {
  SocketPeer peer(make_socket(), std::make_shared<detail::SocketCounters>(),
                  WireReader::Kind::responses);
  const sockaddr_in address = loopback(port);
  const int fd = peer.socket_->fd;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    throw_errno("connect");
  }
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  peer.set_patience(kPatience);
  return peer;
}

bool SocketPeer::receive(std::string& bytes) {
  bytes.resize(kReadSize);
  ssize_t count = 0;
  do {
    count = ::recv(socket_->fd, bytes.data(), bytes.size(), 0);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    throw std::runtime_error("the peer sent nothing for too long");
  }
  if (count < 0) was_reset_ = true;
  bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  counters_->bytes_in += bytes.size();
  return !bytes.empty();
}

// False at the peer's end.
bool SocketPeer::receive() {
  std::string bytes;
  if (receive(bytes)) {
    reader_.feed(bytes);
    return true;
  }
  if (!was_reset_) reader_.feed_end();
  return false;
}

WireMessage SocketPeer::read_message() {
  while (!reader_.message().is_complete && receive()) {
  }
  WireMessage message = reader_.take();
  if (message.is_complete) ++counters_->messages;
  return message;
}

WireMessage SocketPeer::read_head() {
  while (!reader_.has_head() && receive()) {
  }
  return reader_.message();
}

std::string SocketPeer::read_bytes() {
  std::string bytes = reader_.take_rest();
  if (bytes.empty()) receive(bytes);
  return bytes;
}

void SocketPeer::wait_for_end() {
  std::string bytes;
  while (receive(bytes)) {
  }
}

bool SocketPeer::write(std::string_view bytes) {
  // Counted ahead: a peer that has read them may look at the count at once.
  counters_->bytes_out += bytes.size();
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      throw std::runtime_error("the peer took nothing in for too long");
    }
    if (count < 0) {
      was_reset_ = true;
      counters_->bytes_out -= bytes.size();
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void SocketPeer::shut_down() { ::shutdown(socket_->fd, SHUT_WR); }

void SocketPeer::close() { socket_->close(); }

void SocketPeer::reset() {
  set_option(socket_->fd, SOL_SOCKET, SO_LINGER, linger{1, 0});
  socket_->close();
}

void SocketPeer::set_patience(std::chrono::milliseconds patience) {
  timeval time{};
  time.tv_sec = static_cast<decltype(time.tv_sec)>(patience.count() / 1000);
  time.tv_usec = static_cast<decltype(time.tv_usec)>(patience.count() % 1000 * 1000);
  set_option(socket_->fd, SOL_SOCKET, SO_RCVTIMEO, time);
  set_option(socket_->fd, SOL_SOCKET, SO_SNDTIMEO, time);
}

void SocketPeer::set_buffers(int receive_bytes, int send_bytes) {
  set_option(socket_->fd, SOL_SOCKET, SO_RCVBUF, receive_bytes);
  set_option(socket_->fd, SOL_SOCKET, SO_SNDBUF, send_bytes);
}

// --- SocketUpstream

class SocketUpstream::Impl {
 public:
  explicit Impl(Script its_script) : script(std::move(its_script)) {
    const int fd = listener->fd;
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0) throw_errno("bind");
    if (::listen(fd, SOMAXCONN) != 0) throw_errno("listen");
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw_errno("getsockname");
    }
    port = ntohs(address.sin_port);
    const SignalsBlocked blocked;
    acceptor = std::thread([this] { accept_all(); });
  }

  void stop() {
    if (is_stopping.exchange(true)) return;
    listener->shut_down();
    acceptor.join();
    listener->close();
    for (Connection& connection : open) connection.socket->shut_down();
    for (Connection& connection : open) connection.thread.join();
    open.clear();
  }

  Script script;
  std::shared_ptr<detail::SharedSocket> listener = make_socket();
  std::shared_ptr<detail::SocketCounters> counters = std::make_shared<detail::SocketCounters>();
  std::uint16_t port = 0;
  std::atomic<bool> is_stopping{false};

  mutable std::mutex mutex;  // Guards what follows.
  std::vector<std::string> failures;

 private:
  struct Connection {
    std::shared_ptr<detail::SharedSocket> socket;
    std::atomic<bool> has_ended{false};
    std::thread thread;
  };

  void accept_all() {
    while (!is_stopping) {
      const int fd = ::accept4(listener->fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;  // Aborted by its client, or shut down by stop().
      open.remove_if([](Connection& connection) {
        if (!connection.has_ended) return false;
        connection.thread.join();
        return true;
      });
      ++counters->connections;
      ++counters->open;
      Connection& connection = open.emplace_back();
      connection.socket = std::make_shared<detail::SharedSocket>(fd);
      connection.thread = std::thread([this, &connection] { serve(connection); });
    }
  }

  void serve(Connection& connection) {
    {
      // Closed last: a failure is told before the other side can see the end.
      SocketPeer peer(connection.socket, counters, WireReader::Kind::requests);
      try {
        set_option(connection.socket->fd, IPPROTO_TCP, TCP_NODELAY, 1);
        peer.set_patience(kPatience);
        script(peer);
      } catch (const std::exception& failure) {
        const std::lock_guard lock(mutex);
        if (!is_stopping) failures.emplace_back(failure.what());
      }
    }
    --counters->open;
    connection.has_ended = true;
  }

  std::thread acceptor;
  std::list<Connection> open;  // The acceptor's, then stop()'s.
};

SocketUpstream::SocketUpstream(Script script) : impl_(std::make_unique<Impl>(std::move(script))) {}

SocketUpstream::SocketUpstream(std::string response)
    : SocketUpstream(Script([response = std::move(response)](SocketPeer& peer) {
        while (peer.read_message().is_complete && peer.write(response)) {
        }
      })) {}

SocketUpstream::~SocketUpstream() { stop(); }

std::uint16_t SocketUpstream::port() const noexcept { return impl_->port; }

std::string SocketUpstream::url() const { return "http://127.0.0.1:" + std::to_string(port()); }

void SocketUpstream::stop() { impl_->stop(); }

std::size_t SocketUpstream::connections() const noexcept { return impl_->counters->connections; }

std::size_t SocketUpstream::open_connections() const noexcept { return impl_->counters->open; }

std::size_t SocketUpstream::requests() const noexcept { return impl_->counters->messages; }

std::uint64_t SocketUpstream::bytes_in() const noexcept { return impl_->counters->bytes_in; }

std::uint64_t SocketUpstream::bytes_out() const noexcept { return impl_->counters->bytes_out; }

std::vector<std::string> SocketUpstream::failures() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->failures;
}

}  // namespace gatewaykit::testing
