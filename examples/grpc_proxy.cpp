// SPDX-License-Identifier: Apache-2.0
// grpc_proxy: services of gRPC behind one address, for clients of gRPC in clear text and, as
// gRPC-Web, for the pages of one origin in browsers.
//
//   grpc_proxy 127.0.0.1:8080 https://shop.example http://127.0.0.1:50051
//   grpcurl -plaintext -proto greeter.proto -d '{"name": "you"}' 127.0.0.1:8080 Greeter/Hello
//   printf '\0\0\0\0\5\12\3you' > call
//   curl -i --data-binary @call -H content-type:application/grpc-web 127.0.0.1:8080/Greeter/Hello
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

#include "gatewaykit/gatewaykit.hpp"

namespace gk = gatewaykit;
using namespace std::chrono_literals;

namespace {

/// Between two messages, either way. How long a call may take, its client says (grpc-timeout).
constexpr gk::Duration kSilence = 1h;

/// What clients of gRPC-Web send and read.
gk::CorsOptions readable_by(std::string origin) {
  gk::CorsOptions cors;
  cors.origins.push_back(std::move(origin));
  cors.headers = {"authorization", "content-type", "grpc-timeout", "x-grpc-web", "x-user-agent"};
  cors.exposed_headers = {"grpc-status", "grpc-message", "grpc-status-details-bin"};
  cors.max_age = 2h;
  return cors;
}

gk::UpstreamPool services_at(const char* url) {
  gk::UpstreamOptions services;
  services.name = "services";
  services.targets.emplace_back(url);
  services.http2 = gk::Http2Use::always;
  services.timeouts.first_byte = kSilence;
  services.timeouts.idle = kSilence;
  return gk::UpstreamPool(std::move(services));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: grpc_proxy ADDRESS:PORT ORIGIN URL\n");
    return 2;
  }
  try {
    gk::Router router;
    router.use(gk::cors(readable_by(argv[2])));
    router.use(gk::grpc_web());
    router.post("/*", gk::proxy(services_at(argv[3])));

    gk::ListenOptions listen;
    listen.limits.body_idle = kSilence;
    listen.limits.body_rate = std::nullopt;
    gk::Gateway gateway(std::move(router));
    std::printf("listening on port %u\n", unsigned{gateway.listen(argv[1], std::move(listen))});
    std::fflush(stdout);
    gateway.stop_on_signals();
    return gateway.run();
  } catch (const gk::ConfigError& error) {
    std::fprintf(stderr, "grpc_proxy: %s\n", error.what());
    return 1;
  }
}
