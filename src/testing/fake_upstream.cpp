// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/testing/fake_upstream.hpp"

#include <algorithm>
#include <utility>

#include "gatewaykit/core/cancel_scope.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

namespace gatewaykit::testing {

namespace {

/// The response may be as malformed as the test wants it.
bool announces_close(std::string response) {
  response.resize(std::min(response.size(), response.find("\r\n\r\n")));
  for (char& c : response) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return response.find("\r\nconnection: close") != std::string::npos;
}

}  // namespace

// False at the peer's end.
Task<bool> MemoryPeer::receive() {
  const std::string bytes = co_await socket_.read();
  if (bytes.empty()) {
    if (!socket_.was_reset()) reader_.feed_end();
    co_return false;
  }
  reader_.feed(bytes);
  co_return true;
}

Task<WireMessage> MemoryPeer::read_message() {
  while (!reader_.message().is_complete) {
    const bool goes_on = co_await receive();
    if (!goes_on) break;
  }
  co_return reader_.take();
}

Task<WireMessage> MemoryPeer::read_head() {
  while (!reader_.has_head()) {
    const bool goes_on = co_await receive();
    if (!goes_on) break;
  }
  co_return reader_.message();
}

Task<std::string> MemoryPeer::read_bytes() {
  std::string bytes = reader_.take_rest();
  if (bytes.empty()) bytes = co_await socket_.read();
  co_return std::move(bytes);
}

class FakeUpstream::Impl {
 public:
  using Answer = Function<std::string(const WireMessage&) const>;

  Impl(VirtualExecutor& its_executor, MemoryListener its_listener)
      : executor(its_executor), listener(std::move(its_listener)) {}

  Task<void> accept_all() {
    for (;;) {
      MemorySocket socket = co_await listener.accept();
      ++connections;
      executor.spawn(serve(std::move(socket)), scope);
    }
  }

  Task<void> serve(MemorySocket socket) {
    MemoryPeer gateway(std::move(socket), WireReader::Kind::requests);
    ++open_connections;
    const Countdown countdown(open_connections);
    for (;;) {
      WireMessage request = co_await gateway.read_message();
      if (!request.is_complete) co_return;
      requests.push_back(std::move(request));
      const std::string response = answer(requests.back());
      const bool was_sent = co_await gateway.write(response);
      if (!was_sent || announces_close(response)) co_return;
    }
  }

  VirtualExecutor& executor;
  MemoryListener listener;
  CancelScope scope;
  Answer answer;
  std::size_t connections = 0;
  std::size_t open_connections = 0;
  std::vector<WireMessage> requests;

 private:
  class Countdown {
   public:
    explicit Countdown(std::size_t& count) noexcept : count_(count) {}
    Countdown(const Countdown&) = delete;
    Countdown& operator=(const Countdown&) = delete;
    ~Countdown() { --count_; }

   private:
    std::size_t& count_;
  };
};

FakeUpstream::FakeUpstream(MemoryNetwork& network, std::string_view address,
                           const ConnectionOptions& options)
    : impl_(std::make_unique<Impl>(network.executor(), network.listen(address, options))) {}

FakeUpstream::~FakeUpstream() { impl_->executor.finish(impl_->scope); }

Task<MemoryPeer> FakeUpstream::accept() {
  MemorySocket socket = co_await impl_->listener.accept();
  ++impl_->connections;
  co_return MemoryPeer(std::move(socket), WireReader::Kind::requests);
}

void FakeUpstream::answer_all(std::string response) {
  answer_all([response = std::move(response)](const WireMessage&) { return response; });
}

void FakeUpstream::answer_all(Function<std::string(const WireMessage&) const> answer) {
  const bool is_serving = static_cast<bool>(impl_->answer);
  impl_->answer = std::move(answer);
  if (!is_serving) impl_->executor.spawn(impl_->accept_all(), impl_->scope);
}

void FakeUpstream::set_options(const ConnectionOptions& options) {
  impl_->listener.set_options(options);
}

std::size_t FakeUpstream::connections() const noexcept { return impl_->connections; }

std::size_t FakeUpstream::open_connections() const noexcept { return impl_->open_connections; }

const std::vector<WireMessage>& FakeUpstream::requests() const noexcept { return impl_->requests; }

}  // namespace gatewaykit::testing
