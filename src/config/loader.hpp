// SPDX-License-Identifier: Apache-2.0
// Loader: one run of config::load. Each part of the text has a function that reads it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.hpp"
#include "gatewaykit/config/load.hpp"
#include "gatewaykit/middleware/proxy.hpp"

namespace gatewaykit::config {

class Loader {
 public:
  Loader(std::string_view text, const Catalog& catalog, const Services& running);
  Loaded load();

 private:
  /// What a route needs of a service beside its pool.
  struct ServiceUse {
    std::optional<UpstreamPool> pool;  // None where its options are wrong.
    ProxyOptions proxy;
  };
  struct RoutePlace {
    Match match;
    std::string pointer;
    std::size_t offset;
  };

  void read(Reader& root);
  void read_options(Reader& root);
  void read_listeners(Reader& root);
  ListenOptions read_listener(Reader& listener);
  void read_services(Reader& root);
  void read_service(const std::string& name, Reader& service);
  UpstreamOptions read_upstream(const std::string& name, Reader& service);
  void read_routes(Reader& root);
  void read_route(Reader& route);
  Match read_match(Reader& route);
  Handler read_action(Reader& route);
  Handler read_proxy(Reader& route);
  MiddlewarePtr make_middleware(const std::string& name, Reader& options);
  void use_middlewares(Reader& reader, Router& router);
  void check_routes();
  void check_wiring();

  std::string_view text_;
  const Catalog& catalog_;
  const Services& running_;
  Problems problems_;
  Wiring wiring_;
  std::map<std::string, ServiceUse, std::less<>> uses_;
  std::vector<RoutePlace> routes_;
};

}  // namespace gatewaykit::config
