// SPDX-License-Identifier: Apache-2.0
// tls_termination: https before an application that speaks HTTP in clear text: who comes without
// TLS is sent there, and certificates that were renewed are read again every hour.
//
//   tls_termination 127.0.0.1:8443 127.0.0.1:8080 cert.pem key.pem http://127.0.0.1:9000
//   curl -i --cacert ca.pem https://localhost:8443/   the application's answer
//   curl -i http://localhost:8080/path                308, to https://localhost:8443/path
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "gatewaykit/core/async.hpp"
#include "gatewaykit/gatewaykit.hpp"

namespace gk = gatewaykit;
using namespace std::chrono_literals;

namespace {

/// Browsers are to come by https from now on (RFC 6797).
gk::Task<gk::Response> insist(gk::Context& ctx, gk::Next next) {
  gk::Response response = co_await next(ctx);
  response.headers.set("strict-transport-security", "max-age=31536000");
  co_return response;
}

gk::Router secured(const char* application) {
  gk::UpstreamOptions upstream;
  upstream.name = "application";
  upstream.targets.emplace_back(application);
  gk::Router router;
  router.use(&insist);
  router.any("/*", gk::proxy(gk::UpstreamPool(std::move(upstream))));
  return router;
}

gk::Router redirecting_to(std::uint16_t port) {
  gk::Router router;
  router.any("/*", gk::redirect_to_https(port));
  return router;
}

gk::Task<void> keep_fresh(gk::Gateway& gateway) {
  for (;;) {
    const gk::Result<> slept = co_await gk::sleep_for(1h);
    if (!slept) co_return;
    try {
      gateway.reload_certificates();
    } catch (const gk::ConfigError& error) {  // It keeps those that it has.
      std::fprintf(stderr, "tls_termination: %s\n", error.what());
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: tls_termination ADDRESS:PORT CLEAR:PORT CERT KEY URL\n");
    return 2;
  }
  try {
    gk::ListenOptions listen;
    gk::TlsOptions& tls = listen.tls.emplace();
    tls.certificates.push_back({argv[3], argv[4]});
    gk::Gateway secure(secured(argv[5]));
    const std::uint16_t port = secure.listen(argv[1], std::move(listen));

    gk::Gateway clear(redirecting_to(port));
    const std::uint16_t clear_port = clear.listen(argv[2]);

    secure.spawn(keep_fresh(secure));
    secure.stop_on_signals();
    clear.start();
    secure.start();
    std::printf("redirecting from port %u\nlistening on port %u\n", unsigned{clear_port},
                unsigned{port});
    std::fflush(stdout);
    secure.wait();
    return 0;
  } catch (const gk::ConfigError& error) {
    std::fprintf(stderr, "tls_termination: %s\n", error.what());
    return 1;
  }
}
