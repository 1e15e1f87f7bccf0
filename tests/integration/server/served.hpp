// SPDX-License-Identifier: Apache-2.0
// Served: a gateway on a free port of the loopback interface, as a test's clients meet it, with a
// record of how each exchange ended. Clients are SocketPeers, targets SocketUpstreams.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gatewaykit/middleware/proxy.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/routing/router.hpp"
#include "gatewaykit/server/gateway.hpp"
#include "gatewaykit/testing/socket_upstream.hpp"
#include "gatewaykit/upstream/upstream_pool.hpp"

namespace gatewaykit::testing {

constexpr std::string_view kSmallAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What on_complete said, copied so that it outlives the exchange.
struct Ended {
  std::string target;
  int status;
  std::optional<Errc> error;
  std::uint64_t bytes_in;
  std::uint64_t bytes_out;
};

/// The ends of exchanges, in their order. Any thread.
class Endings {
 public:
  void add(Ended ended) {
    const std::lock_guard lock(mutex_);
    ended_.push_back(std::move(ended));
    arrived_.notify_all();
  }
  /// The next one; waits for it and throws after 30 s without.
  Ended next() {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, std::chrono::seconds(30), [this] { return !ended_.empty(); })) {
      throw std::runtime_error("no exchange has ended");
    }
    Ended ended = std::move(ended_.front());
    ended_.pop_front();
    return ended;
  }
  std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return ended_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Ended> ended_;
};

/// Something that one thread waits for and another one does.
class Signal {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    is_set_ = true;
    changed_.notify_all();
  }
  /// Throws after 30 s.
  void wait() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(30), [this] { return is_set_; })) {
      throw std::runtime_error("waited too long");
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_set_ = false;
};

inline UpstreamOptions upstream_of(const SocketUpstream& origin) {
  UpstreamOptions options;
  options.targets = {UpstreamTarget(origin.url())};
  return options;
}

/// Answers GET / with `content`.
inline Router answering(std::string content) {
  Router router;
  router.get("/", [content = std::move(content)](Context&) -> Task<Response> {
    co_return Response::text(Status::ok, content);
  });
  return router;
}

/// Forwards every request to `origin`.
inline Router forwarding_to(const SocketUpstream& origin) {
  Router router;
  router.any("/*", proxy(UpstreamPool(upstream_of(origin))));
  return router;
}

/// Answers each request with its own target as content.
inline void echo_targets(SocketPeer& gateway) {
  for (;;) {
    const WireMessage request = gateway.read_message();
    if (!request.is_complete) return;
    const std::string target = request.target();
    gateway.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(target.size()) +
                  "\r\n\r\n" + target);
  }
}

/// A target that keeps the requests it got.
class Recorder {
 public:
  explicit Recorder(std::string answer = std::string(kSmallAnswer))
      : origin_([this, answer](SocketPeer& gateway) {
          for (;;) {
            WireMessage request = gateway.read_message();
            if (!request.is_complete) return;
            {
              const std::lock_guard lock(mutex_);
              requests_.push_back(std::move(request));
            }
            gateway.write(answer);
          }
        }) {}

  SocketUpstream& origin() noexcept { return origin_; }
  std::vector<WireMessage> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  WireMessage last() const { return requests().back(); }

 private:
  mutable std::mutex mutex_;
  std::vector<WireMessage> requests_;
  SocketUpstream origin_;
};

/// Started when made, stopped when it goes.
class Served {
 public:
  explicit Served(Router router, ListenOptions listen = {}, GatewayOptions options = {})
      : gateway_(record(std::move(router), endings_), std::move(options)),
        port_(gateway_.listen("127.0.0.1:0", std::move(listen))) {
    gateway_.start();
  }

  Gateway& gateway() noexcept { return gateway_; }
  std::uint16_t port() const noexcept { return port_; }
  Endings& endings() noexcept { return *endings_; }
  SocketPeer dial() const { return SocketPeer::dial(port_); }

  /// One request on a connection of its own, and its answer.
  WireMessage ask(std::string_view request) const {
    SocketPeer client = dial();
    client.write(request);
    return client.read_message();
  }
  WireMessage get(std::string_view target) const {
    return ask("GET " + std::string(target) + " HTTP/1.1\r\nHost: a.test\r\n\r\n");
  }

 private:
  /// Adds a layer that takes down how exchanges end; inside the router's own.
  static Router record(Router router, const std::shared_ptr<Endings>& endings) {
    router.use([endings](Context& ctx, Next next) -> Task<Response> {
      ctx.on_complete([endings](const Context& context, const Outcome& outcome) {
        endings->add({std::string(context.request().target), code(outcome.status),
                      outcome.error == nullptr ? std::nullopt : std::optional(outcome.error->code),
                      outcome.bytes_in, outcome.bytes_out});
      });
      co_return co_await next(ctx);
    });
    return router;
  }

  std::shared_ptr<Endings> endings_ = std::make_shared<Endings>();
  Gateway gateway_;
  std::uint16_t port_;
};

}  // namespace gatewaykit::testing
