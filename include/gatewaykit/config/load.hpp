// SPDX-License-Identifier: Apache-2.0
// config::load: from the JSON text of a gateway (README, "A gateway from a file") to what a host
// wires: listeners, pools, router. It opens no socket (but the files of access logs): a text is
// judged as a whole, and every mistake in it is told with its place, before anything of it is used.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/config/problem.hpp"
#include "gatewaykit/config/reader.hpp"
#include "gatewaykit/core/function.hpp"
#include "gatewaykit/export.hpp"
#include "gatewaykit/routing/router.hpp"
#include "gatewaykit/server/gateway.hpp"
#include "gatewaykit/upstream/upstream_pool.hpp"

namespace gatewaykit::config {

/// The middlewares that a text may name. Not thread-safe while it is added to.
class GATEWAYKIT_EXPORT Catalog {
 public:
  /// Makes a middleware of its options. What it does not read of them is reported as unknown; a
  /// ConfigError that it throws is reported at its place.
  using Factory = Function<MiddlewarePtr(Reader& options) const>;

  /// Knows what the library brings.
  Catalog();
  /// The same names, but their middlewares open no files: for texts that are looked at and not
  /// served.
  static Catalog without_files();

  /// Adds a host's own. Throws ConfigError where the name is taken.
  void add(std::string name, Factory make);
  /// Takes one out that texts must not use. False where it is not there.
  bool remove(std::string_view name);
  const Factory* find(std::string_view name) const;
  std::vector<std::string_view> names() const;

 private:
  std::map<std::string, Factory, std::less<>> factories_;
};

struct Listener {
  std::string address;
  ListenOptions options;
};

/// A service of the text: its pool, and what it was made of in the form that equal texts share.
struct Service {
  UpstreamPool pool;
  std::string definition;
};
using Services = std::map<std::string, Service, std::less<>>;

/// A text, ready to be served.
struct Wiring {
  std::vector<Listener> listeners;
  GatewayOptions options;
  Router router;
  Services services;
  /// What cannot change while a gateway runs, by the name of its key.
  std::map<std::string, std::string> fixed;
};

struct Loaded {
  std::optional<Wiring> wiring;   ///< Present if there are no problems.
  std::vector<Problem> problems;  ///< In the order of their places.
};

/// Judges `text` and wires it. A service that `running` has with the same definition keeps its
/// pool, with its connections and all that it knows of its targets.
GATEWAYKIT_EXPORT Loaded load(std::string_view text, const Catalog& catalog,
                              const Services& running = {});

/// Has `gateway`, which serves `running`, serve `text` from now on: exchanges that run go on by the
/// old routes. Where the text has problems, or changes what cannot change, nothing happens but that
/// they are told. Then `running` is what is served.
GATEWAYKIT_EXPORT std::vector<Problem> reload(Gateway& gateway, Wiring& running,
                                              std::string_view text, const Catalog& catalog);

}  // namespace gatewaykit::config
