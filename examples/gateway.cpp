// SPDX-License-Identifier: Apache-2.0
// gateway: a reverse proxy on one command line.
//
//   gateway --listen 127.0.0.1:8080 --to http://127.0.0.1:9000
//   curl -i http://127.0.0.1:8080/any/path
//
// Several --to are targets of one pool. SIGTERM and SIGINT drain, then it exits with 0.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "gatewaykit/gatewaykit.hpp"

namespace gk = gatewaykit;

namespace {

struct Arguments {
  std::vector<std::string> listen{"127.0.0.1:8080"};
  std::vector<std::string> targets;
  std::string access_log;
  unsigned workers = 1;
  bool request_id = false;
};

/// The limit of open files decides how many clients are served: take all that is allowed.
void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int serve(const Arguments& arguments) {
  gk::UpstreamOptions upstream;
  upstream.name = "default";
  for (const std::string& url : arguments.targets) upstream.targets.emplace_back(url);
  gk::Router router;
  if (arguments.request_id) router.use(gk::request_id());
  if (!arguments.access_log.empty()) {
    gk::AccessLogOptions log;
    log.file = arguments.access_log;
    router.use(gk::access_log(std::move(log)));
  }
  router.any("/*", gk::proxy(gk::UpstreamPool(std::move(upstream))));

  gk::GatewayOptions options;
  options.workers = arguments.workers;
  gk::Gateway gateway(std::move(router), std::move(options));
  std::vector<std::string> bound;
  for (const std::string& address : arguments.listen) {
    const std::uint16_t port = gateway.listen(address);
    bound.push_back(address.substr(0, address.rfind(':') + 1) + std::to_string(port));
  }
  gateway.stop_on_signals();
  gateway.start();
  for (const std::string& address : bound) std::printf("listening on %s\n", address.c_str());
  std::fflush(stdout);
  gateway.wait();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("A reverse proxy: forwards every request to one service.");
  app.add_option("--listen", arguments.listen, "ADDRESS:PORT to serve on; port 0 takes a free one");
  app.add_option("--to", arguments.targets, "Target, such as http://127.0.0.1:9000")->required();
  app.add_option("--workers", arguments.workers, "Event loops; 0 for one per core");
  app.add_option("--access-log", arguments.access_log, "File for JSON lines; - for stdout");
  app.add_flag("--request-id", arguments.request_id, "Give each request an id");
  CLI11_PARSE(app, argc, argv);
  try {
    raise_descriptor_limit();
    return serve(arguments);
  } catch (const gk::ConfigError& error) {
    for (const std::string& problem : error.problems()) {
      std::fprintf(stderr, "gateway: %s\n", problem.c_str());
    }
    return 1;
  }
}
