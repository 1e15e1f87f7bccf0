// SPDX-License-Identifier: Apache-2.0
// Gateway: serves a router on listeners, with one event loop per worker thread. Many may live in
// one process; each starts and stops without a trace: no signal handler unless asked for, no exit,
// no global state.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/core/function.hpp"
#include "gatewaykit/core/logger.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/export.hpp"
#include "gatewaykit/http/request.hpp"
#include "gatewaykit/http/response.hpp"
#include "gatewaykit/http/target.hpp"
#include "gatewaykit/routing/explanation.hpp"
#include "gatewaykit/routing/router.hpp"
#include "gatewaykit/server/tls.hpp"

struct uv_loop_s;

namespace gatewaykit {

/// What a client may ask of a listener. The status in brackets answers what goes beyond.
struct ListenLimits {
  std::size_t target = 8 * 1024;         ///< Bytes of the request target (414).
  std::size_t header_bytes = 32 * 1024;  ///< Bytes of the header section (431).
  std::size_t header_fields = 100;       ///< Field lines (431).
  /// For a whole request head, from its first byte; the first one from the accept (408).
  Duration header_timeout = std::chrono::seconds(10);
  /// Content of a request in bytes (413).
  std::optional<std::uint64_t> body = std::nullopt;
  /// Between two pieces of content (408).
  Duration body_idle = std::chrono::seconds(10);
  /// Bytes per second that content must reach after 20 s (408). None: any rate.
  std::optional<std::uint64_t> body_rate = 100;
  /// Between two requests on a connection.
  Duration idle = std::chrono::seconds(60);
  /// How long a client that takes nothing in may hold up a response.
  Duration send_idle = std::chrono::seconds(60);
  /// How long a client that has shut its sending side and is sent nothing is still waited for: it
  /// may want the answer (half-close) or may be gone, which looks the same. HTTP/1.1 alone: without
  /// its side of an HTTP/2 connection a client has left, and what it has asked for is cancelled.
  Duration half_close = std::chrono::seconds(5);
};

/// The field in which the proxies before this gateway tell the client's address. Only one can be
/// believed: most proxies write one of them and let pass what a client wrote into the other.
enum class ClientField : std::uint8_t {
  x_forwarded_for,  ///< X-Forwarded-For, which nearly every proxy writes.
  forwarded,        ///< Forwarded (RFC 7239).
};

/// HTTP/2 (RFC 9113) with clients: over TLS as they choose (ALPN), in clear text with those who
/// begin with it (prior knowledge). gRPC needs it.
struct Http2Options {
  bool enabled = true;
  /// Requests at once on a connection; those beyond it are refused (REFUSED_STREAM).
  std::uint32_t streams = 100;
  /// Bytes of content that a client may send of one request before they are read, and of all
  /// requests of a connection together: what one client can make the gateway hold.
  std::uint32_t stream_window = 64 * 1024;
  std::uint32_t connection_window = 1024 * 1024;
  /// Bytes of the header sections of all requests under way on a connection: HPACK lets a few bytes
  /// stand for many. A request beyond it is refused as not processed (REFUSED_STREAM) while there
  /// are others, and may be tried again.
  std::uint32_t held_header_bytes = 1024 * 1024;
  /// Bytes of the largest frame that a client may send (SETTINGS_MAX_FRAME_SIZE).
  std::uint32_t frame_size = 16 * 1024;
  /// How often requests may be taken back by the client, or fail by what it does, before they are
  /// answered. A sixth comes back each second; beyond it the connection ends (ENHANCE_YOUR_CALM).
  std::uint32_t resets = 200;
  /// The same for frames that neither ask for something nor carry content. A tenth comes back each
  /// second, and four with each frame that does.
  std::uint32_t idle_frames = 1000;
};

struct ListenOptions {
  ListenLimits limits = {};
  Http2Options http2 = {};
  /// Addresses and CIDR blocks whose forwarding fields are believed, and "unix" for peers of
  /// Unix-domain sockets. From all others they are removed.
  std::vector<std::string> trusted_proxies = {};
  /// Each connection begins with a header of the PROXY protocol (HAProxy's, version 1 or 2), ahead
  /// of TLS, in which one of those proxies tells whose connection it passes on. That peer then
  /// stands in the proxy's place: for `ctx.peer()`, and for whether its forwarding fields are
  /// believed. Whoever else connects, begins with anything else or not within
  /// `limits.header_timeout` is closed. Needs `trusted_proxies`.
  bool proxy_protocol = false;
  /// Where those proxies tell the client's address. The other field is removed.
  ClientField client_field = ClientField::x_forwarded_for;
  /// What becomes of `%2F` in a path: by default a request with it is refused (400).
  EncodedSlash encoded_slash = EncodedSlash::reject;
  /// TLS beneath HTTP. None: clear text.
  std::optional<TlsOptions> tls = std::nullopt;
  /// Permissions of a Unix-domain socket, such as 0660. None: what the umask leaves.
  std::optional<unsigned> unix_mode = std::nullopt;
};

struct GatewayOptions {
  unsigned workers = 1;  ///< Event loops, each with a thread; 0: one per core.
  /// How long `stop` goes on accepting clients while `ready` answers 503 already: for load
  /// balancers that must see it before they may be refused.
  Duration drain_delay = Duration::zero();
  /// How long `stop` lets running exchanges go on after that.
  Duration drain_timeout = std::chrono::seconds(10);
  /// Path of a Unix-domain socket by which a process takes another one's place without refusing a
  /// client: `listen` asks the gateway that runs there for its sockets (and blocks for that, 5 s at
  /// most), and once `start` has been called that one accepts no more, answers what it has, and
  /// stops. Only processes of the same user are talked to. Empty: none.
  std::string succession = {};
  /// Client connections over all workers; beyond it the listeners pause. None: what the
  /// descriptor limit of the process allows, with a target connection for each and a reserve.
  std::optional<std::size_t> max_connections = std::nullopt;
  /// While that limit keeps new clients waiting, a connection that has been idle for so long (or is
  /// new and has not said a thing, or not finished its handshake) gives way to them, the longest
  /// idle first.
  Duration idle_when_full = std::chrono::seconds(1);
  /// TLS handshakes under way at a time, on each worker: what clients can make it work on and hold
  /// in memory before they have said a thing. Further ones wait their turn, within the listener's
  /// handshake_timeout; those that take longer than `idle_when_full` give way to them.
  std::size_t max_handshakes = 512;
  /// Receives the gateway's own lines: faults, drops, reloads.
  LogSink log = &log_to_stderr;
  /// Gives a failure (Response::problem, Response::failure) that nobody has set a body for the
  /// content and fields that its client sees, in place of a problem document (RFC 9457). Called on
  /// the worker. What `response.error()` tells of an upstream is not meant for clients.
  Function<void(const Context& ctx, Response& response) const> render_error = nullptr;
};

/// A handler for readiness probes: 200 while the gateway serves, 503 once it is to stop.
GATEWAYKIT_EXPORT Handler ready();

/// A moment's view over all workers.
struct GatewayStats {
  std::uint64_t connections_accepted;
  std::uint64_t connections_open;
  std::uint64_t requests;
  std::uint64_t tls_failures;           ///< Clients that did not get through the handshake.
  std::uint64_t proxy_header_failures;  ///< Closed for want of a good PROXY header.
  /// Clients of HTTP/2 that were sent away for making the gateway work in vain.
  std::uint64_t http2_abuses;
  std::uint64_t listener_pauses;  ///< Times that the connection limit stopped accepting.
};

/// `listen`, `stop`, `spawn`, `swap_routes`, `handle_sync`, `explain` and `stats` may be called
/// from any thread; the rest from the owner's.
class GATEWAYKIT_EXPORT Gateway {
 public:
  /// Compiles the routes: throws one ConfigError that names every mistake.
  explicit Gateway(Router router, GatewayOptions options = {});
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;
  /// Stops at once what still runs.
  ~Gateway();

  /// Binds "ADDRESS:PORT" ("[V6]:PORT"), port 0 takes a free one; or "unix:PATH", in place of a
  /// socket there that nobody listens on any more; it is removed when the gateway stops. Or takes
  /// sockets over that came with the process: "fd:N"; or "systemd:NAME", those that systemd passes
  /// under that FileDescriptorName, "systemd:" for all. Returns the port, 0 for a path. Nothing is
  /// accepted before `start`. Throws ConfigError where the address is malformed, in use or refused,
  /// and while the gateway runs.
  std::uint16_t listen(std::string_view address, ListenOptions options = {});

  /// Serves on threads of its own and returns: clients can connect from now on. May be called again
  /// after the gateway has stopped, if `listen` is called again as well. Throws ConfigError where
  /// another has taken an address since it was bound; all addresses are given up then.
  void start();
  /// Stops accepting, after drain_delay, lets running exchanges end within drain_timeout, then ends
  /// the workers.
  /// Returns at once; `wait` tells when it is done. Safe inside a handler.
  void stop();
  /// The same; `on_stopped` is called once when it is done, at once where the gateway does not run.
  /// It comes from the last worker's thread, which still needs `wait`; or from the host's loop,
  /// where nothing of the gateway is left by then: the gateway may be started again or destroyed.
  void stop(Function<void()> on_stopped);
  /// Blocks until the workers have ended. Not from a handler. Throws std::logic_error where the
  /// gateway is attached to a host's loop.
  void wait();
  /// Serves on `loop`, which its owner runs, from the next `start` on: with the one worker of
  /// `GatewayOptions::workers` (ConfigError where it is not 1) and no thread but those of libuv's
  /// pool. `start` and the destructor belong to the loop's thread then. `start` registers handles,
  /// which keep uv_run going until the gateway has stopped. Destroyed while it runs, it stops at
  /// once, within the next turns of the loop. Signal masks are left alone: the gateway's own
  /// sockets never raise SIGPIPE. Throws std::logic_error while the gateway runs.
  void attach(uv_loop_s* loop);
  /// Runs `job` on a worker for as long as the gateway serves: it is cancelled when all clients are
  /// gone, and then awaited. Before `start` it waits for it. What it throws is logged. Within it
  /// `sleep_for`, `handle` and the like work as in a handler.
  void spawn(Task<void> job);
  /// `start`, then `wait`. Returns 0.
  int run();
  /// SIGTERM and SIGINT stop this gateway while it runs; the second one stops at once.
  void stop_on_signals();

  /// Serves `router` from now on, with its middlewares: each exchange goes by the routes that were
  /// there when it began. Throws ConfigError as the constructor does; then nothing has changed.
  void swap_routes(Router router);

  /// Reads the certificates of all listeners again: clients get them from now on, connections that
  /// are open keep theirs. Throws ConfigError for files that cannot be used; where there is one,
  /// that listener keeps what it has. Any thread.
  void reload_certificates();

  /// Runs `request` through the routes without a connection, on the caller's executor and within
  /// its scope. The content (16 MiB at most) is there when it returns; the client is "unix".
  Task<Response> handle(Request request) const;

  /// The same for hosts without coroutines: blocks until the answer is there. On a worker while the
  /// gateway runs, on the calling thread else. Any thread but the workers' own, where it throws
  /// std::logic_error.
  Response handle_sync(Request request) const;

  /// What the routes that are served make of `request`, without running it.
  Explanation explain(const Request& request,
                      EncodedSlash encoded_slash = EncodedSlash::reject) const;

  GatewayStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gatewaykit
