// SPDX-License-Identifier: Apache-2.0
// The names of the library's own middlewares, and their options.
#include <fmt/format.h>

#include "gatewaykit/config/load.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/middleware/access_log.hpp"
#include "gatewaykit/middleware/body_limit.hpp"
#include "gatewaykit/middleware/compression.hpp"
#include "gatewaykit/middleware/cors.hpp"
#include "gatewaykit/middleware/grpc_web.hpp"
#include "gatewaykit/middleware/header_rules.hpp"
#include "gatewaykit/middleware/ip_filter.hpp"
#include "gatewaykit/middleware/request_id.hpp"
#include "gatewaykit/middleware/timeout.hpp"

namespace gatewaykit::config {

namespace {

MiddlewarePtr make_request_id(Reader& reader) {
  RequestIdOptions options;
  reader.read("field", options.field);
  return request_id(std::move(options));
}

AccessLogOptions read_access_log(Reader& reader) {
  AccessLogOptions options;
  reader.read("file", options.file);
  reader.read_bytes("buffer", options.buffer);
  std::vector<std::string> redact;
  reader.read("redact", redact);
  options.redact.insert(options.redact.end(), redact.begin(), redact.end());
  return options;
}

MiddlewarePtr make_access_log(Reader& reader) { return access_log(read_access_log(reader)); }

/// One that has no file.
MiddlewarePtr make_mute_access_log(Reader& reader) {
  AccessLogOptions options = read_access_log(reader);
  options.sink = [](std::string_view) {};
  return access_log(std::move(options));
}

MiddlewarePtr make_body_limit(Reader& reader) {
  BodyLimitOptions options;
  reader.read_bytes("bytes", options.bytes);
  return body_limit(options);
}

MiddlewarePtr make_timeout(Reader& reader) {
  Duration after{};
  if (!reader.read("after", after)) {
    if (!reader.has("after")) reader.problem("", "needs \"after\"");
    return nullptr;
  }
  return timeout(after);
}

/// Members that are taken away, then those that are set, then those that are added.
void read_header_rules(Reader& reader, std::string_view name, std::vector<HeaderRule>& rules) {
  std::optional<Reader> actions = reader.object(name);
  if (!actions) return;
  std::vector<std::string> removed;
  actions->read("remove", removed);
  for (std::string& field : removed) {
    rules.push_back({HeaderRule::Action::remove, std::move(field), {}});
  }
  for (const auto& [key, action] : {std::pair("set", HeaderRule::Action::set),
                                    std::pair("append", HeaderRule::Action::append)}) {
    std::vector<std::pair<std::string, std::string>> lines;
    actions->read(key, lines);
    for (auto& [field, value] : lines) {
      rules.push_back({action, std::move(field), std::move(value)});
    }
  }
}

MiddlewarePtr make_headers(Reader& reader) {
  HeaderRulesOptions options;
  read_header_rules(reader, "request", options.request);
  read_header_rules(reader, "response", options.response);
  return header_rules(std::move(options));
}

MiddlewarePtr make_ip_filter(Reader& reader) {
  IpFilterOptions options;
  reader.read("allow", options.allow);
  reader.read("deny", options.deny);
  reader.read_choice<IpFilterOptions::Of>(
      "of", options.of,
      {{"client", IpFilterOptions::Of::client}, {"peer", IpFilterOptions::Of::peer}});
  reader.read("allowUnix", options.allow_unix);
  return ip_filter(std::move(options));
}

MiddlewarePtr make_cors(Reader& reader) {
  CorsOptions options;
  reader.read("origins", options.origins);
  reader.read("methods", options.methods);
  reader.read("headers", options.headers);
  reader.read("exposedHeaders", options.exposed_headers);
  reader.read("credentials", options.credentials);
  Duration max_age{};
  if (reader.read("maxAge", max_age)) {
    options.max_age = std::chrono::duration_cast<std::chrono::seconds>(max_age);
  }
  reader.read("privateNetwork", options.private_network);
  return cors(std::move(options));
}

MiddlewarePtr make_compression(Reader& reader) {
  CompressionOptions options;
  std::vector<std::string> codings;
  reader.read("codings", codings);
  for (const std::string& name : codings) {
    if (const std::optional<ContentCoding> coding = content_coding_of(name)) {
      options.codings.push_back(*coding);
    } else {
      reader.problem("codings", fmt::format("\"{}\" is no content coding", name));
    }
  }
  reader.read("types", options.types);
  reader.read_bytes("minSize", options.min_size);
  reader.read("gzipLevel", options.gzip_level, 1, 9);
  reader.read("brotliLevel", options.brotli_level, 0, 11);
  reader.read("zstdLevel", options.zstd_level, 1, 19);
  reader.read_bytes("memory", options.memory);
  return compression(std::move(options));
}

}  // namespace

Catalog::Catalog() {
  add("accessLog", &make_access_log);
  add("bodyLimit", &make_body_limit);
  add("compression", &make_compression);
  add("cors", &make_cors);
  add("grpcWeb", [](Reader&) { return grpc_web(); });
  add("headers", &make_headers);
  add("ipFilter", &make_ip_filter);
  add("requestId", &make_request_id);
  add("timeout", &make_timeout);
}

Catalog Catalog::without_files() {
  Catalog catalog;
  catalog.remove("accessLog");
  catalog.add("accessLog", &make_mute_access_log);
  return catalog;
}

void Catalog::add(std::string name, Factory make) {
  const auto [place, is_new] = factories_.try_emplace(std::move(name), std::move(make));
  if (!is_new) {
    throw ConfigError({fmt::format("the middleware \"{}\" is there already", place->first)});
  }
}

bool Catalog::remove(std::string_view name) {
  const auto found = factories_.find(name);
  if (found == factories_.end()) return false;
  factories_.erase(found);
  return true;
}

const Catalog::Factory* Catalog::find(std::string_view name) const {
  const auto found = factories_.find(name);
  return found == factories_.end() ? nullptr : &found->second;
}

std::vector<std::string_view> Catalog::names() const {
  std::vector<std::string_view> names;
  for (const auto& entry : factories_) names.push_back(entry.first);
  return names;
}

}  // namespace gatewaykit::config
