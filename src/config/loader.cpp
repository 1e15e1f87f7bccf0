// SPDX-License-Identifier: Apache-2.0
#include "config/loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "config/suggestion.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/middleware/redirect.hpp"
#include "gatewaykit/middleware/respond.hpp"
#include "gatewaykit/middleware/timeout.hpp"
#include "gatewaykit/routing/context.hpp"
#include "routing/route_set.hpp"
#include "routing/route_table.hpp"
#include "server/listen_config.hpp"
#include "server/listening_socket.hpp"

namespace gatewaykit::config {

namespace {

/// Runs `make`; what it throws as a mistake of wiring is reported as one of the object.
template <class Make>
auto reported(Reader& reader, std::string_view name, Make make) -> decltype(make()) {
  try {
    return make();
  } catch (const ConfigError& error) {
    for (const std::string& sentence : error.problems()) reader.problem(name, sentence);
    return {};
  }
}

std::vector<std::string_view> names_of(const auto& map) {
  std::vector<std::string_view> names;
  for (const auto& entry : map) names.push_back(entry.first);
  return names;
}

/// Methods are case-sensitive, so that "get" would be one that no client sends.
std::optional<Method> read_method(Reader& route, const std::string& name) {
  const std::optional<Method> method = Method::from_token(name);
  std::string upper = name;
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  const std::optional<Method> meant = Method::from_token(upper);
  const bool is_known_but_for_case = upper != name && meant && meant->known() != Method::other;
  if (method && !is_known_but_for_case) return method;
  route.problem("methods",
                fmt::format("\"{}\" is no method{}", name,
                            is_known_but_for_case ? suggestion_for(name, {upper}) : std::string()));
  return std::nullopt;
}

void read_limits(Reader& listener, ListenLimits& limits) {
  std::optional<Reader> reader = listener.object("limits");
  if (!reader) return;
  reader->read_bytes("target", limits.target);
  reader->read_bytes("headerBytes", limits.header_bytes);
  reader->read("headerFields", limits.header_fields);
  reader->read("headerTimeout", limits.header_timeout);
  reader->read_bytes("body", limits.body);
  reader->read("bodyIdle", limits.body_idle);
  reader->read_bytes("bodyRate", limits.body_rate);
  reader->read("idle", limits.idle);
  reader->read("sendIdle", limits.send_idle);
  reader->read("halfClose", limits.half_close);
}

TlsCertificate read_certificate(Reader& reader) {
  TlsCertificate certificate;
  if (!reader.read("certificate", certificate.certificate)) {
    reader.problem("", "needs a \"certificate\": a PEM file");
  }
  if (!reader.read("privateKey", certificate.private_key)) {
    reader.problem("", "needs a \"privateKey\": a PEM file");
  }
  return certificate;
}

void read_http2(Reader& listener, Http2Options& http2) {
  std::optional<Reader> reader = listener.object("http2");
  if (!reader) return;
  reader->read("enabled", http2.enabled);
  reader->read("streams", http2.streams);
  reader->read_bytes("streamWindow", http2.stream_window);
  reader->read_bytes("connectionWindow", http2.connection_window);
  reader->read_bytes("heldHeaderBytes", http2.held_header_bytes);
  reader->read_bytes("frameSize", http2.frame_size);
  reader->read("resets", http2.resets);
  reader->read("idleFrames", http2.idle_frames);
}

/// A listener's, with what its authority says about it.
TlsCertificate read_stapled_certificate(Reader& reader) {
  TlsCertificate certificate = read_certificate(reader);
  reader.read("ocspResponse", certificate.ocsp_response);
  return certificate;
}

void read_min_version(Reader& tls, TlsVersion& version) {
  tls.read_choice<TlsVersion>("minVersion", version,
                              {{"1.2", TlsVersion::tls_1_2}, {"1.3", TlsVersion::tls_1_3}});
}

/// One certificate is written beside the other keys, several are a list.
void read_tls(Reader& listener, std::optional<TlsOptions>& tls) {
  std::optional<Reader> reader = listener.object("tls");
  if (!reader) return;
  TlsOptions& options = tls.emplace();
  if (!reader->has("certificates"))
    options.certificates.push_back(read_stapled_certificate(*reader));
  for (Reader& each : reader->list("certificates", "certificate")) {
    options.certificates.push_back(read_stapled_certificate(each));
  }
  read_min_version(*reader, options.min_version);
  reader->read("ciphers", options.ciphers);
  reader->read_choice<ClientCertificates>("clientCertificates", options.client_certificates,
                                          {{"none", ClientCertificates::none},
                                           {"optional", ClientCertificates::optional},
                                           {"required", ClientCertificates::required}});
  reader->read("clientCa", options.client_ca);
  reader->read("handshakeTimeout", options.handshake_timeout);
  // What is missing has been told: nothing is gained by telling that it cannot be read either.
  const bool is_whole = std::none_of(options.certificates.begin(), options.certificates.end(),
                                     [](const TlsCertificate& each) {
                                       return each.certificate.empty() || each.private_key.empty();
                                     });
  if (!is_whole) tls.reset();
}

void read_upstream_tls(Reader& service, UpstreamTls& options) {
  std::optional<Reader> reader = service.object("tls");
  if (!reader) return;
  reader->read("ca", options.ca);
  reader->read("serverName", options.server_name);
  reader->read("verify", options.verify);
  reader->read("pins", options.pins);
  read_min_version(*reader, options.min_version);
  if (reader->has("certificate") || reader->has("privateKey")) {
    options.certificate = read_certificate(*reader);
  }
}

void read_timeouts(Reader& service, UpstreamTimeouts& timeouts) {
  std::optional<Reader> reader = service.object("timeouts");
  if (!reader) return;
  reader->read("connect", timeouts.connect);
  reader->read("firstByte", timeouts.first_byte);
  reader->read("idle", timeouts.idle);
  reader->read("total", timeouts.total);
}

void read_retries(Reader& service, RetryPolicy& retries) {
  std::optional<Reader> reader = service.object("retries");
  if (!reader) return;
  reader->read("attempts", retries.attempts);
  reader->read("budget", retries.budget, 0, 1);
}

void read_ejection(Reader& service, EjectionPolicy& ejection) {
  std::optional<Reader> reader = service.object("ejection");
  if (!reader) return;
  reader->read("consecutiveFailures", ejection.consecutive_failures);
  reader->read("base", ejection.base);
  reader->read("longest", ejection.longest);
}

void read_targets(Reader& service, std::vector<UpstreamTarget>& targets) {
  for (Reader& reader : service.list("targets", "url")) {
    UpstreamTarget target{std::string()};
    if (!reader.read("url", target.url)) reader.problem("", "needs a \"url\"");
    reader.read("weight", target.weight);
    targets.push_back(std::move(target));
  }
}

std::vector<FieldCondition> read_conditions(Reader& route) {
  std::vector<FieldCondition> conditions;
  std::optional<Reader> fields = route.object("headers");
  if (!fields) return conditions;
  for (const std::string& name : fields->names()) {
    std::string value;
    bool must_exist = false;
    if (fields->is_string(name) && fields->read(name, value)) {
      conditions.push_back(FieldCondition::equals(name, value));
    } else if (std::optional<Reader> condition = fields->object(name)) {
      if (condition->read("exists", must_exist) && must_exist) {
        conditions.push_back(FieldCondition::exists(name));
      } else {
        condition->problem("", "must be {\"exists\": true} or a string");
      }
    }
  }
  return conditions;
}

/// Permissions as chmod(1) has them.
std::optional<unsigned> read_mode(Reader& listener, const std::string& text) {
  unsigned mode = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, mode, 8);
  if (failure == std::errc() && rest == end && mode <= 0777) return mode;
  listener.problem("mode", "must be permissions such as \"0660\"");
  return std::nullopt;
}

/// A status of three digits.
void read_status(Reader& reader, Status& status) {
  std::uint16_t number = 0;
  if (reader.read("status", number, 100, 599)) status = Status(number);
}

Handler read_respond(Reader& reader) {
  RespondOptions options;
  read_status(reader, options.status);
  reader.read("body", options.content);
  reader.read("contentType", options.content_type);
  reader.read("headers", options.headers);
  return reported(reader, "", [&options] { return respond(std::move(options)); });
}

Handler read_redirect(Reader& reader) {
  RedirectOptions options;
  read_status(reader, options.status);
  reader.read("location", options.location);
  return reported(reader, "", [&options] { return redirect(std::move(options)); });
}

}  // namespace

Loader::Loader(std::string_view text, const Catalog& catalog, const Services& running)
    : text_(text), catalog_(catalog), running_(running), problems_(text) {}

Loaded Loader::load() {
  const std::unique_ptr<const Node> document = parse_document(text_, problems_);
  if (document != nullptr && document->kind != Node::Kind::object) {
    problems_.add(document->offset, "", "must be an object");
  } else if (document != nullptr) {
    Reader root(*document, "", problems_);
    read(root);
  }
  check_routes();
  Loaded loaded;
  if (problems_.empty()) loaded.wiring = std::move(wiring_);
  loaded.problems = std::move(problems_).take();
  return loaded;
}

void Loader::read(Reader& root) {
  std::string schema;
  root.read("$schema", schema);  // For editors.
  read_options(root);
  read_listeners(root);
  read_services(root);
  use_middlewares(root, wiring_.router);
  read_routes(root);
  for (const char* const key : {"listen", "workers", "maxConnections", "idleWhenFull",
                                "maxHandshakes", "drainDelay", "drainTimeout", "succession"}) {
    wiring_.fixed[key] = root.canonical(key);
  }
}

void Loader::read_options(Reader& root) {
  GatewayOptions& options = wiring_.options;
  root.read("workers", options.workers, 0, 1024);
  root.read("drainDelay", options.drain_delay);
  root.read("drainTimeout", options.drain_timeout);
  if (root.read("maxConnections", options.max_connections) && options.max_connections == 0U) {
    root.problem("maxConnections", "must be at least 1, or \"none\"");
  }
  root.read("idleWhenFull", options.idle_when_full);
  root.read("maxHandshakes", options.max_handshakes, 1);
  root.read("succession", options.succession);
}

void Loader::read_listeners(Reader& root) {
  if (!root.has("listen")) root.problem("", "needs \"listen\": where to serve");
  for (Reader& reader : root.list("listen", "address")) {
    Listener listener;
    if (!reader.read("address", listener.address)) reader.problem("", "needs an \"address\"");
    listener.options = read_listener(reader);
    if (listener.address.empty()) continue;
    reported(reader, "address", [&listener] {
      server::check_listen_address(listener.address);
      return 0;
    });
    wiring_.listeners.push_back(std::move(listener));
  }
}

ListenOptions Loader::read_listener(Reader& listener) {
  ListenOptions options;
  read_limits(listener, options.limits);
  read_http2(listener, options.http2);
  read_tls(listener, options.tls);
  listener.read("trustedProxies", options.trusted_proxies);
  listener.read("proxyProtocol", options.proxy_protocol);
  listener.read_choice<ClientField>(
      "clientField", options.client_field,
      {{"x-forwarded-for", ClientField::x_forwarded_for}, {"forwarded", ClientField::forwarded}});
  listener.read_choice<EncodedSlash>(
      "encodedSlash", options.encoded_slash,
      {{"reject", EncodedSlash::reject}, {"keep", EncodedSlash::keep}});
  std::string mode;
  if (listener.read("mode", mode)) options.unix_mode = read_mode(listener, mode);
  std::vector<std::string> sentences;
  static_cast<void>(server::ListenConfig::from(options, sentences));
  for (std::string& sentence : sentences) listener.problem("", std::move(sentence));
  return options;
}

void Loader::read_services(Reader& root) {
  for (auto& [name, reader] : root.objects("services")) read_service(name, reader);
}

void Loader::read_service(const std::string& name, Reader& service) {
  ServiceUse& use = uses_[name];
  std::string host;
  if (service.read("host", host)) {
    use.proxy.host = host == "target" ? ProxyOptions::Host::target : ProxyOptions::Host::keep;
    if (host != "target" && host != "keep") use.proxy.host_name = host;
  }
  UpstreamOptions options = read_upstream(name, service);
  std::string definition = service.canonical();
  const auto running = running_.find(name);
  if (running != running_.end() && running->second.definition == definition) {
    use.pool = running->second.pool;
  } else {
    use.pool = reported(service, "", [&options] {
      return std::optional<UpstreamPool>(std::in_place, std::move(options));
    });
  }
  if (use.pool) wiring_.services.emplace(name, Service{*use.pool, std::move(definition)});
}

UpstreamOptions Loader::read_upstream(const std::string& name, Reader& service) {
  UpstreamOptions options;
  options.name = name;
  read_targets(service, options.targets);
  service.read_choice<Balance>("balance", options.balance,
                               {{"leastRequests", Balance::least_requests},
                                {"roundRobin", Balance::round_robin},
                                {"random", Balance::random}});
  service.read("timeout", options.timeout);
  read_timeouts(service, options.timeouts);
  read_retries(service, options.retries);
  read_ejection(service, options.ejection);
  service.read_choice<ProxyProtocol>(
      "proxyProtocol", options.proxy_protocol,
      {{"none", ProxyProtocol::none}, {"v1", ProxyProtocol::v1}, {"v2", ProxyProtocol::v2}});
  service.read("maxConnections", options.max_connections);
  read_upstream_tls(service, options.tls);
  service.read("maxIdleConnections", options.max_idle_connections);
  service.read("keepAlive", options.keep_alive);
  service.read("queue", options.queue);
  service.read("queueTimeout", options.queue_timeout);
  service.read("dnsInterval", options.dns_interval);
  service.read_choice<Http2Use>(
      "http2", options.http2,
      {{"auto", Http2Use::automatic}, {"always", Http2Use::always}, {"never", Http2Use::never}});
  service.read("http2Streams", options.http2_streams);
  return options;
}

void Loader::read_routes(Reader& root) {
  if (!root.has("routes")) root.problem("", "needs \"routes\"");
  for (Reader& route : root.list("routes")) read_route(route);
}

void Loader::read_route(Reader& route) {
  const std::size_t problems = problems_.size();
  Match match = read_match(route);
  if (problems_.size() == problems) routes_.push_back({match, route.pointer(), route.offset()});
  Handler handler = read_action(route);
  // A group of its own for what lies around this route alone.
  const bool has_layers = route.has("middleware") || route.has("timeout");
  Router& router = has_layers ? wiring_.router.group("") : wiring_.router;
  Duration limit{};
  if (route.read("timeout", limit)) {
    router.use(reported(route, "timeout", [limit] { return timeout(limit); }));
  }
  use_middlewares(route, router);
  if (handler) router.route(std::move(match), std::move(handler));
}

Match Loader::read_match(Reader& route) {
  Match match;
  if (!route.read("path", match.pattern)) route.problem("", "needs a \"path\"");
  std::vector<std::string> methods;
  route.read("methods", methods);
  for (const std::string& name : methods) {
    const std::optional<Method> method = read_method(route, name);
    if (method) match.methods.push_back(*method);
  }
  route.read("host", match.host);
  match.headers = read_conditions(route);
  return match;
}

Handler Loader::read_action(Reader& route) {
  Handler handler;
  if (route.has("service")) handler = read_proxy(route);
  if (std::optional<Reader> response = route.object("respond", "body")) {
    handler = read_respond(*response);
  }
  if (std::optional<Reader> redirection = route.object("redirect", "location")) {
    handler = read_redirect(*redirection);
  }
  const int actions = route.has("service") + route.has("respond") + route.has("redirect");
  if (actions != 1) {
    route.problem("", fmt::format("{} one of \"service\", \"respond\" and \"redirect\"",
                                  actions == 0 ? "needs" : "has more than"));
  }
  return handler;
}

Handler Loader::read_proxy(Reader& route) {
  ProxyOptions options;
  std::string service;
  route.read("service", service);
  const auto use = uses_.find(service);
  if (use == uses_.end()) {
    if (!service.empty()) {
      route.problem("service", fmt::format("there is no service \"{}\"{}", service,
                                           suggestion_for(service, names_of(uses_))));
    }
  } else {
    options = use->second.proxy;
  }
  route.read("stripPrefix", options.strip_prefix);
  route.read("rewrite", options.rewrite);
  route.read("clientCertificate", options.client_certificate);
  if (use == uses_.end() || !use->second.pool) return {};
  return reported(route, "", [&] { return proxy(*use->second.pool, std::move(options)); });
}

MiddlewarePtr Loader::make_middleware(const std::string& name, Reader& options) {
  const Catalog::Factory* const make = catalog_.find(name);
  if (make == nullptr) {
    options.problem("", fmt::format("there is no middleware \"{}\"{}", name,
                                    suggestion_for(name, catalog_.names())));
    options.ignore_others();
    return nullptr;
  }
  return reported(options, "", [make, &options] { return (*make)(options); });
}

void Loader::use_middlewares(Reader& reader, Router& router) {
  for (auto& [name, options] : reader.named_list("middleware")) {
    MiddlewarePtr middleware = make_middleware(name, options);
    if (middleware != nullptr) router.use(std::move(middleware));
  }
}

/// Patterns, and routes that exclude each other.
void Loader::check_routes() {
  std::vector<Match> matches;
  for (const RoutePlace& route : routes_) matches.push_back(route.match);
  for (routing::RouteProblem& problem : routing::RouteTable::build(matches).problems) {
    const RoutePlace& place = routes_[problem.route];
    problems_.add(place.offset, place.pointer, std::move(problem.text));
  }
  if (problems_.empty()) check_wiring();
}

/// What layers and handlers need of each other: told at the route that the sentence begins with.
void Loader::check_wiring() {
  try {
    static_cast<void>(RouteSet::compile(wiring_.router));
  } catch (const ConfigError& error) {
    for (const std::string& sentence : error.problems()) {
      const auto place = std::find_if(routes_.begin(), routes_.end(), [&](const auto& route) {
        const std::string name = "route " + to_string(route.match);
        return sentence.starts_with(name + ": ") || sentence.starts_with(name + " (");
      });
      if (place == routes_.end()) {
        problems_.add(0, "", sentence);
      } else {
        problems_.add(place->offset, place->pointer, sentence);
      }
    }
  }
}

Loaded load(std::string_view text, const Catalog& catalog, const Services& running) {
  return Loader(text, catalog, running).load();
}

std::vector<Problem> reload(Gateway& gateway, Wiring& running, std::string_view text,
                            const Catalog& catalog) {
  Loaded loaded = load(text, catalog, running.services);
  if (!loaded.wiring) return std::move(loaded.problems);
  Problems problems(text);
  std::unique_ptr<const Node> document;  // Parsed again only for the places of mistakes.
  for (const auto& [key, value] : loaded.wiring->fixed) {
    if (running.fixed[key] == value) continue;
    if (document == nullptr) document = parse_document(text, problems);
    const Node* const place = document->find(key);
    problems.add(place == nullptr ? document->offset : place->offset, pointer_to("", key),
                 "cannot change while the gateway runs: restart it");
  }
  try {
    if (problems.empty()) gateway.reload_certificates();
  } catch (const ConfigError& error) {  // Read well a moment ago.
    for (const std::string& each : error.problems()) problems.add(0, "/listen", each);
  }
  if (!problems.empty()) return std::move(problems).take();
  gateway.swap_routes(std::move(loaded.wiring->router));
  running.services = std::move(loaded.wiring->services);
  return {};
}

}  // namespace gatewaykit::config
