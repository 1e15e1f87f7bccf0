// SPDX-License-Identifier: Apache-2.0
// RouteSet::explain, and how an Explanation reads.
#include "gatewaykit/routing/explanation.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "gatewaykit/http/target.hpp"
#include "routing/route_set.hpp"
#include "routing/wiring_check.hpp"

namespace gatewaykit {

using Outcome = routing::RouteMatch::Outcome;

void RouteSet::explain_chain(const Chain& chain, Explanation& told) {
  for (const MiddlewarePtr& layer : chain.layers) {
    told.middlewares.push_back(WiringCheck::describe(*layer).name_);
  }
  told.handler = WiringCheck::name_of(*chain.handler);
}

Explanation RouteSet::explain(const Request& request, EncodedSlash encoded_slash) const {
  Explanation told;
  const auto parts = split_target(request.target);
  const bool is_absolute = parts && parts->form == TargetParts::Form::absolute;
  const std::string_view authority = is_absolute ? parts->authority : request.authority;
  const auto line = [&](std::string_view target) {
    return fmt::format("{} {}{}", request.method.name(), authority, target);
  };
  const Result<NormalisedTarget> target = normalise_target(request.target, encoded_slash);
  if (!target) {
    told.request = line(is_absolute ? parts->rest : std::string_view(request.target));
    told.refusal = Status::bad_request;
    told.reason = target.error().detail;
    explain_chain(refusal_, told);
    return told;
  }
  told.request = line(target->text);
  const bool is_asterisk = target->text == "*";
  const routing::RouteQuery query{request.method, is_asterisk ? "/" : target->path(), authority,
                                  request.headers};
  explain_candidates(query, told);
  const routing::RouteMatch found = table_.match(query);
  if (found.outcome == Outcome::found) {
    explain_route(found, query.path, told);
  } else {
    explain_refusal(found, is_asterisk, told);
  }
  return told;
}

void RouteSet::explain_candidates(const routing::RouteQuery& query, Explanation& told) const {
  auto considered = table_.consider(query, Explanation::kMaxCandidates, told.others_left_out);
  for (auto& [route, reason] : considered) {
    if (reason.empty()) {
      told.route = std::move(route);
    } else {
      told.others.push_back({std::move(route), std::move(reason)});
    }
  }
  if (!considered.empty()) return;
  if (auto nearest = table_.nearest(query.path)) {
    told.others.push_back({std::move(nearest->route), std::move(nearest->reason)});
  }
}

void RouteSet::explain_route(const routing::RouteMatch& found, std::string_view path,
                             Explanation& told) const {
  std::array<std::string_view, kMaxCaptures> names;
  const std::size_t count = table_.capture_names(found.route, names);
  for (std::size_t i = 0; i < count; ++i) {
    told.parameters.push_back({std::string(names[i]), std::string(found.captures[i].in(path))});
  }
  explain_chain(chains_[found.route], told);
}

void RouteSet::explain_refusal(const routing::RouteMatch& match, bool is_asterisk,
                               Explanation& told) const {
  if (is_asterisk) {
    told.refusal = Status::no_content;
    told.reason = "OPTIONS * is answered where no route takes it";
  } else if (match.outcome == Outcome::not_found) {
    told.refusal = Status::not_found;
    told.reason = "no route takes it";
  } else {
    told.refusal = Status::method_not_allowed;
    told.allow = table_.allow(match.allowed);
    told.reason = "the path is there for " + told.allow;
  }
  const bool goes_to_host = !is_asterisk && match.outcome == Outcome::not_found;
  explain_chain(goes_to_host ? not_found_ : refusal_, told);
}

std::string to_string(const Explanation& explanation) {
  std::string text = explanation.request + '\n';
  if (explanation.route) text += fmt::format("route: {}\n", *explanation.route);
  for (const auto& [name, value] : explanation.parameters) {
    text += fmt::format("  {} = {}\n", name, value);
  }
  if (explanation.refusal) {
    text += fmt::format("no route: {}, {}\n", code(*explanation.refusal), explanation.reason);
  }
  text += "runs: ";
  for (const std::string& name : explanation.middlewares) text += name + ", ";
  text += explanation.handler + '\n';
  if (!explanation.others.empty()) text += explanation.route ? "other routes:\n" : "routes:\n";
  for (const auto& [route, reason] : explanation.others) {
    text += fmt::format("  {}: {}\n", route, reason);
  }
  if (explanation.others_left_out > 0) {
    text += fmt::format("  and {} more\n", explanation.others_left_out);
  }
  return text;
}

}  // namespace gatewaykit
