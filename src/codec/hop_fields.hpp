// SPDX-License-Identifier: Apache-2.0
// HopFields: what the fields that belong to one hop say (RFC 9110 section 7.6.1, RFC 9112 sections
// 6 and 9): framing, persistence, upgrade. Reading them drops them from the section, together with
// the fields that Connection nominates. Used by the HTTP/1 parsers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "codec/field_section.hpp"
#include "codec/http1_message.hpp"

namespace gatewaykit::codec {

struct HopFields {
  std::optional<std::uint64_t> content_length;
  FieldSection::Line* content_length_line = nullptr;
  bool is_chunked = false;
  bool closes = false;       ///< Connection: close.
  bool keeps_alive = false;  ///< Connection: keep-alive.
  bool upgrades = false;     ///< Connection: upgrade.
  bool accepts_trailers = false;
  bool expects_continue = false;  ///< Expect: 100-continue; the field stays.
  bool expects_other = false;     ///< Any other expectation.
  std::size_t hosts = 0;          ///< Lines of Host; `host` is the first.
  std::string_view host;
  std::string_view upgrade;  ///< The first protocol of Upgrade that is not h2c.
};

/// Reads and drops them. False with `error` set where they cannot be trusted: malformed or repeated
/// lengths, transfer codings other than chunked, both at once.
bool read_hop_fields(FieldSection& section, std::string_view buffer, HopFields& hop,
                     ParseError& error);

}  // namespace gatewaykit::codec
