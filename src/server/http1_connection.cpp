// SPDX-License-Identifier: Apache-2.0
#include "server/http1_connection.hpp"

#include <algorithm>
#include <utility>

#include "server/http1_exchange.hpp"
#include "server/tls_server.hpp"
#include "server/worker.hpp"

namespace gatewaykit::server {

namespace {

/// Who has connected just before the drain has most likely asked already.
constexpr Duration kFirstWord = std::chrono::seconds(1);

}  // namespace

Http1Connection::GraceTimer::GraceTimer(Http1Connection& owner) noexcept
    : Timer([](Timer& timer) noexcept { static_cast<GraceTimer&>(timer).connection.end_grace(); }),
      connection(owner) {}

Http1Connection::Http1Connection(Worker& worker, net::StreamPtr stream, Peer peer,
                                 std::shared_ptr<const ListenConfig> config,
                                 std::unique_ptr<const TlsSession> tls)
    : worker_(worker),
      stream_(std::move(stream)),
      peer_(std::move(peer)),
      config_(std::move(config)),
      tls_(std::move(tls)),
      grace_(*this),
      is_trusted_(config_->trusts(peer_)) {
  stream_->set_observer(this);
}

Http1Connection::~Http1Connection() = default;

Task<void> Http1Connection::run() {
  net::Stream& stream = *stream_;
  TimePoint deadline = worker_.loop().now() + config_->limits.header_timeout;
  const TimePoint waited_for = std::min(deadline, worker_.loop().now() + kFirstWord);
  bool is_first = true;
  for (;;) {
    while (input_.empty() && !stream.may_receive()) {
      if (is_draining_) {
        if (!is_first || worker_.loop().now() >= waited_for) co_return;
        deadline = waited_for;
      }
      worker_.connection_idle(*this);
      const Wake wake = co_await stream.readable().wait(deadline);
      worker_.connection_busy(*this);
      if (wake != Wake::signalled) co_return;
    }
    if (!is_first) deadline = worker_.loop().now() + config_->limits.header_timeout;
    // In memory of its own, so that the frame of an idle connection stays small.
    auto exchange = std::make_unique<Http1Exchange>(*this);
    begin(*exchange);
    const Http1Exchange::End how = co_await exchange->run(deadline);
    end(how == Http1Exchange::End::abort);
    exchange.reset();
    if (how == Http1Exchange::End::linger) co_await linger();
    if (how != Http1Exchange::End::keep) co_return;
    input_.release_if_empty();
    is_first = false;
    deadline = worker_.loop().now() + config_->limits.idle;
  }
}

void Http1Connection::begin(Http1Exchange& exchange) noexcept {
  exchange_ = &exchange;
  if (is_half_closed_) begin_grace();  // Its end came together with the request.
}

void Http1Connection::end(bool is_cut) noexcept {
  exchange_ = nullptr;
  grace_.clear();
  if (is_cut) stream_->reset_on_close();
}

Task<void> Http1Connection::linger() {
  constexpr std::size_t kMost = 256 * 1024;
  stream_->shutdown_send();
  const TimePoint deadline = worker_.loop().now() + std::chrono::seconds(2);
  for (std::size_t taken = 0; taken < kMost;) {
    input_.drop(input_.pending().size());
    const net::IoResult result = input_.receive(*stream_, 16 * 1024);
    if (result.kind == net::IoResult::Kind::bytes) {
      taken += result.count;
      continue;
    }
    if (result.kind != net::IoResult::Kind::would_block) co_return;
    const Wake wake = co_await stream_->readable().wait(deadline);
    if (wake != Wake::signalled) co_return;
  }
}

void Http1Connection::drain() noexcept {
  is_draining_ = true;
  if (exchange_ == nullptr && stream_->readable().has_waiter()) stream_->readable().set();
}

void Http1Connection::retire() noexcept { is_draining_ = true; }

void Http1Connection::on_half_close() noexcept {
  is_half_closed_ = true;
  if (exchange_ != nullptr) begin_grace();
}

void Http1Connection::begin_grace() noexcept {
  sent_before_grace_ = exchange_->bytes_sent();
  grace_.set(worker_.loop().timers(), worker_.loop().now() + config_->limits.half_close);
}

/// A client that is gone would have answered what was sent meanwhile with a reset. A tunnel has a
/// half-close of its own, which the target was told of.
void Http1Connection::end_grace() noexcept {
  if (exchange_ == nullptr || exchange_->is_tunnel()) return;
  if (exchange_->bytes_sent() != sent_before_grace_) {
    begin_grace();
  } else {
    exchange_->client_gone();
  }
}

void Http1Connection::on_disconnect() noexcept {
  if (exchange_ != nullptr) exchange_->client_gone();
}

}  // namespace gatewaykit::server
