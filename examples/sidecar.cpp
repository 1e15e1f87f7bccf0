// SPDX-License-Identifier: Apache-2.0
// sidecar: a gateway beside one application on the same machine, which listens on a Unix-domain
// socket alone: limits, an access log and readiness come with it, and nobody else reaches the
// application.
//
//   sidecar 127.0.0.1:8080 /run/app.sock
//   curl -i http://127.0.0.1:8080/           the application's answer, with an id
//   curl -i http://127.0.0.1:8080/-/ready    200 until it is told to stop
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "gatewaykit/gatewaykit.hpp"

namespace gk = gatewaykit;
using namespace std::chrono_literals;

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: sidecar ADDRESS:PORT SOCKET\n");
    return 2;
  }
  try {
    gk::UpstreamOptions application;
    application.name = "application";
    application.targets.emplace_back("unix:" + std::string(argv[2]));
    application.timeouts.first_byte = 5s;

    gk::Router router;
    router.use(gk::request_id());
    router.use(gk::access_log());
    router.use(gk::body_limit(10 << 20));
    router.get("/-/ready", gk::ready());
    router.any("/*", gk::proxy(gk::UpstreamPool(std::move(application))));

    gk::GatewayOptions options;
    options.drain_delay = 1s;  // For those who ask whether it is ready.
    gk::Gateway gateway(std::move(router), std::move(options));
    const std::uint16_t port = gateway.listen(argv[1]);
    gateway.stop_on_signals();
    gateway.start();
    std::fprintf(stderr, "listening on port %u\n", unsigned{port});
    gateway.wait();
    return 0;
  } catch (const gk::ConfigError& error) {
    std::fprintf(stderr, "sidecar: %s\n", error.what());
    return 1;
  }
}
