// SPDX-License-Identifier: Apache-2.0
// The CORS protocol (Fetch standard, section 3.3). All that does not depend on the request is text
// that was put together while wiring.
#include "gatewaykit/middleware/cors.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "gatewaykit/core/error.hpp"
#include "gatewaykit/core/string.hpp"
#include "gatewaykit/routing/context.hpp"
#include "http/scan.hpp"
#include "middleware/origin_set.hpp"
#include "middleware/vary.hpp"

namespace gatewaykit {

namespace {

constexpr std::string_view kPrefix = "access-control-";
constexpr std::string_view kAllowOrigin = "access-control-allow-origin";
constexpr std::string_view kRequestMethod = "access-control-request-method";
constexpr std::string_view kRequestHeaders = "access-control-request-headers";
constexpr std::string_view kRequestPrivateNetwork = "access-control-request-private-network";

// Answers to OPTIONS are not cached by the standard, but some shared caches can be told to.
constexpr std::string_view kPreflightVary =
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
constexpr std::string_view kPrivateNetworkVary =
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, "
    "Access-Control-Request-Private-Network";

bool is_cors_field(const FieldLine& line) noexcept {
  return line.field == Field::other && line.name.size() > kPrefix.size() &&
         equals_lower(line.name.substr(0, kPrefix.size()), kPrefix);
}

/// The value of Origin; empty where there is none, or more than one line of it.
std::string_view origin_of(const Headers& fields) noexcept {
  const auto origin = fields.get(Field::origin);
  return origin && fields.count(Field::origin) == 1 ? *origin : std::string_view();
}

std::string join(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

bool is_star(const std::vector<std::string>& names) { return names.size() == 1 && names[0] == "*"; }

/// The names that are asked for, where all of them are tokens; else none.
String names_asked_for(const Headers& fields) {
  String names;
  for (const FieldLine line : fields) {
    if (line.field != Field::other || !equals_lower(line.name, kRequestHeaders)) continue;
    for (std::string_view list = line.value; list.data() != nullptr;) {
      const std::string_view name = next_list_member(list);
      if (name.empty()) continue;
      if (!is_token(name)) return String();
      if (!names.empty()) names += ", ";
      names += name;
    }
  }
  return names;
}

class OptionsCheck {
 public:
  explicit OptionsCheck(const CorsOptions& options) : options_(options) {}

  OriginSet run() {
    OriginSet origins;
    for (const std::string& origin : options_.origins) {
      if (!origins.add(origin)) complain("'{}' is no origin such as https://app.example", origin);
    }
    if (options_.origins.empty()) complain("no origin is allowed");
    if (origins.allows_all()) check_everybody();
    check_names("method", options_.methods);
    check_names("header", options_.headers);
    check_names("exposed header", options_.exposed_headers);
    if (options_.credentials && is_star(options_.exposed_headers)) {
      complain("exposed headers must be named where there are credentials");
    }
    if (options_.max_age && options_.max_age->count() < 0) complain("max_age is negative");
    if (!problems_.empty()) throw ConfigError(std::move(problems_));
    return origins;
  }

 private:
  template <class... Args>
  void complain(fmt::format_string<Args...> text, Args&&... args) {
    problems_.push_back("cors: " + fmt::format(text, std::forward<Args>(args)...));
  }

  void check_everybody() {
    if (options_.origins.size() > 1) complain("the origin '*' stands alone");
    if (options_.credentials) complain("the origin '*' and credentials exclude each other");
    if (options_.private_network) {
      complain("the origin '*' and private_network would let every site into the network");
    }
  }

  void check_names(std::string_view kind, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      if (!is_token(name)) complain("the {} '{}' is no token", kind, name);
      if (name == "*" && names.size() > 1) complain("the {} '*' stands alone", kind);
    }
  }

  const CorsOptions& options_;
  std::vector<std::string> problems_;
};

class CorsLayer final : public Middleware {
 public:
  explicit CorsLayer(const CorsOptions& options)
      : origins_(OptionsCheck(options).run()),
        methods_(join(options.methods)),
        headers_(join(options.headers)),
        exposed_(join(options.exposed_headers)),
        max_age_(options.max_age ? std::to_string(options.max_age->count()) : std::string()),
        credentials_(options.credentials),
        private_network_(options.private_network) {}

  Task<Response> handle(Context& ctx, Next next) const override {
    const Request& request = ctx.request();
    if (is_preflight(request)) return answer_preflight(ctx);
    // Without an Origin only what a cache may hand to a page later matters.
    const bool is_cacheable = request.method == Method::get || request.method == Method::head;
    if (!request.headers.contains(Field::origin) && !is_cacheable) return next(ctx);
    // A copy: the layers behind may change the request.
    const std::string_view origin = origin_of(request.headers);
    return add_fields(ctx, next, origins_.contains(origin) ? String(origin) : String());
  }
  void describe(Wiring& wiring) const override { wiring.name("cors"); }

 private:
  static bool is_preflight(const Request& request) noexcept {
    return request.method == Method::options && request.headers.contains(Field::origin) &&
           request.headers.contains(kRequestMethod);
  }

  Task<Response> answer_preflight(Context& ctx) const {
    const Headers& asked = ctx.request().headers;
    Response response(Status::no_content);
    Headers& fields = response.headers;
    fields.set("vary", private_network_ ? kPrivateNetworkVary : kPreflightVary);
    const std::string_view origin = origin_of(asked);
    if (origin.empty() || !origins_.contains(origin)) co_return response;

    allow(fields, origin);
    add(fields, "access-control-allow-methods", methods_asked_for(asked));
    if (headers_ == "*") {
      add(fields, "access-control-allow-headers", names_asked_for(asked));
    } else {
      add(fields, "access-control-allow-headers", headers_);
    }
    add(fields, "access-control-max-age", max_age_);
    if (private_network_ && asked.get(kRequestPrivateNetwork) == "true") {
      add(fields, "access-control-allow-private-network", "true");
    }
    co_return response;
  }

  /// `origin`: to be allowed; empty where there is none or it is not allowed.
  Task<Response> add_fields(Context& ctx, Next next, String origin) const {
    Response response = co_await next(ctx);
    if (response.is_tunnel()) co_return response;
    Headers& fields = response.headers;
    fields.remove_if(&is_cors_field);
    if (!origins_.allows_all()) add_to_vary(fields, "Origin");
    if (origin.empty() && !origins_.allows_all()) co_return response;
    allow(fields, origin);
    add(fields, "access-control-expose-headers", exposed_);
    co_return response;
  }

  void allow(Headers& fields, std::string_view origin) const {
    add(fields, kAllowOrigin, origins_.allows_all() ? std::string_view("*") : origin);
    if (credentials_) add(fields, "access-control-allow-credentials", "true");
  }

  std::string_view methods_asked_for(const Headers& asked) const {
    if (methods_ != "*") return methods_;
    const std::string_view method = *asked.get(kRequestMethod);
    return is_token(method) ? method : std::string_view();
  }

  /// The value is a field's already, or was checked while wiring.
  static void add(Headers& fields, std::string_view name, std::string_view value) {
    if (!value.empty()) fields.add_checked(Field::other, name, value);
  }

  OriginSet origins_;
  std::string methods_;
  std::string headers_;
  std::string exposed_;
  std::string max_age_;
  bool credentials_;
  bool private_network_;
};

}  // namespace

MiddlewarePtr cors(CorsOptions options) { return std::make_shared<const CorsLayer>(options); }

}  // namespace gatewaykit
