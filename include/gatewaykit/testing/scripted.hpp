// SPDX-License-Identifier: Apache-2.0
// What stands around a middleware under test: TestExchange (a Context on virtual time),
// ScriptedNext (the rest of the chain, as the test plays it) and ScriptedBody (content that comes
// in the pieces, with the pauses and the failures that the test wants). On the executor's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/core/error.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/core/timer.hpp"
#include "gatewaykit/export.hpp"
#include "gatewaykit/http/address.hpp"
#include "gatewaykit/http/body.hpp"
#include "gatewaykit/http/request.hpp"
#include "gatewaykit/http/response.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/routing/middleware.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

namespace gatewaykit::testing {

/// Content of any size that a test can tell the place of: the bytes from `offset` on.
GATEWAYKIT_EXPORT std::string pattern(std::uint64_t offset, std::size_t size);

/// A script for the source of a body. Steps are added in order; the end follows the last one.
///
///     ScriptedBody upload;
///     upload.chunk("first").pause(2s).fill(1'000'000).fail(Error(Errc::reset, Origin::client));
///     request.body = upload.body();
class GATEWAYKIT_EXPORT ScriptedBody {
 public:
  ScriptedBody();

  ScriptedBody& chunk(std::string_view bytes);
  /// `size` bytes of `pattern`, from its beginning, in pieces of `piece` bytes.
  ScriptedBody& fill(std::uint64_t size, std::size_t piece = std::size_t{16} * 1024);
  /// The next step comes so much later.
  ScriptedBody& pause(Duration duration);
  /// The next step comes once `go_on` was called, which may happen before.
  ScriptedBody& hold();
  /// Fails instead of going on.
  ScriptedBody& fail(Error error);
  /// A field of the trailer section.
  ScriptedBody& trailer(std::string_view name, std::string_view value);

  /// size() tells what the steps add up to, or something else; without it, nothing.
  ScriptedBody& with_size();
  ScriptedBody& with_size(std::uint64_t size);
  /// rewind() starts the script again.
  ScriptedBody& with_rewind();
  /// Each chunk comes in a later turn; ready() has none.
  ScriptedBody& always_suspending();

  /// The body, once.
  Body body();

  /// Ends one `hold`.
  void go_on();
  /// What became of the body. The counts go on over rewinds.
  std::uint64_t bytes_read() const noexcept;
  std::size_t rewinds() const noexcept;
  bool end_was_read() const noexcept;
  bool was_dropped() const noexcept;

 private:
  class Source;
  struct State;
  std::shared_ptr<State> state_;
};

/// The rest of the chain. Each call takes the next response, and waits where none is there.
class GATEWAYKIT_EXPORT ScriptedNext {
 public:
  ScriptedNext();
  /// Calls `handler` instead, which sees the request as the layers have made it.
  explicit ScriptedNext(Handler handler);

  /// For Middleware::handle. This object must outlive it.
  Next next() const noexcept;
  Task<Response> operator()(Context& ctx) const { return next()(ctx); }

  /// Answers a call that waits, or the next one that comes.
  void respond(Response response);
  /// The same with an exception that the handler throws.
  void throw_exception(std::exception_ptr exception);
  /// How often the rest was called, and the call of that number (from 1), which it waits for.
  std::size_t calls() const noexcept;
  Task<void> wait_for_call(std::size_t number = 1);

 private:
  struct State;
  static Task<Response> answer(std::shared_ptr<State> state, Context& ctx);

  std::shared_ptr<State> state_;
  Chain chain_;
};

/// An exchange as the server sets it up, without a connection.
class GATEWAYKIT_EXPORT TestExchange final : private ExchangeHost {
 public:
  struct Client {
    Peer peer = Peer(IpAddress::v4({192, 0, 2, 1}), 49152);  ///< The socket's other end.
    Peer client = Peer(IpAddress::v4({192, 0, 2, 1}), 49152);
    bool is_trusted = false;
  };
  struct Interim {
    Status status;
    Headers headers;
  };

  explicit TestExchange(VirtualExecutor& executor, Request request = Request(Method::get, "/"));
  TestExchange(VirtualExecutor& executor, Request request, Client client);
  TestExchange(const TestExchange&) = delete;
  TestExchange& operator=(const TestExchange&) = delete;
  /// Cancels what still runs in the exchange and awaits it.
  ~TestExchange();

  Context& context() noexcept { return context_; }
  Request& request() noexcept { return context_.request(); }

  /// Runs a task, a handler, or a layer before the rest of the chain, in the exchange's scope.
  template <class T>
  T run(Task<T> task) {
    return executor_.run(std::move(task), context_.scope());
  }
  Response run(const Handler& handler) { return run(handler(context_)); }
  Response run(const Middleware& layer, const ScriptedNext& next) {
    return run(layer.handle(context_, next.next()));
  }

  /// The client leaves: cancels the scope.
  void disconnect() noexcept { context_.scope().cancel(); }
  /// Awaits what was spawned, then calls what waits for the end of the exchange.
  void complete(Status status = Status::ok, const Error* error = nullptr);

  /// The 1xx responses that were sent.
  const std::vector<Interim>& interims() const noexcept { return interims_; }

 private:
  Task<Result<>> send_interim(Status status, Headers headers) override;
  bool is_stopping() const noexcept override { return false; }

  VirtualExecutor& executor_;
  TimePoint begin_;
  Client client_;
  std::vector<Interim> interims_;
  Context context_;
};

}  // namespace gatewaykit::testing
