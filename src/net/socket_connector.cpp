// SPDX-License-Identifier: Apache-2.0
#include "net/socket_connector.hpp"

#include <netdb.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "net/socket.hpp"
#include "net/tls_stream.hpp"

namespace gatewaykit::net {

namespace {

bool is_own_shortage(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

Error connect_failed(int error) {
  const Origin origin = is_own_shortage(error) ? Origin::gateway : Origin::upstream;
  return Error(Errc::connect_failed, origin, std::strerror(error), true);
}

/// There is always room for it on a connection that has carried nothing yet.
bool send_preface(SocketStream& stream, std::string& preface) noexcept {
  if (preface.empty()) return true;
  const iovec vector{preface.data(), preface.size()};
  const IoResult sent = stream.SocketStream::send(&vector, 1);
  return sent.kind == IoResult::Kind::bytes && sent.count == preface.size();
}

/// A lookup in flight on libuv's pool. It outlives a waiter that gave up: libuv owns the request
/// until its callback.
struct Lookup {
  uv_getaddrinfo_t request{};
  Loop* loop = nullptr;
  Event* done = nullptr;  // None once the waiter is gone.
  int status = 0;
  std::vector<IpAddress> addresses;
};

void collect_addresses(const addrinfo* found, std::vector<IpAddress>& addresses) {
  constexpr std::size_t kMost = 64;  // A poisoned answer with thousands of records stays small.
  for (; found != nullptr && addresses.size() < kMost; found = found->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
    const Peer peer = address.to_peer();
    if (peer.has_address()) addresses.push_back(peer.ip());
  }
}

void on_resolved(uv_getaddrinfo_t* request, int status, addrinfo* found) {
  auto* const lookup = static_cast<Lookup*>(request->data);
  lookup->status = status;
  if (status == 0) collect_addresses(found, lookup->addresses);
  uv_freeaddrinfo(found);
  Loop& loop = *lookup->loop;
  if (lookup->done == nullptr) {
    delete lookup;
  } else {
    loop.turn([lookup] { lookup->done->set(); });
  }
  loop.release();
}

}  // namespace

Task<Result<StreamPtr>> SocketConnector::connect(Endpoint endpoint, Duration timeout) {
  const std::optional<SocketAddress> address = SocketAddress::from(endpoint);
  if (!address) co_return connect_failed(ENAMETOOLONG);
  Fd fd(::socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) co_return connect_failed(errno);
  if (endpoint.path.empty()) set_no_delay(fd.get());
  const int connected = ::connect(fd.get(), address->get(), address->size);
  const int connect_error = connected == 0 ? 0 : errno;
  if (connected != 0 && connect_error != EINPROGRESS) co_return connect_failed(connect_error);

  std::unique_ptr<TlsStream> secured;
  if (endpoint.tls != nullptr) {
    secured = endpoint.tls->dress(std::move(fd), loop_.poller(), endpoint.protocols);
  }
  TlsStream* const tls = secured.get();
  std::unique_ptr<SocketStream> stream = std::move(secured);
  if (endpoint.tls == nullptr) {
    stream = std::make_unique<SocketStream>(std::move(fd), loop_.poller());
  }
  if (stream == nullptr || !stream->ok()) co_return connect_failed(EMFILE);
  if (connect_error == EINPROGRESS) {
    const Wake wake = co_await stream->writable().wait(loop_.now() + timeout);
    if (wake == Wake::timeout) {
      co_return Error(Errc::connect_timeout, Origin::upstream, "no connection in time", true);
    }
    if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::client);
  }
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(stream->fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) co_return connect_failed(error);
  if (!send_preface(*stream, endpoint.preface)) co_return connect_failed(EPIPE);
  if (tls != nullptr) {
    Result<> done = co_await tls->handshake(loop_.now() + timeout, Origin::upstream);
    if (!done) co_return std::move(done.error());
  }
  co_return StreamPtr(std::move(stream));
}

Task<Result<std::vector<IpAddress>>> SocketConnector::resolve(std::string host, Duration timeout) {
  auto lookup = std::make_unique<Lookup>();
  Event done;
  lookup->request.data = lookup.get();
  lookup->loop = &loop_;
  lookup->done = &done;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  const int started =
      uv_getaddrinfo(loop_.uv(), &lookup->request, &on_resolved, host.c_str(), nullptr, &hints);
  if (started != 0) {
    co_return Error(Errc::connect_failed, Origin::upstream, uv_strerror(started), true);
  }
  loop_.hold();
  const Wake wake = co_await done.wait(loop_.now() + timeout);
  if (wake != Wake::signalled) {
    lookup->done = nullptr;
    Lookup* const abandoned = lookup.release();
    uv_cancel(reinterpret_cast<uv_req_t*>(&abandoned->request));
    if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::client);
    co_return Error(Errc::connect_timeout, Origin::upstream, "no DNS answer in time", true);
  }
  if (lookup->status != 0 || lookup->addresses.empty()) {
    const char* const reason = lookup->status != 0 ? uv_strerror(lookup->status) : "no address";
    co_return Error(Errc::connect_failed, Origin::upstream, reason, true);
  }
  co_return std::move(lookup->addresses);
}

}  // namespace gatewaykit::net
