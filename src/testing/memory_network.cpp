// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/testing/memory_network.hpp"

#include <sys/uio.h>

#include <charconv>
#include <deque>
#include <limits>
#include <map>
#include <utility>

#include "core/alarm.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"
#include "net/connector.hpp"
#include "testing/memory_stream.hpp"

namespace gatewaykit::testing {

namespace {

constexpr Duration kDialTimeout = std::chrono::seconds(60);

void throw_if_cancelled(Wake wake) {
  if (wake == Wake::cancelled) throw ScriptCancelled();
}

// How addresses are told apart: "ADDRESS:PORT" with the address as it is printed, or a path.
std::string key_of(const Connector::Endpoint& endpoint) {
  if (!endpoint.path.empty()) return endpoint.path;
  const std::string address = endpoint.address.to_string();
  const std::string port = std::to_string(endpoint.port);
  return (endpoint.address.is_v6() ? "[" + address + "]" : address) + ":" + port;
}

Connector::Endpoint endpoint_of(std::string_view text) {
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kUnix = "unix:";
  const std::string given(text);
  Connector::Endpoint endpoint;
  if (text.starts_with("memory:") || text.starts_with(kUnix)) {
    endpoint.path = text.starts_with(kUnix) ? text.substr(kUnix.size()) : text;
    return endpoint;
  }
  const bool has_scheme = text.starts_with(kHttp);
  if (has_scheme) text.remove_prefix(kHttp.size());
  if (text.ends_with('/')) text.remove_suffix(1);
  std::size_t colon = text.rfind(':');
  if (colon < text.find(']') && text.starts_with('[')) colon = std::string_view::npos;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::optional<IpAddress> address = IpAddress::parse(host);
  if (!address) throw std::invalid_argument("no address that a test can listen on: " + given);
  endpoint.address = *address;
  endpoint.port = 80;
  if (colon == std::string_view::npos && has_scheme) return endpoint;
  const std::string_view port =
      colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  const char* const end = port.data() + port.size();
  const auto [rest, failure] = std::from_chars(port.data(), end, endpoint.port);
  if (failure != std::errc() || rest != end) throw std::invalid_argument("no port in " + given);
  return endpoint;
}

}  // namespace

MemorySocket::MemorySocket(std::unique_ptr<net::Stream> stream) noexcept
    : stream_(std::move(stream)) {}
MemorySocket::MemorySocket(MemorySocket&& other) noexcept = default;
MemorySocket& MemorySocket::operator=(MemorySocket&& other) noexcept = default;
MemorySocket::~MemorySocket() = default;

Task<std::string> MemorySocket::read(std::size_t most) {
  std::string bytes(most, '\0');
  for (;;) {
    const net::IoResult result = stream_->receive(bytes.data(), bytes.size());
    if (result.kind != net::IoResult::Kind::would_block) {
      if (result.kind == net::IoResult::Kind::failed) was_reset_ = true;
      bytes.resize(result.count);
      co_return std::move(bytes);
    }
    const Wake wake = co_await stream_->readable().wait();
    throw_if_cancelled(wake);
  }
}

Task<bool> MemorySocket::write(std::string bytes) {
  iovec vector{bytes.data(), bytes.size()};
  net::SendProgress progress{&vector, 1};
  while (progress.count > 0) {
    const net::IoResult result = net::try_send_all(*stream_, progress);
    if (result.kind == net::IoResult::Kind::failed) {
      was_reset_ = true;
      co_return false;
    }
    if (result.kind == net::IoResult::Kind::bytes) break;
    const Wake wake = co_await stream_->writable().wait();
    throw_if_cancelled(wake);
  }
  co_return true;
}

Task<void> MemorySocket::wait_for_end() {
  for (;;) {
    const std::string bytes = co_await read();
    if (bytes.empty()) co_return;
  }
}

void MemorySocket::shut_down() { stream_->shutdown_send(); }

void MemorySocket::close() { stream_.reset(); }

void MemorySocket::reset() {
  stream_->reset_on_close();
  stream_.reset();
}

struct MemoryListener::State {
  State(Executor& its_executor, const ConnectionOptions& its_options)
      : executor(its_executor), options(its_options) {}

  /// The client's end of a new connection, whose other end waits to be accepted.
  std::unique_ptr<MemoryStream> connect() {
    MemoryStreamPair pair = make_memory_pair(executor, options);
    backlog.push_back(std::move(pair.server));
    arrived.set();
    return std::move(pair.client);
  }

  Executor& executor;
  ConnectionOptions options;
  std::deque<std::unique_ptr<net::Stream>> backlog;
  Event arrived;
};

MemoryListener::MemoryListener(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
MemoryListener::MemoryListener(MemoryListener&& other) noexcept = default;
MemoryListener& MemoryListener::operator=(MemoryListener&& other) noexcept = default;
MemoryListener::~MemoryListener() = default;

Task<MemorySocket> MemoryListener::accept() {
  const std::shared_ptr<State> state = state_;
  while (state->backlog.empty()) {
    const Wake wake = co_await state->arrived.wait();
    throw_if_cancelled(wake);
  }
  MemorySocket accepted(std::move(state->backlog.front()));
  state->backlog.pop_front();
  co_return accepted;
}

std::size_t MemoryListener::backlog() const noexcept { return state_->backlog.size(); }

void MemoryListener::set_options(const ConnectionOptions& options) { state_->options = options; }

class MemoryNetwork::Impl final : public Connector {
 public:
  explicit Impl(VirtualExecutor& its_executor) : executor(its_executor) {}
  virtual ~Impl() = default;

  struct Address {
    std::weak_ptr<MemoryListener::State> listener;
    bool is_ignored = false;
    std::size_t dials = 0;
  };

  struct Host {
    std::vector<IpAddress> addresses;
    Duration delay{};
    bool is_ignored = false;
    std::size_t lookups = 0;
  };

  Task<Result<net::StreamPtr>> connect(Endpoint endpoint, Duration timeout) override {
    Address& address = addresses[key_of(endpoint)];
    ++address.dials;
    Duration latency{};
    if (const auto listener = address.listener.lock())
      latency = listener->options.to_server.latency;
    // A handshake answers in a later turn, as it does over sockets.
    Alarm answer(executor, address.is_ignored ? kNever : executor.now() + latency);
    const Wake wake = co_await answer.rung.wait(executor.now() + timeout);
    if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::client);
    if (wake == Wake::timeout) {
      co_return Error(Errc::connect_timeout, Origin::upstream, "no connection in time", true);
    }
    const auto listener = address.listener.lock();
    if (listener == nullptr) {
      co_return Error(Errc::connect_failed, Origin::upstream, "Connection refused", true);
    }
    if (descriptors_in_use() >= most_descriptors) {
      co_return Error(Errc::connect_failed, Origin::gateway, "Too many open files", true);
    }
    std::unique_ptr<MemoryStream> stream = listener->connect();
    stream->hold(descriptors);
    const iovec preface{endpoint.preface.data(), endpoint.preface.size()};
    if (!endpoint.preface.empty()) stream->send(&preface, 1);
    co_return net::StreamPtr(std::move(stream));
  }

  /// Each of them holds `descriptors`.
  std::size_t descriptors_in_use() const noexcept {
    return static_cast<std::size_t>(descriptors.use_count()) - 1;
  }

  Task<Result<std::vector<IpAddress>>> resolve(std::string host, Duration timeout) override {
    Host& asked = hosts[host];
    ++asked.lookups;
    Alarm answer(executor, asked.is_ignored ? kNever : executor.now() + asked.delay);
    const Wake wake = co_await answer.rung.wait(executor.now() + timeout);
    if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::client);
    if (wake == Wake::timeout) {
      co_return Error(Errc::connect_timeout, Origin::upstream, "no DNS answer in time", true);
    }
    std::vector<IpAddress> found = asked.addresses;
    if (const std::optional<IpAddress> itself = IpAddress::parse(host)) found.push_back(*itself);
    if (found.empty()) {
      co_return Error(Errc::connect_failed, Origin::upstream, "unknown host", true);
    }
    co_return std::move(found);
  }

  VirtualExecutor& executor;
  std::map<std::string, Address> addresses;  // Nodes stay where they are: attempts hold them.
  std::map<std::string, Host> hosts;
  const std::shared_ptr<const int> descriptors = std::make_shared<const int>(0);
  std::size_t most_descriptors = std::numeric_limits<std::size_t>::max();
};

MemoryNetwork::MemoryNetwork(VirtualExecutor& executor) : impl_(std::make_unique<Impl>(executor)) {
  executor.set_connector(impl_.get());
}

MemoryNetwork::~MemoryNetwork() {
  if (impl_->executor.connector() == impl_.get()) impl_->executor.set_connector(nullptr);
}

VirtualExecutor& MemoryNetwork::executor() noexcept { return impl_->executor; }

MemoryListener MemoryNetwork::listen(std::string_view address, const ConnectionOptions& options) {
  Impl::Address& entry = impl_->addresses[key_of(endpoint_of(address))];
  if (!entry.listener.expired()) {
    throw std::invalid_argument("address in use: " + std::string(address));
  }
  auto state = std::make_shared<MemoryListener::State>(impl_->executor, options);
  entry.listener = state;
  return MemoryListener(std::move(state));
}

void MemoryNetwork::ignore(std::string_view address) {
  impl_->addresses[key_of(endpoint_of(address))].is_ignored = true;
}

void MemoryNetwork::answer(std::string_view address) {
  impl_->addresses[key_of(endpoint_of(address))].is_ignored = false;
}

void MemoryNetwork::limit_descriptors(std::size_t most) { impl_->most_descriptors = most; }

Task<MemorySocket> MemoryNetwork::connect(std::string address) {
  Connector::Endpoint endpoint = endpoint_of(address);
  Result<net::StreamPtr> stream = co_await impl_->connect(std::move(endpoint), kDialTimeout);
  if (!stream) throw std::runtime_error(address + ": " + stream.error().detail);
  co_return MemorySocket(std::move(*stream));
}

std::size_t MemoryNetwork::dials(std::string_view address) const {
  const auto entry = impl_->addresses.find(key_of(endpoint_of(address)));
  return entry == impl_->addresses.end() ? 0 : entry->second.dials;
}

void MemoryNetwork::set_host(std::string_view host, const std::vector<std::string>& addresses,
                             Duration after) {
  std::vector<IpAddress> parsed;
  for (const std::string& text : addresses) {
    const std::optional<IpAddress> address = IpAddress::parse(text);
    if (!address) throw std::invalid_argument("no address: " + text);
    parsed.push_back(*address);
  }
  Impl::Host& entry = impl_->hosts[std::string(host)];
  entry.addresses = std::move(parsed);
  entry.delay = after;
  entry.is_ignored = false;
}

void MemoryNetwork::remove_host(std::string_view host) { set_host(host, {}); }

void MemoryNetwork::ignore_host(std::string_view host) {
  impl_->hosts[std::string(host)].is_ignored = true;
}

std::size_t MemoryNetwork::lookups(std::string_view host) const {
  const auto entry = impl_->hosts.find(std::string(host));
  return entry == impl_->hosts.end() ? 0 : entry->second.lookups;
}

}  // namespace gatewaykit::testing
