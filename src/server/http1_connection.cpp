// SPDX-License-Identifier: Apache-2.0
#include "server/http1_connection.hpp"

#include <algorithm>
#include <utility>

#include "server/http1_exchange.hpp"
#include "server/http2_connection.hpp"
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
    : ClientConnection(worker, std::move(stream), std::move(peer), std::move(config),
                       std::move(tls)),
      grace_(*this) {
  this->stream().set_observer(this);
}

Http1Connection::~Http1Connection() = default;

Task<void> Http1Connection::run() {
  net::Stream& stream = this->stream();
  TimePoint deadline = worker().loop().now() + config().limits.header_timeout;
  const TimePoint waited_for = std::min(deadline, worker().loop().now() + kFirstWord);
  for (;;) {
    while (input().empty() && !stream.may_receive()) {
      if (is_draining_) {
        if (!is_first_ || worker().loop().now() >= waited_for) co_return;
        deadline = waited_for;
      }
      worker().connection_idle(*this);
      const Wake wake = co_await stream.readable().wait(deadline);
      worker().connection_busy(*this);
      if (wake != Wake::signalled) co_return;
    }
    if (!is_first_) deadline = worker().loop().now() + config().limits.header_timeout;
    // In memory of its own, so that the frame of an idle connection stays small.
    auto exchange = std::make_unique<Http1Exchange>(*this);
    begin(*exchange);
    const Http1Exchange::End how = co_await exchange->run(deadline);
    end(how == Http1Exchange::End::abort);
    exchange.reset();
    is_http2_ = how == Http1Exchange::End::http2;
    if (how == Http1Exchange::End::linger) co_await linger();
    if (how != Http1Exchange::End::keep) co_return;
    input().release_if_empty();
    is_first_ = false;
    deadline = worker().loop().now() + config().limits.idle;
  }
}

bool Http1Connection::speaks_http2() noexcept {
  const std::string_view received = input().pending();
  const std::string_view preface(NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
  return is_first_ && config().http2.enabled &&
         received.substr(0, preface.size()) == preface.substr(0, received.size());
}

std::unique_ptr<Connection> Http1Connection::successor() {
  if (!is_http2_) return nullptr;
  stream().set_observer(nullptr);
  return std::make_unique<Http2Connection>(std::move(*this));
}

void Http1Connection::begin(Http1Exchange& exchange) noexcept {
  exchange_ = &exchange;
  if (is_half_closed_) begin_grace();  // Its end came together with the request.
}

void Http1Connection::end(bool is_cut) noexcept {
  exchange_ = nullptr;
  grace_.clear();
  if (is_cut) stream().reset_on_close();
}

void Http1Connection::drain() noexcept {
  is_draining_ = true;
  if (exchange_ == nullptr && stream().readable().has_waiter()) stream().readable().set();
}

void Http1Connection::retire() noexcept { is_draining_ = true; }

void Http1Connection::on_half_close() noexcept {
  is_half_closed_ = true;
  if (exchange_ != nullptr) begin_grace();
}

void Http1Connection::begin_grace() noexcept {
  sent_before_grace_ = exchange_->bytes_sent();
  grace_.set(worker().loop().timers(), worker().loop().now() + config().limits.half_close);
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
