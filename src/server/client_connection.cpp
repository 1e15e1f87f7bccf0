// SPDX-License-Identifier: Apache-2.0
#include "server/client_connection.hpp"

#include <chrono>

#include "gatewaykit/core/async.hpp"
#include "server/worker.hpp"

namespace gatewaykit::server {

Task<void> ClientConnection::linger(Duration patience) {
  // As much as a client may be sending at full speed: with a reset it would lose the answer.
  constexpr std::size_t kMost = std::size_t{16} << 20;
  constexpr std::size_t kPerTurn = std::size_t{256} << 10;
  constexpr Duration kMoment = std::chrono::seconds(2);
  stream_->shutdown_send();
  TimePoint deadline = worker_.loop().now() + kMoment;
  const TimePoint end = worker_.loop().now() + patience;
  const auto is_patient = [&](TimePoint now) {
    deadline = now + kMoment;
    return now < end && stream_->unconfirmed() > 0;
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
