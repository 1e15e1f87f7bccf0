// SPDX-License-Identifier: Apache-2.0
// What a target may send in HTTP/2: the input is all that it writes on one connection, in pieces.
// Two exchanges are under way. Whatever comes, each ends with an answer or an error once the target
// is gone, and a body that has its length has no more.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/testing/fake_upstream.hpp"
#include "gatewaykit/testing/memory_network.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"
#include "gatewaykit/upstream/upstream_pool.hpp"
#include "property.hpp"

namespace {

using namespace gatewaykit;
using namespace gatewaykit::testing;

Task<void> exchange(const UpstreamPool& pool, Context& ctx, Request request, bool& is_over) {
  Result<Response> response = co_await pool.send(ctx, std::move(request));
  if (response) {
    const std::optional<std::uint64_t> size = response->body.size();
    std::uint64_t received = 0;
    for (;;) {
      Result<Chunk> chunk = co_await response->body.read();
      if (!chunk || chunk->empty()) break;
      received += chunk->size();
    }
    fuzz::require(!size || received <= *size, "no more content than announced");
  }
  is_over = true;
}

UpstreamOptions options() {
  UpstreamOptions options;
  options.name = "fuzzed";
  options.targets = {"memory:target"};
  options.http2 = Http2Use::always;
  options.retries.attempts = 0;
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  VirtualExecutor executor;
  MemoryNetwork network(executor);
  FakeUpstream target(network, "memory:target");
  const UpstreamPool pool(options());
  TestExchange first(executor);
  TestExchange second(executor);
  bool first_is_over = false;
  bool second_is_over = false;
  Request upload(Method::post, "/");
  upload.body = Body(Chunk::of_static("content"));
  executor.spawn(exchange(pool, first.context(), Request(Method::get, "/"), first_is_over),
                 first.context().scope());
  executor.spawn(exchange(pool, second.context(), std::move(upload), second_is_over),
                 second.context().scope());
  {
    MemoryPeer peer = executor.run(target.accept());
    std::size_t begin = 0;
    for (const std::size_t end : fuzz::piece_ends(size, static_cast<std::uint32_t>(size), 4096)) {
      const bool is_open = executor.run(peer.write(std::string(input.substr(begin, end - begin))));
      if (!is_open) break;
      executor.settle();
      begin = end;
    }
  }
  executor.advance(std::chrono::minutes(3));
  fuzz::require(first_is_over && second_is_over, "exchanges end with their target");
  return 0;
}
