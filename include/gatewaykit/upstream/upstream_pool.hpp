// SPDX-License-Identifier: Apache-2.0
// UpstreamPool: the targets of one service and the connections to them. `send` does one exchange:
// chooses a target, reuses or opens a connection, streams the request, answers at the response
// head. A cheap handle; connections belong to the worker that opened them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/core/result.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/export.hpp"
#include "gatewaykit/http/request.hpp"
#include "gatewaykit/http/response.hpp"
#include "gatewaykit/http/version.hpp"
#include "gatewaykit/upstream/tls.hpp"

namespace gatewaykit {

class Context;

/// How a target is chosen among those that are not ejected. All but `random` and
/// `least_requests` keep their state per worker.
enum class Balance : std::uint8_t {
  least_requests,  ///< The less busy of two random ones, by requests in flight over weight.
  round_robin,     ///< Smooth weighted round robin.
  random,          ///< By weight alone.
};

/// One target: "http://HOST[:PORT]" or "https://HOST[:PORT]", HOST a name, an address or "[v6]",
/// and no path; or "unix:PATH".
struct UpstreamTarget {
  UpstreamTarget(const char* target_url) : UpstreamTarget(std::string(target_url)) {}
  UpstreamTarget(std::string target_url, std::uint32_t target_weight = 1)
      : url(std::move(target_url)), weight(target_weight) {}

  std::string url;
  std::uint32_t weight;  ///< 1 to 65535: its share relative to the others'.
};

/// Per phase of one attempt; `total` is over all attempts and includes the response body.
struct UpstreamTimeouts {
  Duration connect = std::chrono::seconds(1);
  Duration first_byte = std::chrono::seconds(30);  ///< Request sent to response head complete.
  Duration idle = std::chrono::seconds(60);        ///< Between two pieces of a body, either way.
  std::optional<Duration> total = std::nullopt;
};

/// When an exchange is tried again (RFC 9110 section 9.2.2): what was provably not sent, and
/// idempotent methods whose body is empty or still held (64 KiB at most).
struct RetryPolicy {
  std::uint32_t attempts = 1;  ///< Beyond the first.
  /// Retries per request over the last while, at most; ten a second are always allowed.
  double budget = 0.2;
};

/// Passive health: a target that keeps failing (connect, timeout, broken answer) is left out for a
/// while that doubles each time. With all of them ejected, all are used: some answer beats none.
/// The pool's own timeouts count, a client that leaves and a shorter deadline of the route do not.
struct EjectionPolicy {
  std::uint32_t consecutive_failures = 3;
  Duration base = std::chrono::seconds(1);
  Duration longest = std::chrono::seconds(30);
};

/// Which targets are spoken to in HTTP/2 (RFC 9113).
enum class Http2Use : std::uint8_t {
  never,
  automatic,  ///< Those with an https URL that choose it by ALPN; the others speak HTTP/1.1.
  always,     ///< All: without being asked in clear text; a failure over TLS where not chosen.
};

/// The version of HAProxy's PROXY protocol in which a target is told of the client, if at all.
enum class ProxyProtocol : std::uint8_t { none, v1, v2 };

struct UpstreamOptions {
  std::string name = {};
  std::vector<UpstreamTarget> targets = {};
  Balance balance = Balance::least_requests;
  /// Short for timeouts.total; giving both is a ConfigError.
  std::optional<Duration> timeout = std::nullopt;
  UpstreamTimeouts timeouts = {};
  RetryPolicy retries = {};
  EjectionPolicy ejection = {};
  /// Per target and worker.
  std::size_t max_connections = 1024;
  /// As many as may be open: fewer would be opened and closed all the time by load that comes in
  /// bursts. `keep_alive` closes those that are not needed. With 0 none of HTTP/2 is kept either.
  std::size_t max_idle_connections = 1024;
  /// How long an unused connection is kept; below the targets' own keep-alive time.
  Duration keep_alive = std::chrono::seconds(50);
  /// Requests that wait for a connection when max_connections are busy (of HTTP/2: full), per
  /// target and worker.
  std::size_t queue = 1024;
  Duration queue_timeout = std::chrono::seconds(1);
  /// Names are resolved again this often; the last good addresses stay in use meanwhile.
  Duration dns_interval = std::chrono::seconds(30);
  /// For targets with an https URL.
  UpstreamTls tls = {};
  Http2Use http2 = Http2Use::automatic;
  /// Exchanges at a time on one connection of HTTP/2; fewer where the target allows fewer. Another
  /// connection is opened when all have so many.
  std::uint32_t http2_streams = 100;
  /// Each connection begins with a header, ahead of TLS, in which its target reads the client's
  /// address (`ctx.client()`; the port, where the client is the peer) and its own. Since a
  /// connection then belongs to one client, each exchange has one of its own: none is kept.
  ProxyProtocol proxy_protocol = ProxyProtocol::none;
};

/// A moment's view of a pool, over all workers.
struct PoolStats {
  struct Target {
    std::string url;
    std::uint64_t requests;
    std::uint64_t failures;
    std::uint32_t in_flight;
    std::uint32_t connections;
    bool ejected;
  };
  std::vector<Target> targets;
  std::uint64_t retries;
};

/// What an exchange with a target came to: `ctx.get<UpstreamReport>()`, for logs and metrics.
struct UpstreamReport {
  std::string_view pool;    ///< Valid as long as the pool.
  std::string_view target;  ///< The URL of the last target tried.
  std::uint32_t attempts = 0;
  Duration head_time{};  ///< From send() to the response head, over all attempts.
  HttpVersion version = HttpVersion::http_1_1;  ///< Of the response, where there is one.
};

/// Thread-safe: one pool may serve several workers and several gateways of a process.
class GATEWAYKIT_EXPORT UpstreamPool {
 public:
  /// Throws ConfigError naming all that is wrong with the options.
  explicit UpstreamPool(UpstreamOptions options);

  /// Sends `request` as it is (field hygiene is the forwarder's) and returns at the response head.
  /// The response's body holds the connection until it was read to its end; dropping it cancels
  /// the exchange. The upload runs in the context's scope. `request.authority` empty: the target's
  /// own authority is sent as Host.
  Task<Result<Response>> send(Context& ctx, Request&& request) const;

  const std::string& name() const noexcept;
  PoolStats stats() const;

  class State;  // Private to the library.

 private:
  std::shared_ptr<State> state_;
};

}  // namespace gatewaykit
