// SPDX-License-Identifier: Apache-2.0
// A host as tiny as can be that still links the router, the server, JSON and the test kit's types.
#include <gatewaykit/gatewaykit.hpp>

#include <cstdio>

namespace gk = gatewaykit;

int main() {
  gk::config::Loaded loaded = gk::config::load(
      R"({"listen": "127.0.0.1:0", "middleware": ["requestId", "compression"],
          "routes": [{"path": "/hello", "respond": "hello\n"}]})",
      gk::config::Catalog());
  if (!loaded.wiring) return 1;
  gk::Gateway gateway(std::move(loaded.wiring->router));
  const gk::Response answer = gateway.handle_sync(gk::Request(gk::Method::get, "/hello"));
  std::printf("%d\n", gk::code(answer.status));
  return answer.status == gk::Status::ok ? 0 : 1;
}
