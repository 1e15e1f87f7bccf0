// SPDX-License-Identifier: Apache-2.0
// tested_middleware: a host's middleware under test: no socket, no sleep, virtual time. The kit
// (target gatewaykit::testing) needs no test framework; run it with whatever you use.
//
//   tested_middleware    prints what it has found, and exits with 0
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "gatewaykit/core/async.hpp"
#include "gatewaykit/gatewaykit.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"

namespace gk = gatewaykit;
using namespace std::chrono_literals;

namespace {

/// What is tested: answers 503 where the rest has not answered within a second.
class Impatient final : public gk::Middleware {
 public:
  gk::Task<gk::Response> handle(gk::Context& ctx, gk::Next next) const override {
    const gk::TimePoint begun = ctx.env().executor->now();
    gk::Response response = co_await next(ctx);
    if (ctx.env().executor->now() - begun <= 1s) co_return response;
    co_return gk::Response::problem(gk::Status::service_unavailable, "Too slow.");
  }
};

void expect(bool holds, const char* what) {
  std::printf("%s: %s\n", holds ? "ok" : "FAILED", what);
  if (!holds) std::exit(1);
}

gk::Status status_after(gk::Duration pause) {
  gk::testing::VirtualExecutor executor;
  gk::testing::TestExchange exchange(executor);
  const gk::testing::ScriptedNext rest([pause](gk::Context&) -> gk::Task<gk::Response> {
    const gk::Result<> slept = co_await gk::sleep_for(pause);
    co_return gk::Response::text(gk::Status::ok, slept ? "done" : "cancelled");
  });
  return exchange.run(Impatient{}, rest).status;
}

}  // namespace

int main() {
  expect(status_after(500ms) == gk::Status::ok, "an answer in time passes");
  expect(status_after(1h) == gk::Status::service_unavailable, "a late one becomes a 503");
  return 0;
}
