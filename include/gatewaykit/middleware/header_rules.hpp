// SPDX-License-Identifier: Apache-2.0
// header_rules: sets, adds and removes header fields of requests and responses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gatewaykit/export.hpp"
#include "gatewaykit/routing/middleware.hpp"

namespace gatewaykit {

struct HeaderRule {
  enum class Action : std::uint8_t {
    set,     ///< In place of all lines of that name.
    append,  ///< One more line.
    remove,  ///< All lines of that name.
  };
  Action action = Action::set;
  std::string name = {};
  /// Text with placeholders; none where the action is to remove:
  ///
  ///     {client}      the client's address           {param:NAME}  what the route captured
  ///     {host}        host and port of the request   {hostname}    without the port
  ///     {id}          of request_id                  {method}
  ///     {route}       the pattern that matched       {target}      path and query
  ///     {path}                                       {query}       with its '?'
  ///     {{            a brace
  std::string value = {};
};

struct HeaderRulesOptions {
  std::vector<HeaderRule> request = {};   ///< Before the rest sees the request.
  std::vector<HeaderRule> response = {};  ///< To what the rest has answered.
};

/// Applies the rules in their order. Those for responses apply to every final response, refusals
/// and failures of inner layers and 101 among them; interim responses pass as they are.
///
/// A value that comes out empty, or that no field may hold (a client may have written control
/// characters into a parameter), makes no line: `set` then removes the field all the same, so that
/// nobody can keep a line of his own in its place.
///
/// A rule for requests with {id} needs request_id before it, which is checked with the routes.
///
/// Throws ConfigError for malformed names and values, unknown placeholders, and fields that belong
/// to one hop (Connection, Content-Length, Host, TE, Transfer-Encoding, Upgrade …; RFC 9110 section
/// 7.6.1), which the gateway alone writes.
GATEWAYKIT_EXPORT MiddlewarePtr header_rules(HeaderRulesOptions options);

}  // namespace gatewaykit
