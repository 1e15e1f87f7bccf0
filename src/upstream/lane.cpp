// SPDX-License-Identifier: Apache-2.0
#include "upstream/lane.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "codec/proxy_protocol.hpp"
#include "upstream/http1_connection.hpp"
#include "upstream/http2_connection.hpp"
#include "upstream/worker_pool.hpp"

namespace gatewaykit::upstream {

namespace {

/// How long one lookup may take, whoever waits for it.
constexpr Duration kLookupTimeout = std::chrono::seconds(5);
/// The least that each of several addresses gets of the time for a connection.
constexpr Duration kPerAddress = std::chrono::milliseconds(250);

/// Before any connection has told how many streams it takes (RFC 9113 section 6.5.2 advises no
/// fewer).
constexpr std::size_t kAssumedStreams = 100;

/// Names of protocols for ALPN, each behind its length (RFC 7301 section 3.1).
constexpr std::string_view kHttp1 = "\x08http/1.1";
constexpr std::string_view kHttp2 = "\x02h2";
constexpr std::string_view kHttp2OrHttp1 = "\x02h2\x08http/1.1";

std::string_view protocols_for(Http2Use use, bool needs_http1) noexcept {
  if (use == Http2Use::always) return kHttp2;
  return use == Http2Use::never || needs_http1 ? kHttp1 : kHttp2OrHttp1;
}

Error timed_out(Errc phase, Origin origin, TimePoint now, TimePoint exchange_deadline,
                std::string detail = {}) {
  const bool is_over = now >= exchange_deadline;
  return Error(is_over ? Errc::total_timeout : phase, origin, std::move(detail), !is_over);
}

std::string header_for(const Peer& client, const Connector::Endpoint& to, ProxyProtocol told) {
  using Version = codec::ProxyHeader::Version;
  // A Unix-domain socket has no address, but a client that may still be told.
  const IpAddress any = client.ip().is_v6() ? IpAddress::v6({}) : IpAddress();
  const Peer target = to.path.empty() ? Peer(to.address, to.port) : Peer(any, 0);
  const Version version = told == ProxyProtocol::v1 ? Version::v1 : Version::v2;
  return std::string(codec::ProxyHeader(version, client, target).view());
}

}  // namespace

Lane::Lane(WorkerPool& pool, Target& target) noexcept
    : pool_(pool),
      target_(target),
      takes_http2_(pool.options().http2 == Http2Use::always ||
                   (pool.options().http2 == Http2Use::automatic && target.tls != nullptr)),
      assumed_streams_(std::min<std::size_t>(pool.options().http2_streams, kAssumedStreams)) {}

Lane::~Lane() { drop_unused_since(kNever); }

Lease Lane::take_idle(bool needs_http1) {
  if (!shared_.empty() && !needs_http1) {
    if (Lease stream = open_stream()) return stream;
  }
  while (newest_idle_ != nullptr) {
    Http1Connection& connection = *newest_idle_;
    if (connection.is_fit() && is_current(connection)) {
      unlink_idle(connection);
      return lend(connection);
    }
    drop_idle(connection);
  }
  return Lease();
}

/// On the least busy connection; none where all are full.
Lease Lane::open_stream() {
  Http2Connection* best = nullptr;
  for (std::size_t i = shared_.size(); i-- > 0;) {
    Http2Connection& each = *shared_[i];
    // An idle one whose address the name has lost is closed, which takes it off the list.
    if (!is_current(each)) {
      each.retire();
    } else if (each.has_room() && (best == nullptr || each.streams() < best->streams())) {
      best = &each;
    }
  }
  return best == nullptr ? Lease() : best->open_stream();
}

Task<Result<Lease>> Lane::obtain(Demand demand, TimePoint deadline) {
  while (takes_http2_ && !demand.needs_http1) {
    if (Lease stream = open_stream()) co_return stream;
    if (!may_join_dial()) break;
    Result<Lease> joined = co_await join_dial(deadline);
    if (!joined || *joined) co_return joined;
  }
  if (!has_slot()) close_oldest_idle();
  if (!has_slot()) co_return co_await wait_in_queue(demand, deadline);
  ++open_;
  co_return co_await dial(demand, deadline);
}

bool Lane::has_slot() const noexcept { return open_ < pool_.options().max_connections; }

/// Each dial has room for those who wait for it and the one that dials.
bool Lane::may_join_dial() const noexcept {
  const std::size_t others = std::max<std::size_t>(assumed_streams_, 1) - 1;
  return joiners_.size() < joinable_dials_ * others;
}

/// An empty lease: the caller is to try for itself.
Task<Result<Lease>> Lane::join_dial(TimePoint deadline) {
  Waiter waiter;
  joiners_.push(waiter);
  const Wake wake = co_await waiter.event.wait(deadline);
  joiners_.remove(waiter);
  if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::client);
  if (waiter.failure) co_return std::move(*waiter.failure);
  if (wake == Wake::timeout && !waiter.lease)
    co_return Error(Errc::total_timeout, Origin::upstream);
  co_return std::move(waiter.lease);
}

void Lane::dismiss_joiners(const std::optional<Error>& failure) {
  while (joiners_.size() > 0 && (failure || !may_join_dial())) {
    Waiter& waiter = *joiners_.pop();
    waiter.failure = failure;
    waiter.event.set();
  }
}

Task<Result<Lease>> Lane::wait_in_queue(Demand demand, TimePoint deadline) {
  const UpstreamOptions& options = pool_.options();
  if (queue_.size() >= options.queue) {
    co_return Error(Errc::queue_full, Origin::gateway, target_.url.text);
  }
  const TimePoint patience = pool_.executor().now() + options.queue_timeout;
  Waiter waiter(demand.needs_http1);
  queue_.push(waiter);
  const Wake wake = co_await waiter.event.wait(std::min(patience, deadline));
  queue_.remove(waiter);
  // What was given must not be lost, whatever the wake says.
  if (waiter.lease) {
    if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::client);
    co_return std::move(waiter.lease);
  }
  if (wake == Wake::cancelled) {
    if (waiter.may_dial) free_slot();
    co_return Error(Errc::cancelled, Origin::client);
  }
  if (waiter.may_dial) co_return co_await dial(demand, deadline);
  co_return timed_out(Errc::queue_timeout, Origin::gateway, pool_.executor().now(), deadline);
}

Task<Result<Lease>> Lane::dial(Demand demand, TimePoint deadline) {
  Slot slot(*this);
  std::optional<Joinable> joinable;
  if (takes_http2_ && !demand.needs_http1) joinable.emplace(*this);
  Result<Dialled> dialled = co_await connect(demand, deadline);
  if (dialled) {
    Result<Lease> lease = adopt(std::move(*dialled), demand.needs_http1);
    if (lease) slot.keep();
    if (!lease && joinable) joinable->fail(lease.error());
    co_return lease;
  }
  // That this exchange has no more time says nothing to those who wait with it.
  const Errc code = dialled.error().code;
  const bool is_own = code == Errc::cancelled || code == Errc::total_timeout;
  if (joinable && !is_own) joinable->fail(dialled.error());
  co_return std::move(dialled.error());
}

Task<Result<Lane::Dialled>> Lane::connect(Demand demand, TimePoint deadline) {
  const Env env = co_await current_env();
  const TimePoint patience = env.executor->now() + pool_.options().timeouts.connect;
  const TimePoint end = std::min(patience, deadline);
  if (target_.addresses.version() == 0) {
    Result<> known = co_await await_addresses(end, deadline);
    if (!known) co_return std::move(known.error());
  }
  refresh_addresses();

  // On failure the next address gets what is left of the time.
  const std::size_t count = endpoint_count();
  for (std::size_t tried = 0;;) {
    const Duration left = end - env.executor->now();
    if (left <= Duration::zero()) {
      co_return timed_out(Errc::connect_timeout, Origin::upstream, env.executor->now(), deadline);
    }
    const auto addresses_left = static_cast<Duration::rep>(count - tried);
    const Duration share = std::min(left, std::max(kPerAddress, left / addresses_left));
    const std::size_t index = next_address_++ % count;
    Result<net::StreamPtr> stream = co_await env.connector->connect(endpoint(index, demand), share);
    if (stream) {
      co_return Dialled(std::move(*stream), addresses_.empty() ? IpAddress() : addresses_[index]);
    }
    const Errc code = stream.error().code;
    if (code == Errc::cancelled) co_return std::move(stream.error());
    // The descriptors that are lacking may be those of connections that nobody needs now.
    const bool is_own_shortage = stream.error().origin == Origin::gateway;
    if (is_own_shortage && pool_.close_oldest_idle()) continue;
    if (code == Errc::connect_timeout && env.executor->now() >= deadline) {
      co_return Error(Errc::total_timeout, Origin::upstream);
    }
    if (++tried == count) co_return std::move(stream.error());
  }
}

Result<Lease> Lane::adopt(Dialled dialled, bool needs_http1) {
  const Http2Use use = pool_.options().http2;
  const bool is_chosen = dialled.stream->application_protocol() == "h2";
  if (use == Http2Use::always && target_.tls != nullptr && !is_chosen) {
    return Error(Errc::tls_failed, Origin::upstream,
                 target_.url.text + ": does not choose HTTP/2 (ALPN)", true);
  }
  target_.connections.fetch_add(1, std::memory_order_relaxed);
  if (!is_chosen && use != Http2Use::always) {
    if (!needs_http1) takes_http2_ = false;
    return lend(
        *new Http1Connection(*this, std::move(dialled.stream), dialled.address, address_version_));
  }
  takes_http2_ = true;
  auto* const made =
      new Http2Connection(*this, std::move(dialled.stream), dialled.address, address_version_);
  shared_.push_back(made);
  Lease own = made->open_stream();
  while (made->has_room() && joiners_.size() > 0) {
    Waiter& waiter = *joiners_.pop();
    waiter.lease = made->open_stream();
    waiter.event.set();
  }
  offer(*made);
  return own;
}

Connector::Endpoint Lane::endpoint(std::size_t index, const Demand& demand) const {
  Connector::Endpoint endpoint;
  endpoint.path = target_.url.path;
  endpoint.port = target_.url.port;
  endpoint.tls = target_.tls.get();
  endpoint.protocols = protocols_for(pool_.options().http2, demand.needs_http1);
  if (!addresses_.empty()) endpoint.address = addresses_[index];
  const ProxyProtocol told = pool_.options().proxy_protocol;
  if (told != ProxyProtocol::none) endpoint.preface = header_for(demand.client, endpoint, told);
  return endpoint;
}

std::size_t Lane::endpoint_count() const noexcept {
  return std::max<std::size_t>(addresses_.size(), 1);
}

void Lane::refresh_addresses() {
  const std::uint64_t version = target_.addresses.version();
  if (version == address_version_) return;
  addresses_ = target_.addresses.addresses();
  address_version_ = version;
}

template <class Connection>
bool Lane::is_current(Connection& connection) noexcept {
  refresh_addresses();
  if (connection.address_version() == address_version_) return true;
  const bool is_known =
      std::find(addresses_.begin(), addresses_.end(), connection.address()) != addresses_.end();
  if (is_known) connection.set_address_version(address_version_);
  return is_known;
}

Task<Result<>> Lane::await_addresses(TimePoint patience, TimePoint deadline) {
  const Env env = co_await current_env();
  start_lookup(env);
  Waiter waiter;
  lookup_waiters_.push(waiter);
  const Wake wake = co_await waiter.event.wait(patience);
  lookup_waiters_.remove(waiter);
  if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::client);
  if (target_.addresses.version() != 0) co_return Result<>();
  if (wake == Wake::signalled && lookup_failure_) co_return *lookup_failure_;
  co_return timed_out(Errc::connect_timeout, Origin::upstream, env.executor->now(), deadline,
                      "no DNS answer in time");
}

namespace {

/// `use` is a parameter, not a local: it must die with the frame, after the scope, which is part
/// of what it keeps alive, was told of the task's end.
Task<void> keeping(WorkerPool::Use /*use*/, Task<void> task) { co_await std::move(task); }

}  // namespace

void Lane::start_lookup(const Env& env) {
  if (is_looking_up_ || pool_.is_abandoned()) return;
  is_looking_up_ = true;
  pool_.background().spawn(env, keeping(WorkerPool::Use(pool_), look_up()));
}

Task<void> Lane::look_up() {
  const Env env = co_await current_env();
  Result<std::vector<IpAddress>> found =
      co_await env.connector->resolve(target_.url.host, kLookupTimeout);
  end_lookup(std::move(found), env.executor->now());
}

void Lane::end_lookup(Result<std::vector<IpAddress>> found, TimePoint now) {
  is_looking_up_ = false;
  lookup_failure_.reset();
  if (found) {
    target_.addresses.publish(*found, now);
  } else {
    target_.addresses.failed(now);
    lookup_failure_ = std::move(found.error());
    lookup_failure_->detail = target_.url.host + ": " + lookup_failure_->detail;
  }
  while (Waiter* const waiter = lookup_waiters_.pop()) waiter->event.set();
}

Lease Lane::lend(Http1Connection& connection) noexcept {
  pool_.add_user();
  return Lease(connection);
}

void Lane::give_back(Http1Connection& connection) noexcept {
  // A connection that began with a client's address is of no use to another one.
  const bool is_bound = pool_.options().proxy_protocol != ProxyProtocol::none;
  if (pool_.is_abandoned() || is_bound) return close(connection);
  if (Waiter* const waiter = queue_.pop()) {
    // Lent on without a pause: it stays a user of the pool.
    waiter->lease = Lease(connection);
    waiter->event.set();
    return;
  }
  if (pool_.options().max_idle_connections == 0) return close(connection);
  if (idle_ >= pool_.options().max_idle_connections) drop_idle(*oldest_idle_);
  const TimePoint now = pool_.executor().now();
  connection.begin_idle(now);
  connection.older = newest_idle_;
  connection.newer = nullptr;
  (newest_idle_ == nullptr ? oldest_idle_ : newest_idle_->newer) = &connection;
  newest_idle_ = &connection;
  ++idle_;
  pool_.watch_idle(now);
  pool_.drop_user();
}

void Lane::close(Http1Connection& connection) noexcept {
  destroy(connection);
  pool_.drop_user();
}

void Lane::drop_idle(Http1Connection& connection) noexcept {
  unlink_idle(connection);
  destroy(connection);
}

void Lane::unlink_idle(Http1Connection& connection) noexcept {
  (connection.newer == nullptr ? newest_idle_ : connection.newer->older) = connection.older;
  (connection.older == nullptr ? oldest_idle_ : connection.older->newer) = connection.newer;
  --idle_;
}

void Lane::destroy(Http1Connection& connection) noexcept {
  delete &connection;
  target_.connections.fetch_sub(1, std::memory_order_relaxed);
  free_slot();
}

void Lane::free_slot() noexcept {
  if (Waiter* const waiter = queue_.pop()) {
    waiter->may_dial = true;
    waiter->event.set();
    return;
  }
  --open_;
}

void Lane::offer(Http2Connection& connection) {
  while (connection.has_room()) {
    Waiter* const waiter = queue_.pop_for_stream();
    if (waiter == nullptr) return;
    waiter->lease = connection.open_stream();
    waiter->event.set();
  }
}

void Lane::withdraw(Http2Connection& connection) noexcept { std::erase(shared_, &connection); }

void Lane::forget(Http2Connection& connection) noexcept {
  withdraw(connection);
  target_.connections.fetch_sub(1, std::memory_order_relaxed);
  free_slot();
}

Http2Connection* Lane::oldest_unused() const noexcept {
  Http2Connection* oldest = nullptr;
  for (Http2Connection* const each : shared_) {
    if (each->streams() > 0) continue;
    if (oldest == nullptr || each->idle_since() < oldest->idle_since()) oldest = each;
  }
  return oldest;
}

TimePoint Lane::oldest_idle_since() const noexcept {
  const Http2Connection* const unused = oldest_unused();
  const TimePoint since = unused == nullptr ? kNever : unused->idle_since();
  return oldest_idle_ == nullptr ? since : std::min(since, oldest_idle_->idle_since());
}

void Lane::close_oldest_idle() noexcept {
  const TimePoint since = oldest_idle_since();
  if (since != kNever) drop_unused_once(since);
}

/// One that has been unused since `limit` or longer; false where there is none.
bool Lane::drop_unused_once(TimePoint limit) noexcept {
  if (oldest_idle_ != nullptr && oldest_idle_->idle_since() <= limit) {
    drop_idle(*oldest_idle_);
    return true;
  }
  Http2Connection* const unused = oldest_unused();
  if (unused == nullptr || unused->idle_since() > limit) return false;
  unused->retire();
  return true;
}

TimePoint Lane::drop_unused_since(TimePoint limit) noexcept {
  while (drop_unused_once(limit)) {
  }
  return oldest_idle_since();
}

}  // namespace gatewaykit::upstream
