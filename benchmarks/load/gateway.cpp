// SPDX-License-Identifier: Apache-2.0
//
// A host program with one worker, as an author of middlewares would write it: a plain proxy with a
// chosen number of trivial layers, a request id and a JSON access log around it. What each of them
// costs is the difference from the `gateway` executable, which has none. It counts its allocations:
// GET /allocations tells, where it is asked to.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "gatewaykit/middleware/access_log.hpp"
#include "gatewaykit/middleware/proxy.hpp"
#include "gatewaykit/middleware/request_id.hpp"
#include "gatewaykit/routing/router.hpp"
#include "gatewaykit/server/gateway.hpp"
#include "gatewaykit/upstream/upstream_pool.hpp"
#include "micro/measure.hpp"
#include "support.hpp"

namespace gatewaykit::bench {
namespace {

// The dearer kind of layer: a coroutine, since it has something to do after the rest.
class TrivialLayer final : public Middleware {
 public:
  Task<Response> handle(Context& ctx, Next next) const override {
    Response response = co_await next(ctx);
    co_return response;
  }
};

Task<Response> tell_allocations(Context&) {
  co_return Response::text(Status::ok, std::to_string(allocations()));
}

struct Wanted {
  std::string listen = "127.0.0.1:0";
  std::string to;
  std::uint64_t layers = 0;
  bool request_id = false;
  std::string access_log;
  bool count_allocations = false;
};

int serve(const Wanted& wanted) {
  Router router;
  if (wanted.request_id) router.use(request_id());
  if (!wanted.access_log.empty()) router.use(access_log({.file = wanted.access_log}));
  for (std::uint64_t i = 0; i < wanted.layers; ++i) router.use(TrivialLayer{});
  if (wanted.count_allocations) router.get("/allocations", &tell_allocations);
  router.any("/*", proxy(UpstreamPool({.name = "origin", .targets = {wanted.to}})));

  Gateway gateway(std::move(router), {.workers = 1});
  const std::uint16_t port = gateway.listen(wanted.listen);
  gateway.stop_on_signals();
  gateway.start();
  std::printf("listening on 127.0.0.1:%u\n", unsigned{port});
  std::fflush(stdout);
  gateway.wait();
  return 0;
}

}  // namespace
}  // namespace gatewaykit::bench

int main(int argc, char** argv) {
  using namespace gatewaykit::bench;
  Wanted wanted;
  parse_flags(argc, argv, "A gateway with chosen layers around a plain proxy",
              {{"--listen", &wanted.listen, "address to listen on"},
               {"--to", &wanted.to, "URL of the origin"},
               {"--layers", &wanted.layers, "how many trivial middlewares"},
               {"--request-id", &wanted.request_id, "with a request id"},
               {"--access-log", &wanted.access_log, "with a JSON access log to this file"},
               {"--count-allocations", &wanted.count_allocations, "serve /allocations"}});
  return serve(wanted);
}
