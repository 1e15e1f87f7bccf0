// SPDX-License-Identifier: Apache-2.0
#include "net/poller.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace gatewaykit::net {

Poller::Poller() : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_fd_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

Poller::~Poller() { close(epoll_fd_); }

int Poller::add(int fd, Pollable& pollable) noexcept {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &pollable;
  return epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

int Poller::add_listener(int fd, Pollable& pollable) noexcept {
  epoll_event event{};
  // Several workers may share a listening socket: a client wakes one of them.
  event.events = EPOLLIN | EPOLLEXCLUSIVE;
  event.data.ptr = &pollable;
  return epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

void Poller::remove(int fd) noexcept { epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr); }

int Poller::dispatch() noexcept {
  epoll_event events[kBatch];
  const int count = epoll_wait(epoll_fd_, events, kBatch, 0);
  for (int i = 0; i < count; ++i) {
    static_cast<Pollable*>(events[i].data.ptr)->on_events(events[i].events);
  }
  return count;
}

}  // namespace gatewaykit::net
