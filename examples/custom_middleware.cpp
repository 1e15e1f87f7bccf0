// SPDX-License-Identifier: Apache-2.0
// custom_middleware: a layer of the host's own: acts, awaits the rest, acts again. TenantGuard lets
// nobody in who does not say for whom, and hands what it has learnt to the handlers behind it.
//
//   custom_middleware 127.0.0.1:8080
//   curl -i http://127.0.0.1:8080/hello                      400: x-tenant is required
//   curl -i -H 'x-tenant: acme' http://127.0.0.1:8080/hello  200: hello, acme
#include <cstdint>
#include <cstdio>
#include <string>

#include "gatewaykit/gatewaykit.hpp"

namespace gk = gatewaykit;

namespace {

struct Tenant {
  std::string name;
};

class TenantGuard final : public gk::Middleware {
 public:
  gk::Task<gk::Response> handle(gk::Context& ctx, gk::Next next) const override {
    const auto tenant = ctx.request().headers.get("x-tenant");
    if (!tenant) co_return gk::Response::problem(gk::Status::bad_request, "x-tenant is required");
    ctx.set(Tenant{std::string(*tenant)});
    gk::Response response = co_await next(ctx);
    response.headers.set("cache-control", "private");
    co_return response;
  }
};

gk::Task<gk::Response> say_hello(gk::Context& ctx) {
  co_return gk::Response::text(gk::Status::ok, "hello, " + ctx.get<Tenant>()->name + "\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: custom_middleware ADDRESS:PORT\n");
    return 2;
  }
  try {
    gk::Router router;
    router.use(gk::request_id());
    gk::Router& tenants = router.group("");
    tenants.use(TenantGuard{});
    tenants.get("/hello", &say_hello);
    router.get("/ready", gk::ready());

    gk::Gateway gateway(std::move(router));
    const std::uint16_t port = gateway.listen(argv[1]);
    gateway.stop_on_signals();
    gateway.start();
    std::printf("listening on port %u\n", unsigned{port});
    std::fflush(stdout);
    gateway.wait();
    return 0;
  } catch (const gk::ConfigError& error) {
    std::fprintf(stderr, "custom_middleware: %s\n", error.what());
    return 1;
  }
}
