// SPDX-License-Identifier: Apache-2.0
#include "server/client_connection.hpp"

#include <chrono>

#include "server/worker.hpp"

namespace gatewaykit::server {

Task<void> ClientConnection::linger() {
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

}  // namespace gatewaykit::server
