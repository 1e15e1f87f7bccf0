// SPDX-License-Identifier: Apache-2.0
#include "net/stream.hpp"

#include <cstring>

#include "gatewaykit/core/executor.hpp"

namespace gatewaykit::net {

bool SendProgress::advance(std::size_t sent) noexcept {
  while (count > 0 && sent >= vectors->iov_len) {
    sent -= vectors->iov_len;
    ++vectors;
    --count;
  }
  if (count == 0) return true;
  vectors->iov_base = static_cast<char*>(vectors->iov_base) + sent;
  vectors->iov_len -= sent;
  return false;
}

IoResult try_send_all(Stream& stream, SendProgress& progress) noexcept {
  for (;;) {
    const IoResult result = stream.send(progress.vectors, progress.count);
    if (result.kind != IoResult::Kind::bytes) return result;
    if (progress.advance(result.count)) return result;
  }
}

Task<Result<>> send_all(Stream& stream, SendProgress progress, Duration patience, Origin origin) {
  const Env env = co_await current_env();
  for (;;) {
    const IoResult result = try_send_all(stream, progress);
    if (result.kind == IoResult::Kind::bytes) co_return Result<>();
    if (result.kind != IoResult::Kind::would_block) {
      co_return Error(Errc::reset, origin, std::strerror(result.error));
    }
    const Wake wake = co_await stream.writable().wait(env.executor->now() + patience);
    if (wake == Wake::timeout) co_return Error(Errc::idle_timeout, origin);
    if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::client);
  }
}

}  // namespace gatewaykit::net
