// SPDX-License-Identifier: Apache-2.0
#include "server/proxy_header.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <utility>

#include "codec/proxy_protocol.hpp"
#include "server/newcomer.hpp"
#include "server/worker.hpp"

namespace gatewaykit::server {

namespace {

using codec::ParseResult;

/// Watches a socket that is to become somebody else's.
class Watch final : private net::Pollable {
 public:
  Watch(net::Poller& poller, int fd) noexcept : poller_(poller), fd_(fd) {
    is_registered_ = poller_.add(fd_, *this) == 0;
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    if (is_registered_) poller_.remove(fd_);
  }
  bool ok() const noexcept { return is_registered_; }
  Event& happened() noexcept { return happened_; }

 private:
  void on_events(std::uint32_t /*events*/) noexcept override {
    if (happened_.has_waiter()) happened_.set();
  }

  net::Poller& poller_;
  const int fd_;
  bool is_registered_;
  Event happened_;
};

/// Takes what has come of the header. What lies behind it is looked at, and left.
ParseResult advance(int fd, codec::ProxyHeaderParser& parser) {
  char bytes[1024];
  for (;;) {
    const ssize_t size = ::recv(fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return ParseResult::need_more;
    if (size <= 0) return ParseResult::failed;
    const auto step = parser.next({bytes, static_cast<std::size_t>(size)});
    const ssize_t taken = ::recv(fd, bytes, step.consumed, MSG_DONTWAIT);
    if (taken != static_cast<ssize_t>(step.consumed)) return ParseResult::failed;
    if (step.result != ParseResult::need_more) return step.result;
  }
}

Task<std::optional<Peer>> read_header(net::Poller& poller, int fd, Peer own, TimePoint deadline) {
  Watch watch(poller, fd);
  if (!watch.ok()) co_return std::nullopt;
  codec::ProxyHeaderParser parser;
  for (;;) {
    const ParseResult result = advance(fd, parser);
    if (result == ParseResult::failed) co_return std::nullopt;
    if (result == ParseResult::done) break;
    const Wake wake = co_await watch.happened().wait(deadline);
    if (wake != Wake::signalled) co_return std::nullopt;
  }
  co_return parser.source().value_or(std::move(own));
}

}  // namespace

Task<std::optional<Peer>> learn_client(Worker& worker, int fd, Peer own,
                                       const ListenConfig& config) {
  if (!config.trusts(own)) co_return std::nullopt;
  const TimePoint deadline = worker.loop().now() + config.limits.header_timeout;
  Newcomer newcomer(worker);
  net::Poller& poller = worker.loop().poller();
  co_return co_await read_header(poller, fd, std::move(own), deadline).under(newcomer.scope());
}

}  // namespace gatewaykit::server
