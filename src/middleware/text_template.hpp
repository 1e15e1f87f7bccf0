// SPDX-License-Identifier: Apache-2.0
// TextTemplate: a text with places that each request fills in, such as "{client} {param:id}". Read
// once while wiring; expanded by header_rules and redirect on any worker.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/core/string.hpp"

namespace gatewaykit {

class Context;

/// Placeholders: {client}, {host}, {hostname} (without the port), {id} (of request_id), {method},
/// {param:NAME}, {path}, {query} (with its '?', empty where there is none), {route}, {target} (path
/// and query). `{{` is a brace. What has no value is empty.
class TextTemplate {
 public:
  enum class Kind : std::uint8_t {
    literal,
    client,
    host,
    hostname,
    id,
    method,
    param,
    path,
    query,
    route,
    target,
  };

  struct Piece {
    Kind kind;
    std::string text;  ///< The literal, or the name of the parameter.

    /// What stands in its place for this exchange. The client may have chosen every byte of it.
    std::string_view value(const Context& ctx) const;
  };

  TextTemplate() = default;
  /// Adds a sentence to `problems` for each mistake: "WHAT: '{x}' is no placeholder".
  TextTemplate(std::string_view text, std::string_view what, std::vector<std::string>& problems);

  /// No two literals in a row.
  const std::vector<Piece>& pieces() const noexcept { return pieces_; }

  /// The text for this exchange: a view into the template, the context, or `scratch`.
  std::string_view expand(const Context& ctx, String& scratch) const;

 private:
  class Parser;

  std::vector<Piece> pieces_;
};

}  // namespace gatewaykit
