// SPDX-License-Identifier: Apache-2.0
// The command line of gateway, and what it describes: a wiring without a file, or a request to
// explain.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "gatewaykit/gatewaykit.hpp"

struct Arguments {
  std::string config;
  bool checks_only = false;
  bool explains = false;
  std::string method, url;
  std::vector<std::string> fields;
  std::vector<std::string> listen{"127.0.0.1:8080"};
  std::vector<std::string> targets;
  std::string access_log;
  std::string succession;
  unsigned workers = 1;
  std::optional<std::size_t> max_connections;
  bool request_id = false;
};

/// What takes the place of a file. Returns the option without which the others mean nothing.
inline CLI::Option* add_proxy_options(CLI::App& app, CLI::Option* config, Arguments& arguments) {
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
  return to;
}

inline CLI::App* add_explain(CLI::App& app, Arguments& arguments) {
  CLI::App* const explain = app.add_subcommand("explain", "Tell what becomes of a request");
  explain->fallthrough();  // To --config.
  explain->add_option("method", arguments.method, "Such as GET")->required();
  explain->add_option("url", arguments.url, "Such as /users/7 or http://host/users/7")->required();
  explain->add_option("-H", arguments.fields, "Header field, as in curl")->allow_extra_args(false);
  return explain;
}

/// Ends the process where they ask for help (0), or are mistaken (2).
inline Arguments parse_arguments(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("A gateway from a JSON file, or a reverse proxy before one service.");
  app.set_version_flag("--version", GATEWAY_VERSION);
  CLI::Option* const config = app.add_option("--config", arguments.config, "JSON file to serve");
  app.add_flag("--check", arguments.checks_only, "Tell what is wrong with the file, and exit")
      ->needs(config);
  CLI::Option* const to = add_proxy_options(app, config, arguments);
  CLI::App* const explain = add_explain(app, arguments);
  app.callback([&] {
    arguments.explains = explain->parsed();
    if (arguments.explains && config->empty()) throw CLI::RequiredError("--config");
    if (config->empty() && to->empty()) throw CLI::RequiredError("--config or --to");
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : 2);
  }
  return arguments;
}

/// What --listen, --to and the like say.
inline gatewaykit::config::Wiring wiring_of(const Arguments& arguments) {
  namespace gk = gatewaykit;
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

/// The request to explain. Throws ConfigError where the arguments describe none.
inline gatewaykit::Request request_of(const Arguments& arguments) {
  namespace gk = gatewaykit;
  const auto method = gk::Method::from_token(arguments.method);
  if (!method) throw gk::ConfigError({"'" + arguments.method + "' is no method"});
  gk::Request request(*method, arguments.url);
  for (const std::string& field : arguments.fields) {
    const std::size_t colon = std::min(field.find(':'), field.size());
    const std::string name = field.substr(0, colon);
    const std::size_t begin = std::min(field.find_first_not_of(": \t", colon), field.size());
    if (gk::field_of(name) == gk::Field::host) {
      request.authority = field.substr(begin);
    } else if (colon == field.size() || !request.headers.try_add(name, field.substr(begin))) {
      throw gk::ConfigError({"'" + field + "' is no header field"});
    }
  }
  return request;
}
