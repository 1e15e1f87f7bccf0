// SPDX-License-Identifier: Apache-2.0
#include "server/client_connection.hpp"

#include <chrono>
#include <utility>

#include "gatewaykit/core/async.hpp"
#include "server/worker.hpp"

namespace gatewaykit::server {

Task<void> ClientConnection::linger(Duration patience) {
  // As much as a client may be sending at full speed: with a reset it would lose the answer.
  constexpr std::size_t kMost = std::size_t{16} << 20;
  constexpr std::size_t kPerTurn = std::size_t{256} << 10;
  constexpr Duration kMoment = std::chrono::seconds(2);
  constexpr int kMostPatience = 10;  // However little is taken in each time.
  stream_->shutdown_send();
  const TimePoint begun = worker_.loop().now();
  TimePoint deadline = begun + kMoment;
  TimePoint progressed_at = begun;
  std::size_t unconfirmed = stream_->unconfirmed();
  const auto is_patient = [&](TimePoint now) {
    const std::size_t before = std::exchange(unconfirmed, stream_->unconfirmed());
    if (unconfirmed < before) progressed_at = now;
    deadline = now + kMoment;
    return unconfirmed > 0 && now - progressed_at < patience &&
           now - begun < patience * kMostPatience;
  };
  std::size_t taken = 0;
  for (std::size_t turn_end = kPerTurn; taken < kMost;) {
    input_.drop(input_.pending().size());
    const net::IoResult result = input_.receive(*stream_, 16 * 1024);
    if (result.kind == net::IoResult::Kind::bytes) {
      taken += result.count;
      if (taken < turn_end) continue;
      turn_end = taken + kPerTurn;
      const Result<> turn = co_await next_turn();
      const TimePoint now = worker_.loop().now();
      if (!turn || (now >= deadline && !is_patient(now))) co_return;
      continue;
    }
    if (result.kind != net::IoResult::Kind::would_block) co_return;
    const Wake wake = co_await stream_->readable().wait(deadline);
    if (wake == Wake::cancelled) co_return;
    if (wake == Wake::timeout && !is_patient(worker_.loop().now())) co_return;
  }
}

}  // namespace gatewaykit::server
