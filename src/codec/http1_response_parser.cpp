// SPDX-License-Identifier: Apache-2.0
#include "codec/http1_response_parser.hpp"

#include <algorithm>
#include <cstring>

#include "codec/hop_fields.hpp"
#include "http/scan.hpp"

namespace gatewaykit::codec {

namespace {

constexpr std::string_view kVersion = "HTTP/1.1 ";
constexpr std::size_t kStatusBegin = kVersion.size();
constexpr std::size_t kStatusEnd = kStatusBegin + 3;
constexpr std::size_t kMaxStatusLine = 8 * 1024;

/// RFC 9112 section 6.3, items 1: these end with their head, whatever their fields say.
bool has_no_content(Status status, const Method& method) noexcept {
  return is_interim(status) || status == Status::no_content || status == Status::not_modified ||
         method == Method::head;
}

}  // namespace

ParseResult ResponseParser::parse(std::string_view buffer, const Method& method,
                                  ResponseHead& head) {
  if (state_ != State::section) {
    const ParseResult line = parse_status_line(buffer);
    if (line != ParseResult::done) return line;
    section_.begin(at_);
    state_ = State::section;
  }
  const ParseResult fields = section_.scan(buffer, *limits_);
  if (fields == ParseResult::need_more) return fields;
  if (fields == ParseResult::failed) return fail(section_.error().sentence);
  if (!accept_section(buffer, method, head)) return ParseResult::failed;
  head.size = section_.end();
  section_.copy_to(head.headers, buffer);
  at_ = 0;
  status_ = 0;
  state_ = State::status_line;
  return ParseResult::done;
}

/// The whole usual beginning in one look; anything else is left to the state machine.
void ResponseParser::skip_usual_status(std::string_view buffer) noexcept {
  if (at_ != 0 || buffer.size() <= kStatusEnd) return;
  if (std::memcmp(buffer.data(), "HTTP/1.1 ", kStatusBegin) != 0) return;
  const char* const digits = buffer.data() + kStatusBegin;
  const bool is_usual = digits[0] >= '1' && digits[0] <= '9' && is_digit(digits[1]) &&
                        is_digit(digits[2]) && digits[3] == ' ';
  if (!is_usual) return;
  version_ = HttpVersion::http_1_1;
  status_ = static_cast<std::uint16_t>((digits[0] - '0') * 100 + (digits[1] - '0') * 10 +
                                       (digits[2] - '0'));
  at_ = kStatusEnd;
  state_ = State::reason;
}

ParseResult ResponseParser::parse_status_line(std::string_view buffer) {
  skip_usual_status(buffer);
  const char* const base = buffer.data();
  const char* const end = base + std::min(buffer.size(), kMaxStatusLine);
  for (;;) {
    if (at_ == kMaxStatusLine) return fail("the status line is too long");
    if (at_ == buffer.size()) return ParseResult::need_more;
    const char c = buffer[at_];
    switch (state_) {
      case State::status_line:
        if (at_ < kStatusBegin) {
          const bool is_minor = at_ == 7;
          if (is_minor ? c != '0' && c != '1' : c != kVersion[at_]) {
            return fail("the status line does not begin with HTTP/1.1 or HTTP/1.0");
          }
          if (is_minor) version_ = c == '0' ? HttpVersion::http_1_0 : HttpVersion::http_1_1;
        } else if (at_ < kStatusEnd) {
          if (!is_digit(c)) return fail("the status is not three digits");
          status_ = static_cast<std::uint16_t>(status_ * 10 + (c - '0'));
        } else {
          // Many leave the blank out where there is no reason phrase.
          if (c != ' ' && c != '\r') return fail("the status is not three digits");
          if (status_ < 100) return fail("the status is below 100");
          state_ = State::reason;
          continue;
        }
        break;
      case State::reason:
        at_ = static_cast<std::size_t>(find_value_end(base + at_, end) - base);
        if (base + at_ == end) continue;
        if (buffer[at_] != '\r') return fail("the status line holds a control character");
        state_ = State::line_end;
        break;
      default:
        if (c != '\n') return fail("a CR stands without LF");
        ++at_;
        return ParseResult::done;
    }
    ++at_;
  }
}

bool ResponseParser::accept_section(std::string_view buffer, const Method& method,
                                    ResponseHead& head) {
  HopFields hop;
  if (!read_hop_fields(section_, buffer, hop, error_)) {
    error_.status = Status::bad_gateway;
    return false;
  }
  if (hop.is_chunked && version_ == HttpVersion::http_1_0) {
    fail("HTTP/1.0 has no Transfer-Encoding");
    return false;
  }
  head.status = Status(status_);
  head.version = version_;
  head.upgrade = head.status == Status::switching_protocols ? hop.upgrade : std::string_view();
  head.keep_alive = !hop.closes && (version_ == HttpVersion::http_1_1 || hop.keeps_alive);
  if (has_no_content(head.status, method)) {
    head.framing = BodyFraming::none();
    // The length that a GET would have had. An interim response and a 204 have none (RFC 9110
    // section 8.6).
    const bool describes = !is_interim(head.status) && head.status != Status::no_content;
    if (describes && hop.content_length_line != nullptr) {
      hop.content_length_line->is_dropped = false;
    }
    // A 204 that announces content may well send it, and that must not answer the next request.
    const bool announces = hop.is_chunked || hop.content_length.value_or(0) > 0;
    if (announces && !describes && !is_interim(head.status)) head.keep_alive = false;
  } else if (hop.is_chunked) {
    head.framing = BodyFraming::chunked();
  } else if (hop.content_length) {
    head.framing = BodyFraming::of_length(*hop.content_length);
  } else {
    head.framing = BodyFraming::until_close();
    head.keep_alive = false;
  }
  return true;
}

ParseResult ResponseParser::fail(std::string_view sentence) noexcept {
  error_ = {Status::bad_gateway, sentence};
  return ParseResult::failed;
}

}  // namespace gatewaykit::codec
