// SPDX-License-Identifier: Apache-2.0
// ResponseParser: reads HTTP/1 response heads (RFC 9112), as strictly and incrementally as
// RequestParser reads requests, and tells how the content is framed. Used by upstream connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "codec/field_section.hpp"
#include "codec/http1_message.hpp"
#include "gatewaykit/http/headers.hpp"
#include "gatewaykit/http/method.hpp"
#include "gatewaykit/http/status.hpp"
#include "gatewaykit/http/version.hpp"

namespace gatewaykit::codec {

inline constexpr SectionLimits kResponseLimits{64 * 1024, 200};

/// A response head. Views lie in the buffer that was parsed.
struct ResponseHead {
  Status status = Status::ok;
  HttpVersion version = HttpVersion::http_1_1;
  /// Without the fields that belong to this hop (see RequestHead). Content-Length stays where it
  /// describes content that does not follow: in answers to HEAD and in 304.
  Headers headers;
  BodyFraming framing;
  bool keep_alive = false;   ///< The connection can be used again once the content was read.
  std::string_view upgrade;  ///< With 101: the protocol switched to.
  std::size_t size = 0;      ///< Bytes of the buffer that the head takes; content follows.
};

class ResponseParser {
 public:
  /// `limits` must outlive the parser.
  explicit ResponseParser(const SectionLimits& limits = kResponseLimits) noexcept
      : limits_(&limits) {}

  /// As RequestParser::parse; `method` is that of the request which is answered. An interim head
  /// (is_interim(head.status), but 101) is followed by another head: the parser is ready for it.
  /// `head` is a fresh one, complete with `done`.
  ParseResult parse(std::string_view buffer, const Method& method, ResponseHead& head);

  /// After `failed`; the status is 502.
  const ParseError& error() const noexcept { return error_; }
  /// For an exchange that starts afresh on another connection.
  void reset() noexcept { *this = ResponseParser(*limits_); }

 private:
  enum class State : std::uint8_t { status_line, reason, line_end, section };

  void skip_usual_status(std::string_view buffer) noexcept;
  ParseResult parse_status_line(std::string_view buffer);
  bool accept_section(std::string_view buffer, const Method& method, ResponseHead& head);
  ParseResult fail(std::string_view sentence) noexcept;

  const SectionLimits* limits_;
  FieldSection section_;
  ParseError error_;
  std::size_t at_ = 0;  // The first byte that was not looked at yet.
  State state_ = State::status_line;
  HttpVersion version_ = HttpVersion::http_1_1;
  std::uint16_t status_ = 0;
};

}  // namespace gatewaykit::codec
