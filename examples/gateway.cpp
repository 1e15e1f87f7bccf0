// SPDX-License-Identifier: Apache-2.0
// gateway: a gateway from a JSON file, or a reverse proxy on one command line.
//
//   gateway --config gateway.json          serves the file; SIGHUP reads it again
//   gateway --config gateway.json --check  tells what is wrong with it, and serves nothing
//   gateway --listen 127.0.0.1:8080 --to http://127.0.0.1:9000
//   curl -i http://127.0.0.1:8080/any/path
//
// SIGTERM and SIGINT drain, then it exits with 0.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "gatewaykit/gatewaykit.hpp"

namespace gk = gatewaykit;

namespace {

struct Arguments {
  std::string config;
  bool checks_only = false;
  std::vector<std::string> listen{"127.0.0.1:8080"};
  std::vector<std::string> targets;
  std::string access_log;
  std::string succession;
  unsigned workers = 1;
  std::optional<std::size_t> max_connections;
  bool request_id = false;
};

/// The limit of open files decides how many clients are served: take all that is allowed.
void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return std::nullopt;
  return text.str();
}

void tell(const std::vector<gk::config::Problem>& problems, const std::string& file) {
  for (const gk::config::Problem& problem : problems) {
    std::fprintf(stderr, "%s\n", to_string(problem, file).c_str());
  }
}

/// What --listen and --to say, without a file.
gk::config::Wiring wire(const Arguments& arguments) {
  gk::UpstreamOptions upstream;
  upstream.name = "default";
  for (const std::string& url : arguments.targets) upstream.targets.emplace_back(url);
  gk::config::Wiring wiring;
  if (arguments.request_id) wiring.router.use(gk::request_id());
  if (!arguments.access_log.empty()) {
    gk::AccessLogOptions log;
    log.file = arguments.access_log;
    wiring.router.use(gk::access_log(std::move(log)));
  }
  wiring.router.any("/*", gk::proxy(gk::UpstreamPool(std::move(upstream))));
  for (const std::string& address : arguments.listen) wiring.listeners.push_back({address, {}});
  wiring.options.workers = arguments.workers;
  wiring.options.succession = arguments.succession;
  wiring.options.max_connections = arguments.max_connections;
  return wiring;
}

/// Reads the file again at each SIGHUP, on a thread of its own, until it goes. The signal must be
/// blocked in all threads.
class Reloader {
 public:
  Reloader(gk::Gateway& gateway, gk::config::Wiring& running, std::string file)
      : gateway_(gateway), running_(running), file_(std::move(file)), thread_([this] { run(); }) {}
  ~Reloader() {
    is_over_ = true;
    pthread_kill(thread_.native_handle(), SIGHUP);
    thread_.join();
  }

 private:
  void run() {
    sigset_t hangup;
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    for (int signal = 0; sigwait(&hangup, &signal) == 0 && !is_over_;) reload();
  }

  void reload() {
    const std::optional<std::string> text = read_file(file_);
    if (!text) {
      std::fprintf(stderr, "gateway: cannot read %s: what runs stays\n", file_.c_str());
      return;
    }
    const auto problems = gk::config::reload(gateway_, running_, *text, gk::config::Catalog());
    tell(problems, file_);
    std::fprintf(stderr, "gateway: %s\n",
                 problems.empty() ? "reloaded" : "not reloaded: what runs stays");
  }

  gk::Gateway& gateway_;
  gk::config::Wiring& running_;
  const std::string file_;
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

int serve(gk::config::Wiring wiring, const std::string& file) {
  sigset_t hangup;
  sigemptyset(&hangup);
  if (!file.empty()) sigaddset(&hangup, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &hangup, nullptr);

  gk::Gateway gateway(std::move(wiring.router), std::move(wiring.options));
  std::vector<std::string> bound;
  for (const gk::config::Listener& listener : wiring.listeners) {
    const std::string& address = listener.address;
    const std::uint16_t port = gateway.listen(address, listener.options);
    const bool is_ip =
        address.find_first_of("0123456789[") == 0 || address.starts_with("localhost:");
    bound.push_back(is_ip ? address.substr(0, address.rfind(':') + 1) + std::to_string(port)
                          : address);
  }
  gateway.stop_on_signals();
  gateway.start();
  for (const std::string& address : bound) std::printf("listening on %s\n", address.c_str());
  std::fflush(stdout);
  std::optional<Reloader> reloader;
  if (!file.empty()) reloader.emplace(gateway, wiring, file);
  gateway.wait();
  return 0;
}

int serve_file(const Arguments& arguments) {
  const std::optional<std::string> text = read_file(arguments.config);
  if (!text) {
    std::fprintf(stderr, "gateway: cannot read %s\n", arguments.config.c_str());
    return 1;
  }
  if (arguments.checks_only) {
    const auto problems = gk::config::check(*text, gk::config::Catalog());
    tell(problems, arguments.config);
    return problems.empty() ? 0 : 1;
  }
  gk::config::Loaded loaded = gk::config::load(*text, gk::config::Catalog());
  tell(loaded.problems, arguments.config);
  if (!loaded.wiring) return 1;
  return serve(std::move(*loaded.wiring), arguments.config);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("A gateway from a JSON file, or a reverse proxy before one service.");
  CLI::Option* const config = app.add_option("--config", arguments.config, "JSON file to serve");
  app.add_flag("--check", arguments.checks_only, "Tell what is wrong with the file, and exit")
      ->needs(config);
  app.add_option("--listen", arguments.listen, "ADDRESS:PORT (port 0: a free one) or unix:PATH")
      ->excludes(config);
  CLI::Option* const to =
      app.add_option("--to", arguments.targets, "Target, such as http://127.0.0.1:9000")
          ->excludes(config);
  app.add_option("--workers", arguments.workers, "Event loops; 0 for one per core")->needs(to);
  app.add_option("--succession", arguments.succession,
                 "Unix-domain socket by which the next process takes over")
      ->needs(to);
  app.add_option("--max-connections", arguments.max_connections, "Clients at a time")->needs(to);
  app.add_option("--access-log", arguments.access_log, "File for JSON lines; - for stdout")
      ->needs(to);
  app.add_flag("--request-id", arguments.request_id, "Give each request an id")->needs(to);
  app.callback([&] {
    if (config->empty() && to->empty()) throw CLI::RequiredError("--config or --to");
  });
  CLI11_PARSE(app, argc, argv);
  try {
    raise_descriptor_limit();
    if (!arguments.config.empty()) return serve_file(arguments);
    return serve(wire(arguments), "");
  } catch (const gk::ConfigError& error) {
    for (const std::string& problem : error.problems()) {
      std::fprintf(stderr, "gateway: %s\n", problem.c_str());
    }
    return 1;
  }
}
