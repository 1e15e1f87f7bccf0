// SPDX-License-Identifier: Apache-2.0
// gateway: a gateway from a JSON file, or a reverse proxy on one command line.
//
//   gateway --config gateway.json          serves the file; SIGHUP reads it again
//   gateway --config gateway.json --check  tells what is wrong with it, and serves nothing
//   gateway explain GET http://shop.example/users/7 -H 'X-Beta: 1' --config gateway.json
//   gateway --listen 127.0.0.1:8080 --to http://127.0.0.1:9000
//   curl -i http://127.0.0.1:8080/any/path
//
// SIGTERM and SIGINT drain, then it exits with 0.
#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "gateway_arguments.hpp"
#include "gateway_file.hpp"
#include "gatewaykit/gatewaykit.hpp"

namespace gk = gatewaykit;

namespace {

/// The limit of open files decides how many clients are served: take all that is allowed.
void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// What a client connects to: the address with the port that a 0 came to.
std::string listen(gk::Gateway& gateway, const gk::config::Listener& listener) {
  const std::string& address = listener.address;
  const std::uint16_t port = gateway.listen(address, listener.options);
  const bool is_ip = address.find_first_of("0123456789[") == 0 || address.starts_with("localhost:");
  return is_ip ? address.substr(0, address.rfind(':') + 1) + std::to_string(port) : address;
}

/// Serves until a signal ends it. Where there is a file, SIGHUP reads it again.
int serve(gk::config::Wiring wiring, const std::string& file) {
  if (!file.empty()) Reloader::block_signal();
  gk::Gateway gateway(std::move(wiring.router), std::move(wiring.options));
  std::vector<std::string> bound;
  for (const auto& listener : wiring.listeners) bound.push_back(listen(gateway, listener));
  gateway.stop_on_signals();
  gateway.start();
  for (const std::string& address : bound) std::printf("listening on %s\n", address.c_str());
  std::fflush(stdout);
  std::optional<Reloader> reloader;
  if (!file.empty()) reloader.emplace(gateway, wiring, file);
  gateway.wait();
  return 0;
}

/// Tells what becomes of the request; 0 where a route takes it.
int explain(const gk::config::Wiring& wiring, const Arguments& arguments) {
  const gk::ListenOptions& listener = wiring.listeners.front().options;
  const auto told = wiring.router.explain(request_of(arguments), listener.encoded_slash);
  std::fputs(to_string(told).c_str(), stdout);
  return told.route ? 0 : 1;
}

int serve_file(const Arguments& arguments) {
  const std::optional<std::string> text = read_file(arguments.config);
  if (!text) {
    std::fprintf(stderr, "gateway: cannot read %s\n", arguments.config.c_str());
    return 1;
  }
  const bool serves = !arguments.explains && !arguments.checks_only;
  const gk::config::Catalog catalog =
      serves ? gk::config::Catalog() : gk::config::Catalog::without_files();
  gk::config::Loaded loaded = gk::config::load(*text, catalog);
  tell(loaded.problems, arguments.config);
  if (!loaded.wiring) return 1;
  if (arguments.checks_only) return 0;
  if (arguments.explains) return explain(*loaded.wiring, arguments);
  return serve(std::move(*loaded.wiring), arguments.config);
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse_arguments(argc, argv);
  try {
    raise_descriptor_limit();
    if (!arguments.config.empty()) return serve_file(arguments);
    return serve(wiring_of(arguments), "");
  } catch (const gk::ConfigError& error) {
    for (const std::string& problem : error.problems()) {
      std::fprintf(stderr, "gateway: %s\n", problem.c_str());
    }
    return 1;
  }
}
