// SPDX-License-Identifier: Apache-2.0
// RouteSet: what a Router becomes once it is compiled: the route table and the chain of each route.
// Immutable, read by all workers at the same time. The server makes one and asks it once per
// request; every answer is a chain to run, refusals too, so that the root layers see each request.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "gatewaykit/export.hpp"
#include "gatewaykit/routing/middleware.hpp"
#include "gatewaykit/routing/router.hpp"
#include "routing/route_table.hpp"

namespace gatewaykit {

class Context;

class RouteSet {
 public:
  /// Throws one ConfigError that names every mistake in the router.
  static std::shared_ptr<const RouteSet> compile(const Router& router);

  RouteSet(const RouteSet&) = delete;
  RouteSet& operator=(const RouteSet&) = delete;

  /// Finds the route of the request and tells `ctx` its pattern and parameters. Where there is
  /// none, `ctx` holds the refusal (404, or 405 with Allow) that the chain answers. `OPTIONS *`
  /// takes the route of the path "/"; without one it is answered 204.
  /// Run it as `Next(chain)(ctx)`. The chain lives as long as this object, which must therefore
  /// outlive the context as well.
  const Chain& match(Context& ctx) const;
  /// The root layers around a handler that answers ctx.take_refusal(): for requests that the
  /// server refuses without looking for a route.
  const Chain& refusal_chain() const noexcept { return refusal_; }

  /// What becomes of `request`, whose target may be as it was received.
  Explanation explain(const Request& request, EncodedSlash encoded_slash) const;

  /// The number of routes.
  std::size_t size() const noexcept { return chains_.size(); }

 private:
  class Compiler;

  explicit RouteSet(routing::RouteTable table) : table_(std::move(table)) {}

  const Chain& refuse(Context& ctx, const routing::RouteMatch& match) const;
  void explain_candidates(const routing::RouteQuery& query, Explanation& told) const;
  void explain_route(const routing::RouteMatch& found, std::string_view path,
                     Explanation& told) const;
  void explain_refusal(const routing::RouteMatch& match, bool is_asterisk, Explanation& told) const;
  static void explain_chain(const Chain& chain, Explanation& told);

  routing::RouteTable table_;
  std::vector<Chain> chains_;  // By the index of the route in the table.
  Chain refusal_;
  Chain not_found_;
};

}  // namespace gatewaykit
