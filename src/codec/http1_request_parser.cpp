// SPDX-License-Identifier: Apache-2.0
#include "codec/http1_request_parser.hpp"

#include <algorithm>
#include <optional>

#include "codec/hop_fields.hpp"
#include "gatewaykit/http/target.hpp"
#include "http/scan.hpp"

namespace gatewaykit::codec {

namespace {

// RFC 9112 section 2.2 lets a server skip what broken clients send behind a body: two line ends.
constexpr std::size_t kMaxBlankBytes = 4;
constexpr std::string_view kVersionLine = "HTTP/1.1\r\n";

/// The target wins over Host (RFC 9112 section 3.2.2).
std::string_view authority_of(const RequestHead& head, std::string_view host) noexcept {
  if (head.target.front() == '/') return host;
  if (head.method == Method::connect) return head.target;
  const std::optional<TargetParts> parts = split_target(head.target);
  return parts->form == TargetParts::Form::absolute ? parts->authority : host;
}

}  // namespace

ParseResult RequestParser::parse(std::string_view buffer, RequestHead& head) {
  const bool is_resumed = state_ == State::section;
  if (!is_resumed) {
    const ParseResult line = parse_request_line(buffer);
    if (line == ParseResult::failed) describe(buffer, head);
    if (line != ParseResult::done) return line;
    if (!accept_request_line(buffer, head)) return ParseResult::failed;
    section_.begin(at_);
    state_ = State::section;
  }
  const ParseResult fields = section_.scan(buffer, limits_.section);
  if (fields == ParseResult::need_more) return fields;
  if (is_resumed) describe(buffer, head);
  if (fields == ParseResult::failed) {
    error_ = section_.error();
    return fields;
  }
  if (!accept_section(buffer, head)) return ParseResult::failed;
  head.size = section_.end();
  section_.copy_to(head.headers, buffer);
  at_ = method_begin_ = target_begin_ = target_end_ = 0;
  state_ = State::blank_lines;
  return ParseResult::done;
}

ParseResult RequestParser::parse_request_line(std::string_view buffer) {
  switch (state_) {
    case State::blank_lines:
      while (at_ < kMaxBlankBytes && at_ < buffer.size() && buffer[at_] == "\r\n"[at_ % 2]) ++at_;
      if (at_ == buffer.size()) return ParseResult::need_more;
      if (at_ % 2 == 1) return fail(Status::bad_request, "a CR stands without LF");
      method_begin_ = at_;
      state_ = State::method;
      [[fallthrough]];
    case State::method:
      if (const ParseResult result = parse_method(buffer); result != ParseResult::done) {
        return result;
      }
      target_begin_ = at_;
      state_ = State::target;
      [[fallthrough]];
    case State::target:
      if (const ParseResult result = parse_target(buffer); result != ParseResult::done) {
        return result;
      }
      state_ = State::version;
      [[fallthrough]];
    default:
      return parse_version(buffer);
  }
}

ParseResult RequestParser::parse_method(std::string_view buffer) {
  const std::size_t limit = method_begin_ + limits_.method;
  const char* const base = buffer.data();
  // One byte more than the limit: the blank behind it.
  const char* const end = base + std::min(buffer.size(), limit + 1);
  at_ = static_cast<std::size_t>(find_token_end(base + at_, end) - base);
  if (at_ > limit) return fail(Status::bad_request, "the method is too long");
  if (at_ == buffer.size()) return ParseResult::need_more;
  if (buffer[at_] != ' ' || at_ == method_begin_) {
    return fail(Status::bad_request, "the request line does not begin with a method");
  }
  ++at_;
  return ParseResult::done;
}

ParseResult RequestParser::parse_target(std::string_view buffer) {
  const std::size_t limit = target_begin_ + limits_.target;
  const char* const base = buffer.data();
  const char* const end = base + std::min(buffer.size(), limit + 1);
  at_ = static_cast<std::size_t>(find_visible_end(base + at_, end) - base);
  if (at_ > limit) return fail(Status::uri_too_long, "the request target is too long");
  if (at_ == buffer.size()) return ParseResult::need_more;
  if (buffer[at_] != ' ' || at_ == target_begin_) {
    return fail(Status::bad_request, "the request line has no valid target and version");
  }
  target_end_ = at_++;
  return ParseResult::done;
}

ParseResult RequestParser::parse_version(std::string_view buffer) {
  const std::size_t begin = target_end_ + 1;
  if (at_ == begin && buffer.substr(begin, kVersionLine.size()) == kVersionLine) {
    at_ += kVersionLine.size();
    minor_version_ = 1;
    return ParseResult::done;
  }
  for (; at_ < begin + kVersionLine.size(); ++at_) {
    if (at_ == buffer.size()) return ParseResult::need_more;
    const std::size_t place = at_ - begin;
    const char c = buffer[at_];
    const bool is_number = place == 5 || place == 7;
    if (is_number ? !is_digit(c) : c != kVersionLine[place]) {
      return fail(Status::bad_request, "the request line does not end with a version");
    }
    if (place == 7 && (buffer[begin + 5] != '1' || c > '1')) {
      return fail(Status::http_version_not_supported, "the version is neither HTTP/1.1 nor 1.0");
    }
  }
  minor_version_ = static_cast<std::uint8_t>(buffer[begin + 7] - '0');
  return ParseResult::done;
}

ParseResult RequestParser::fail(Status status, std::string_view sentence) noexcept {
  error_ = {status, sentence};
  return ParseResult::failed;
}

void RequestParser::describe(std::string_view buffer, RequestHead& head) const {
  if (target_begin_ <= method_begin_) return;
  const std::string_view method = buffer.substr(method_begin_, target_begin_ - 1 - method_begin_);
  head.method = *Method::from_token(method);
  if (target_end_ > target_begin_) {
    head.target = buffer.substr(target_begin_, target_end_ - target_begin_);
  }
}

/// The form of the target must go with the method (RFC 9112 section 3.2).
bool RequestParser::accept_request_line(std::string_view buffer, RequestHead& head) {
  describe(buffer, head);
  if (head.target.front() == '/' && head.method != Method::connect) return true;
  const std::optional<TargetParts> parts = split_target(head.target);
  bool is_valid = false;
  if (head.method == Method::connect) {
    const std::optional<Authority> authority = parse_authority(head.target);
    is_valid = authority && authority->port;
  } else if (parts && parts->form == TargetParts::Form::absolute) {
    is_valid = parse_authority(parts->authority).has_value();
  } else if (parts && parts->form == TargetParts::Form::asterisk) {
    is_valid = head.method == Method::options;
  }
  if (!is_valid) fail(Status::bad_request, "the request target has no form that the method takes");
  return is_valid;
}

bool RequestParser::accept_section(std::string_view buffer, RequestHead& head) {
  HopFields hop;
  if (!read_hop_fields(section_, buffer, hop, error_)) return false;
  if (hop.hosts > 1) return refuse("Host is repeated");
  if (hop.hosts == 0 && minor_version_ == 1) return refuse("Host is missing");
  if (hop.hosts == 1 && !parse_authority(hop.host)) return refuse("Host is no host with a port");
  if (hop.is_chunked && minor_version_ == 0) return refuse("HTTP/1.0 has no Transfer-Encoding");
  if (hop.expects_other) {
    fail(Status::expectation_failed, "no expectation but 100-continue can be met");
    return false;
  }
  head.authority = authority_of(head, hop.host);
  lower(head.authority);
  head.minor_version = minor_version_;
  head.framing = BodyFraming::none();
  if (hop.is_chunked) head.framing = BodyFraming::chunked();
  if (hop.content_length) head.framing = BodyFraming::of_length(*hop.content_length);
  const bool is_current = minor_version_ == 1;
  head.keep_alive = !hop.closes && (is_current || hop.keeps_alive);
  head.expects_continue = is_current && hop.expects_continue && head.framing.has_content();
  head.accepts_trailers = hop.accepts_trailers;
  const bool may_upgrade = is_current && hop.upgrades && !head.framing.has_content();
  head.upgrade = may_upgrade ? hop.upgrade : std::string_view();
  return true;
}

bool RequestParser::refuse(std::string_view sentence) noexcept {
  fail(Status::bad_request, sentence);
  return false;
}

}  // namespace gatewaykit::codec
