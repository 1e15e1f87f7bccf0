// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/header_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "gatewaykit/core/string.hpp"
#include "gatewaykit/middleware/request_id.hpp"
#include "gatewaykit/routing/context.hpp"
#include "http/scan.hpp"
#include "middleware/field_name.hpp"
#include "middleware/text_template.hpp"

namespace gatewaykit {

namespace {

using Action = HeaderRule::Action;

/// The rules of one side, read.
class Rules {
 public:
  Rules(std::vector<HeaderRule> rules, std::string_view side, std::vector<std::string>& problems) {
    for (HeaderRule& rule : rules) add(std::move(rule), side, problems);
  }

  bool empty() const noexcept { return rules_.empty(); }

  bool use(TextTemplate::Kind kind) const {
    return std::any_of(rules_.begin(), rules_.end(), [kind](const Rule& rule) {
      const auto& pieces = rule.value.pieces();
      return std::any_of(pieces.begin(), pieces.end(),
                         [kind](const auto& piece) { return piece.kind == kind; });
    });
  }

  void apply(const Context& ctx, Headers& fields) const {
    String scratch;
    for (const Rule& rule : rules_) {
      const std::string_view value = trim_ows(rule.value.expand(ctx, scratch));
      bool is_written = false;
      if (!value.empty()) {
        is_written = rule.action == Action::set ? fields.try_set(rule.name, value)
                                                : fields.try_add(rule.name, value);
      }
      if (!is_written && rule.action != Action::append) fields.remove(rule.name);
    }
  }

 private:
  struct Rule {
    Action action;
    std::string name;
    TextTemplate value;  // Empty to remove.
  };

  void add(HeaderRule rule, std::string_view side, std::vector<std::string>& problems) {
    const std::string what =
        fmt::format("header_rules: {} rule {}, '{}'", side, rules_.size() + 1, rule.name);
    if (const std::string_view why = why_not_writable(rule.name); !why.empty()) {
      problems.push_back(fmt::format("{}, {}", what, why));
    }
    const bool removes = rule.action == Action::remove;
    if (removes && !rule.value.empty()) problems.push_back(what + ": removes and has a value");
    if (!removes && trim_ows(rule.value).empty()) problems.push_back(what + ": has no value");
    rules_.push_back({rule.action, std::move(rule.name), {rule.value, what, problems}});
  }

  std::vector<Rule> rules_;
};

class HeaderRulesLayer final : public Middleware {
 public:
  HeaderRulesLayer(Rules request, Rules response)
      : request_(std::move(request)), response_(std::move(response)) {}

  Task<Response> handle(Context& ctx, Next next) const override {
    request_.apply(ctx, ctx.request().headers);
    return response_.empty() ? next(ctx) : change_response(ctx, next);
  }
  /// What an answer is given, a layer behind this one may provide.
  void describe(Wiring& wiring) const override {
    wiring.name("header_rules");
    if (request_.use(TextTemplate::Kind::id)) wiring.needs<RequestId>();
  }

 private:
  Task<Response> change_response(Context& ctx, Next next) const {
    Response response = co_await next(ctx);
    response_.apply(ctx, response.headers);
    co_return response;
  }

  Rules request_;
  Rules response_;
};

}  // namespace

MiddlewarePtr header_rules(HeaderRulesOptions options) {
  std::vector<std::string> problems;
  Rules request(std::move(options.request), "request", problems);
  Rules response(std::move(options.response), "response", problems);
  if (!problems.empty()) throw ConfigError(std::move(problems));
  return std::make_shared<const HeaderRulesLayer>(std::move(request), std::move(response));
}

}  // namespace gatewaykit
