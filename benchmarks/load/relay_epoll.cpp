// SPDX-License-Identifier: Apache-2.0
//
// The floor: the least that any proxy on this kernel can cost. A bare TCP relay on one
// edge-triggered epoll set that parses nothing: one connection to the target per client, two
// receives and two sends per request. One thread.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support.hpp"

namespace gatewaykit::bench {
namespace {

struct Pair;

struct Side {
  int fd = -1;
  Pair* pair = nullptr;
  std::string unsent;     // what this socket could not take yet
  bool finished = false;  // it will send no more bytes, and its peer knows
};

struct Pair {
  Side client;
  Side target;
  bool closed = false;

  ~Pair() {
    close(client.fd);
    close(target.fd);
  }
  Side& peer_of(const Side& side) { return &side == &client ? target : client; }
};

class Relay {
 public:
  Relay(int listener, const sockaddr_in& target) : listener_(listener), target_(target) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (epoll_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) != 0) die("epoll");
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events;
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
      ended_.clear();  // only now: a later event of the batch may have named the same pair
    }
  }

 private:
  void handle(const epoll_event& event) {
    if (event.data.ptr == nullptr) return accept_all();
    Side& side = *static_cast<Side*>(event.data.ptr);
    Pair& pair = *side.pair;
    if (pair.closed) return;
    const bool half_closed = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if ((event.events & EPOLLOUT) != 0 && !side.unsent.empty()) flush(side);
    if ((event.events & EPOLLIN) != 0 || half_closed) pump(side, half_closed);
    if (pair.client.finished && pair.target.finished) end(pair);
  }

  // Moves what `from` has to its peer. A short receive means that the socket is drained: the next
  // byte raises a new edge, so asking again for EAGAIN would be a wasted call. An end of stream
  // that is already there raises none, hence `to_the_end`.
  void pump(Side& from, bool to_the_end) {
    Side& to = from.pair->peer_of(from);
    while (to.unsent.empty() && !from.finished) {
      const ssize_t got = recv(from.fd, buffer_.data(), buffer_.size(), 0);
      if (got < 0 && errno == EAGAIN) return;
      if (got < 0) return end(*from.pair);
      if (got == 0) {
        from.finished = true;
        shutdown(to.fd, SHUT_WR);
        return;
      }
      send_or_keep(to, {buffer_.data(), static_cast<std::size_t>(got)});
      if (static_cast<std::size_t>(got) < buffer_.size() && !to_the_end) return;
    }
  }

  void send_or_keep(Side& to, std::string_view bytes) {
    const ssize_t sent = send(to.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return end(*to.pair);
    bytes.remove_prefix(sent < 0 ? 0 : static_cast<std::size_t>(sent));
    if (!bytes.empty()) to.unsent.assign(bytes);
  }

  void flush(Side& to) {
    const std::string waiting = std::exchange(to.unsent, {});
    send_or_keep(to, waiting);
    if (to.unsent.empty()) pump(to.pair->peer_of(to), true);
  }

  void accept_all() {
    for (int fd = accept_client(listener_); fd >= 0; fd = accept_client(listener_)) {
      auto* const pair = new Pair;  // owned by its two registrations, freed through end()
      pair->client.fd = fd;
      pair->target.fd = start_connect(target_);
      for (Side* side : {&pair->client, &pair->target}) {
        side->pair = pair;
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        event.data.ptr = side;
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, side->fd, &event) != 0) die("epoll_ctl");
      }
    }
  }

  void end(Pair& pair) {
    if (std::exchange(pair.closed, true)) return;
    ended_.emplace_back(&pair);
  }

  int listener_;
  sockaddr_in target_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::unique_ptr<Pair>> ended_;
  std::array<char, 64 * 1024> buffer_;
};

}  // namespace
}  // namespace gatewaykit::bench

int main(int argc, char** argv) {
  using namespace gatewaykit::bench;
  std::string listen = "127.0.0.1:0";
  std::string to;
  parse_flags(
      argc, argv, "A bare epoll TCP relay: the floor of the benchmarks",
      {{"--listen", &listen, "address to listen on"}, {"--to", &to, "address of the target"}});
  exit_on_signals();
  const sockaddr_in target = parse_address(to);
  Relay(listen_on(listen), target).run();
}
