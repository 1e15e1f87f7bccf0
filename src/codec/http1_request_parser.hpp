// SPDX-License-Identifier: Apache-2.0
// RequestParser: reads HTTP/1 request heads (RFC 9112), strictly: what two recipients could
// understand differently is refused. Incremental at every byte, without scanning a byte twice;
// limits and errors show as soon as the byte is there. Used by server connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "codec/field_section.hpp"
#include "codec/http1_message.hpp"
#include "gatewaykit/core/string.hpp"
#include "gatewaykit/http/headers.hpp"
#include "gatewaykit/http/method.hpp"

namespace gatewaykit::codec {

struct RequestLimits {
  std::size_t method = 32;                ///< Bytes of the method (400).
  std::size_t target = 8 * 1024;          ///< Bytes of the request target (414).
  SectionLimits section{32 * 1024, 100};  ///< The header section (431).
};

/// A request head. Views lie in the buffer that was parsed.
struct RequestHead {
  Method method;
  std::string_view target;  ///< As received: any form that goes with the method.
  std::uint8_t minor_version = 1;
  String authority;  ///< Of the absolute form, or else of Host; lower case, checked.
                     ///< Empty where HTTP/1.0 sends neither.
  /// Without the fields that belong to this hop: Host, Content-Length, Transfer-Encoding,
  /// Connection and what it nominates, Upgrade, TE, Keep-Alive, Proxy-Connection, HTTP2-Settings.
  Headers headers;
  BodyFraming framing;
  bool keep_alive = false;
  bool expects_continue = false;  ///< Expect: 100-continue, with content to come.
  bool accepts_trailers = false;  ///< TE: trailers.
  std::string_view upgrade;  ///< The protocol asked for; empty where there is content. Not h2c.
  std::size_t size = 0;      ///< Bytes of the buffer that the head takes; content follows.
};

class RequestParser {
 public:
  /// `limits` must outlive the parser.
  explicit RequestParser(const RequestLimits& limits) noexcept : limits_(limits) {}

  /// `buffer` starts where the last head (and its content) ended and holds all that was received
  /// since; call again when it has grown, it may have moved. After `done` the parser is ready for
  /// the next head; after `failed` it is not to be used again. `head` is a fresh one. It is
  /// complete with `done`; with `failed` method and target are there as far as they were read.
  ParseResult parse(std::string_view buffer, RequestHead& head);
  /// The same for a head that stays incomplete: what `head` says after `need_more` is void as soon
  /// as the buffer moves.
  void describe(std::string_view buffer, RequestHead& head) const;

  /// After `failed`.
  const ParseError& error() const noexcept { return error_; }

 private:
  enum class State : std::uint8_t { blank_lines, method, target, version, section };

  ParseResult parse_request_line(std::string_view buffer);
  ParseResult parse_method(std::string_view buffer);
  ParseResult parse_target(std::string_view buffer);
  ParseResult parse_version(std::string_view buffer);
  ParseResult fail(Status status, std::string_view sentence) noexcept;
  bool refuse(std::string_view sentence) noexcept;
  bool accept_request_line(std::string_view buffer, RequestHead& head);
  bool accept_section(std::string_view buffer, RequestHead& head);

  const RequestLimits& limits_;
  FieldSection section_;
  ParseError error_;
  std::size_t at_ = 0;  // The first byte that was not looked at yet.
  std::size_t method_begin_ = 0;
  std::size_t target_begin_ = 0;
  std::size_t target_end_ = 0;
  State state_ = State::blank_lines;
  std::uint8_t minor_version_ = 1;
};

}  // namespace gatewaykit::codec
