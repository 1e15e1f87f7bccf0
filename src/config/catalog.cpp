// SPDX-License-Identifier: Apache-2.0
// The names of the library's own middlewares, and their options.
#include <fmt/format.h>

#include "gatewaykit/config/load.hpp"
#include "gatewaykit/core/error.hpp"
#include "gatewaykit/middleware/access_log.hpp"
#include "gatewaykit/middleware/request_id.hpp"

namespace gatewaykit::config {

namespace {

MiddlewarePtr make_request_id(Reader& reader) {
  RequestIdOptions options;
  reader.read("field", options.field);
  return request_id(std::move(options));
}

MiddlewarePtr make_access_log(Reader& reader) {
  AccessLogOptions options;
  reader.read("file", options.file);
  reader.read_bytes("buffer", options.buffer);
  std::vector<std::string> redact;
  reader.read("redact", redact);
  options.redact.insert(options.redact.end(), redact.begin(), redact.end());
  return access_log(std::move(options));
}

}  // namespace

Catalog::Catalog() {
  add("accessLog", &make_access_log);
  add("requestId", &make_request_id);
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
