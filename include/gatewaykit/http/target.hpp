// SPDX-License-Identifier: Apache-2.0
// The request target (RFC 9112 section 3.2) and the authority (RFC 3986 section 3.2): one strict
// reading, done before anything is matched or decided, so that the gateway and its targets cannot
// see two different resources. Pure functions, any thread; used by every version of the protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "gatewaykit/core/result.hpp"
#include "gatewaykit/core/string.hpp"
#include "gatewaykit/export.hpp"

namespace gatewaykit {

/// What to do with `%2F` in a path, which targets may or may not take for a separator.
enum class EncodedSlash : std::uint8_t {
  reject,
  keep,  ///< Forwarded as it is, never decoded; refused where it would hide a dot segment.
};

/// The parts of a target as it was received.
struct TargetParts {
  enum class Form : std::uint8_t { origin, absolute, asterisk };

  Form form;
  std::string_view authority;  ///< Of the absolute form; not checked.
  std::string_view rest;       ///< Path and query; may lack the path in the absolute form.
};

/// Tells the forms apart. Nothing where it is none of them: the authority form (for CONNECT) too.
/// The absolute form has the scheme http or https.
GATEWAYKIT_EXPORT std::optional<TargetParts> split_target(std::string_view raw) noexcept;

/// A target in the one form that is matched and forwarded: path and query, or "*".
struct NormalisedTarget {
  String text;
  std::size_t path_size = 0;

  std::string_view path() const noexcept { return std::string_view(text).substr(0, path_size); }
  /// Behind the question mark, as received; empty where there is none.
  std::string_view query() const noexcept {
    return path_size == text.size() ? std::string_view()
                                    : std::string_view(text).substr(path_size + 1);
  }
};

/// Normalises a target of origin, absolute or asterisk form: escapes of unreserved characters are
/// decoded, once, the others written in upper case; repeated slashes merged; dot segments resolved.
/// `;params` stay, and are for the routes to ignore. Fails with Errc::bad_message on a backslash,
/// `%5C`, `%2F` (see EncodedSlash), control characters plain or encoded, malformed escapes, bytes
/// beyond ASCII, a fragment, and segments that only params tell from a dot segment or from nothing.
GATEWAYKIT_EXPORT Result<NormalisedTarget> normalise_target(std::string_view raw,
                                                            EncodedSlash encoded_slash);

/// A host and an optional port.
struct Authority {
  std::string_view host;  ///< As received; an IPv6 address in its brackets.
  std::optional<std::uint16_t> port;
};

/// Reads an authority without user information. The host is a name of letters, digits, '-', '.',
/// '_' and '~', an IPv4 address, or an IPv6 address in brackets.
GATEWAYKIT_EXPORT std::optional<Authority> parse_authority(std::string_view text) noexcept;

}  // namespace gatewaykit
