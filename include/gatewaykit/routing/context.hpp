// SPDX-License-Identifier: Apache-2.0
// Context: one exchange as the middlewares see it: the request, who sent it, what the route
// captured, typed state of the layers, and what is to happen when it is over. Lives until the last
// byte of the response is gone or the client is; used on one worker's thread alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include "gatewaykit/core/cancel_scope.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/core/function.hpp"
#include "gatewaykit/core/result.hpp"
#include "gatewaykit/core/string.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/export.hpp"
#include "gatewaykit/http/address.hpp"
#include "gatewaykit/http/request.hpp"
#include "gatewaykit/http/response.hpp"
#include "gatewaykit/http/version.hpp"

namespace gatewaykit {

class Context;

/// How an exchange ended. `bytes_*` count content and framing on the client's connection.
struct Outcome {
  Status status;       ///< What was sent; 499 where the client left before.
  const Error* error;  ///< Why it failed, if it did: valid during the callback.
  std::uint64_t bytes_in;
  std::uint64_t bytes_out;
  Duration duration;  ///< From the first byte of the request to the end.
};

/// What the server offers to a Context. Not for hosts.
class GATEWAYKIT_EXPORT ExchangeHost {
 public:
  virtual Task<Result<>> send_interim(Status status, Headers headers) = 0;
  virtual bool is_stopping() const noexcept = 0;

 protected:
  ~ExchangeHost() = default;
};

/// A parameter that the route captured: views into the pattern and the request target.
struct RouteParam {
  std::string_view name;
  std::string_view value;
};

class GATEWAYKIT_EXPORT Context {
 public:
  /// `peer` and `client` must outlive the context; they are the same object where nothing between
  /// the client and the gateway is trusted. `host` may be null (in-process calls).
  Context(const Env& env, Request&& request, const Peer& peer, const Peer& client, bool trusted,
          ExchangeHost* host);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

  Request& request() noexcept { return request_; }
  const Request& request() const noexcept { return request_; }

  /// The value that `{name}` (or `{*name}`, or "*") of the route's pattern captured, with its
  /// percent-escapes decoded; empty where there is none.
  std::string_view param(std::string_view name) const;
  /// The same as it stands in the target, with its escapes: what a target may be made of.
  std::string_view raw_param(std::string_view name) const;
  /// The pattern of the route that matched; empty where none did.
  std::string_view route() const noexcept { return route_; }

  /// The client as resolved over trusted proxies, and the socket's own peer.
  const Peer& client() const noexcept { return client_; }
  const Peer& peer() const noexcept { return peer_; }
  /// The peer is in the listener's list of trusted proxies.
  bool trusted() const noexcept { return trusted_; }
  /// The version of HTTP that the peer sent the request in; 1.1 for a request made in-process.
  HttpVersion version() const noexcept { return version_; }
  /// For the server, and for tests of what depends on it.
  void set_version(HttpVersion version) noexcept { version_ = version; }

  /// One value per type: how layers hand facts to those behind and around them.
  template <class T>
  void set(T value);
  template <class T>
  const T* get() const noexcept;

  /// Calls `callback` once the exchange is over: after the last byte or the disconnect, on this
  /// thread, last registered first. It must not throw.
  void on_complete(Function<void(const Context&, const Outcome&)> callback);

  /// Runs `task` beside the handler, within this exchange: it is cancelled when the client leaves
  /// and always awaited before on_complete.
  void spawn(Task<void> task);
  CancelScope& scope() noexcept { return scope_; }
  const Env& env() const noexcept { return env_; }
  bool cancelled() const noexcept { return scope_.cancelled(); }
  /// When the route's timeout ends; kNever without one.
  TimePoint deadline() const noexcept { return deadline_; }
  void set_deadline(TimePoint deadline) noexcept { deadline_ = deadline; }

  /// The gateway that serves this exchange is to stop: it will take no new clients, soon or
  /// already.
  bool is_stopping() const noexcept { return host_ != nullptr && host_->is_stopping(); }

  /// Sends a 1xx response (RFC 9110 section 15.2) ahead of the final one. A failure means that the
  /// client is gone.
  Task<Result<>> send_interim(Status status, Headers headers);

  /// For the server: the match, the refusal that stands in for a handler, the end.
  void set_route(std::string_view pattern, const RouteParam* params, std::size_t count);
  void refuse(Response refusal) { refusal_ = std::move(refusal); }
  Response take_refusal() { return std::move(refusal_); }
  void complete(const Outcome& outcome) noexcept;

 private:
  /// In front of each value, in one block with it.
  struct alignas(std::max_align_t) State {
    State* next;
    const std::type_info* type;
    void (*destroy)(State*) noexcept;
    void* value() noexcept { return this + 1; }
  };
  template <class T>
  static void destroy_state(State* state) noexcept {
    static_cast<T*>(state->value())->~T();
    pool_deallocate(state, sizeof(State) + sizeof(T));
  }
  void* find_state(const std::type_info& type) const noexcept;

  Request request_;
  const Peer& peer_;
  const Peer& client_;
  CancelScope scope_;
  Env env_;
  ExchangeHost* host_;
  std::string_view route_;
  TimePoint deadline_ = kNever;
  bool trusted_;
  HttpVersion version_ = HttpVersion::http_1_1;
  Response refusal_;
  struct Captured {
    RouteParam raw;
    std::string_view decoded;
  };
  const Captured* find_param(std::string_view name) const noexcept;
  std::vector<Captured, PoolAllocator<Captured>> params_;
  std::vector<Chunk, PoolAllocator<Chunk>> decoded_params_;
  State* states_ = nullptr;  // Newest first.
  using Callback = Function<void(const Context&, const Outcome&)>;
  std::vector<Callback, PoolAllocator<Callback>> on_complete_;
};

template <class T>
void Context::set(T value) {
  static_assert(alignof(T) <= alignof(std::max_align_t));
  if (void* const present = find_state(typeid(T)); present != nullptr) {
    *static_cast<T*>(present) = std::move(value);
    return;
  }
  auto* const state = ::new (pool_allocate(sizeof(State) + sizeof(T)))
      State{states_, &typeid(T), &destroy_state<T>};
  ::new (state->value()) T(std::move(value));
  states_ = state;
}

template <class T>
const T* Context::get() const noexcept {
  return static_cast<const T*>(find_state(typeid(T)));
}

}  // namespace gatewaykit
