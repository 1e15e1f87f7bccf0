// SPDX-License-Identifier: Apache-2.0
// hello_proxy: the least that is a gateway: one service behind one address.
//
//   hello_proxy 127.0.0.1:8080 http://127.0.0.1:9000
//   curl -i http://127.0.0.1:8080/any/path
#include <cstdint>
#include <cstdio>

#include "gatewaykit/gatewaykit.hpp"

namespace gk = gatewaykit;

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: hello_proxy ADDRESS:PORT URL\n");
    return 2;
  }
  try {
    gk::UpstreamOptions service;
    service.name = "service";
    service.targets.emplace_back(argv[2]);

    gk::Router router;
    router.any("/*", gk::proxy(gk::UpstreamPool(std::move(service))));

    gk::Gateway gateway(std::move(router));
    const std::uint16_t port = gateway.listen(argv[1]);
    gateway.stop_on_signals();
    gateway.start();
    std::printf("listening on port %u\n", unsigned{port});
    std::fflush(stdout);
    gateway.wait();
    return 0;
  } catch (const gk::ConfigError& error) {
    std::fprintf(stderr, "hello_proxy: %s\n", error.what());
    return 1;
  }
}
