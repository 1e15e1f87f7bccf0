// SPDX-License-Identifier: Apache-2.0
// embedded: a gateway inside a program that has a life of its own: it runs on threads that it
// brings, answers in-process as well, takes new routes while it serves, and ends without a trace.
//
//   embedded 127.0.0.1:8080
//   curl http://127.0.0.1:8080/price/tea    1, and 2 once a line was read from standard input
#include <cstdio>
#include <map>
#include <string>

#include "gatewaykit/gatewaykit.hpp"

namespace gk = gatewaykit;

namespace {

/// Routes over what the program knows; the program keeps nothing of them.
gk::Router routes_for(std::map<std::string, int> prices) {
  gk::Router router;
  router.get("/price/{name}", [prices](gk::Context& ctx) -> gk::Task<gk::Response> {
    const auto price = prices.find(std::string(ctx.param("name")));
    if (price == prices.end()) {
      co_return gk::Response::problem(gk::Status::not_found, "There is no such thing.");
    }
    co_return gk::Response::text(gk::Status::ok, std::to_string(price->second) + "\n");
  });
  return router;
}

void tell_of_coffee(const gk::Gateway& gateway) {
  const auto answer = gateway.handle_sync(gk::Request(gk::Method::get, "/price/coffee"));
  std::printf("coffee is %s\n", answer.status == gk::Status::ok ? "known" : "unknown");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: embedded ADDRESS:PORT\n");
    return 2;
  }
  try {
    gk::Gateway gateway(routes_for({{"tea", 1}}));
    const std::uint16_t port = gateway.listen(argv[1]);
    gateway.start();  // Returns; clients can connect from now on.
    std::printf("listening on port %u\n", unsigned{port});
    tell_of_coffee(gateway);

    // Each line read is a change of what the program knows; the end of input is its end.
    int price = 1;
    for (int c = std::getchar(); c != EOF; c = std::getchar()) {
      if (c != '\n') continue;
      gateway.swap_routes(routes_for({{"tea", ++price}, {"coffee", 9}}));
      tell_of_coffee(gateway);
    }
    gateway.stop();
    gateway.wait();
    std::printf("%llu requests\n", static_cast<unsigned long long>(gateway.stats().requests));
    return 0;
  } catch (const gk::ConfigError& error) {
    std::fprintf(stderr, "embedded: %s\n", error.what());
    return 1;
  }
}
