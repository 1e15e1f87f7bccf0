// SPDX-License-Identifier: Apache-2.0
#include "codec/http2_fields.hpp"

#include <algorithm>
#include <utility>

#include "codec/trailers.hpp"
#include "gatewaykit/http/target.hpp"
#include "http/hop.hpp"
#include "http/scan.hpp"

namespace gatewaykit::codec {

namespace {

bool is_pseudo(std::string_view name) noexcept { return !name.empty() && name.front() == ':'; }

bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }

/// RFC 9113 section 8.2.1: a token in lower case. `field` is what the name was found to be.
bool is_name(Field field, std::string_view name) noexcept {
  if (field != Field::other) return name == name_of(field);
  return is_token(name) && std::none_of(name.begin(), name.end(), is_upper);
}

/// The same section: no control characters, no blanks around it.
bool is_value(std::string_view value) noexcept {
  if (value.empty()) return true;
  return !is_ows(value.front()) && !is_ows(value.back()) && is_field_value(value);
}

}  // namespace

bool Http2Section::count(std::string_view name, std::string_view value) {
  constexpr std::size_t kOverhead = 4;  // As the same line has in HTTP/1.1.
  bytes_ += name.size() + value.size() + kOverhead;
  ++lines_;
  if (bytes_ > limits_.bytes || lines_ > limits_.fields) {
    refuse(Status::request_header_fields_too_large, "the field section is too large");
  }
  if (is_refused_ && name == "content-type") note_content_type(value);
  return !is_refused_;
}

void Http2Section::add(Field field, std::string_view name, std::string_view value) {
  if (!is_name(field, name)) return refuse("a field name is malformed");
  if (!is_value(value)) return refuse("a field value is malformed");
  headers_.add_checked(field, name, value);
}

void Http2Section::refuse(Status status, std::string_view sentence) {
  if (std::exchange(is_refused_, true)) return;
  error_ = {status, sentence};
  if (const auto type = headers_.get(Field::content_type)) note_content_type(*type);
  headers_ = Headers();
}

void Http2Section::note_content_type(std::string_view value) {
  constexpr std::size_t kMost = 128;
  if (value.size() <= kMost && is_value(value)) content_type_ = std::make_unique<String>(value);
}

void Http2Trailers::add_line(std::string_view name, std::string_view value) {
  if (!count(name, value)) return;
  if (is_pseudo(name)) return refuse("a pseudo-field stands among the trailers");
  const Field field = field_of(name);
  // Those two are but dropped, with all else that frames or routes a message.
  if (belongs_to_hop(field) && field != Field::content_length && field != Field::host) {
    return refuse("a field belongs to connections of HTTP/1");
  }
  if (!is_forbidden_trailer(field, name)) add(field, name, value);
}

void Http2RequestHead::add_line(std::string_view name, std::string_view value) {
  if (!count(name, value)) return;
  if (is_pseudo(name)) return add_pseudo(name, value);
  if (!std::exchange(has_regular_, true)) fields().reserve(16, 1024);
  const Field field = field_of(name);
  if (belongs_to_hop(field)) return add_hop(field, value);
  if (field == Field::cookie) {
    if (!is_name(field, name) || !is_value(value)) return refuse("a cookie is malformed");
    if (!cookie_.empty()) cookie_ += "; ";
    cookie_ += value;
    return;
  }
  if (field == Field::expect) {
    (equals_lower(value, "100-continue") ? expects_continue : expects_other_) = true;
  }
  add(field, name, value);
}

void Http2RequestHead::add_pseudo(std::string_view name, std::string_view value) {
  if (has_regular_) return refuse("a pseudo-field follows other fields");
  if (name == ":method") {
    if (std::exchange(has_method_, true)) return refuse("a pseudo-field is repeated");
    std::optional<Method> token = Method::from_token(value.substr(0, method_limit_ + 1));
    if (!token || value.size() > method_limit_) return refuse("the method is malformed");
    method = std::move(*token);
  } else if (name == ":path") {
    if (value.size() > target_limit_) {
      return refuse(Status::uri_too_long, "the request target is too long");
    }
    set_once(target, value);
  } else if (name == ":authority") {
    set_once(authority, value);
  } else if (name == ":scheme") {
    set_once(scheme_, value);
  } else if (name == ":protocol") {
    set_once(protocol, value);
  } else {
    refuse("a pseudo-field is unknown");
  }
}

void Http2RequestHead::set_once(String& part, std::string_view value) {
  if (value.empty()) return refuse("a pseudo-field is empty");
  if (!part.empty()) return refuse("a pseudo-field is repeated");
  part = value;
}

/// RFC 9113 section 8.2.2: none of them but Content-Length, Host, and TE: trailers.
void Http2RequestHead::add_hop(Field field, std::string_view value) {
  if (field == Field::content_length) {
    if (content_length) return refuse("Content-Length is repeated");
    content_length = parse_content_length(value);
    if (!content_length) refuse("Content-Length is not a number of bytes");
  } else if (field == Field::host) {
    set_once(host_, value);
  } else if (field == Field::te && equals_lower(value, "trailers")) {
    accepts_trailers = true;
  } else {
    refuse("a field belongs to connections of HTTP/1");
  }
}

void Http2RequestHead::finish(bool has_content) {
  check(has_content);
  if (!cookie_.empty() && is_valid()) headers_.add_checked(Field::cookie, "cookie", cookie_);
  // What is not needed any more may be large, and is held for as long as the request.
  for (String* const part : {&cookie_, &host_, &scheme_}) String().swap(*part);
  if (is_valid()) return;
  for (String* const part : {&authority, &protocol}) String().swap(*part);
}

void Http2RequestHead::check(bool has_content) {
  if (!is_valid()) return;
  if (!has_method_) return refuse(":method is missing");
  check_target();
  check_authority();
  if (expects_other_) {
    refuse(Status::expectation_failed, "no expectation but 100-continue can be met");
  }
  if (!has_content && content_length.value_or(0) > 0) refuse("the announced content is missing");
  expects_continue = expects_continue && has_content;
}

void Http2RequestHead::check_target() {
  const bool is_connect = method == Method::connect;
  if (is_connect && protocol.empty()) {
    if (!target.empty() || !scheme_.empty()) refuse("CONNECT has a target of its own");
    return;
  }
  // h2c would bring the target to read what follows as another client's frames.
  const bool is_possible = is_connect && is_token(protocol) && !equals_lower(protocol, "h2c");
  if (!protocol.empty() && !is_possible) {
    return refuse(":protocol is no protocol for CONNECT");
  }
  if (scheme_ != "http" && scheme_ != "https") return refuse(":scheme is neither http nor https");
  const bool is_asterisk = target == "*" && method == Method::options;
  if (target.empty() || (target.front() != '/' && !is_asterisk)) {
    return refuse(":path has no form that the method takes");
  }
  const char* const end = target.data() + target.size();
  if (find_visible_end(target.data(), end) != end) refuse(":path holds a byte that no target has");
}

/// RFC 9113 section 8.3.1: what differs from Host is one of the two that somebody else would see.
void Http2RequestHead::check_authority() {
  lower(authority);
  if (authority.empty()) {
    authority = std::move(host_);
    lower(authority);
  } else if (!host_.empty() && !equals_lower(host_, authority)) {
    return refuse("Host and :authority differ");
  }
  if (authority.empty()) return refuse("Host is missing");
  if (!parse_authority(authority)) refuse("Host is no host with a port");
}

void Http2ResponseHead::add_line(std::string_view name, std::string_view value) {
  if (!count(name, value)) return;
  if (is_pseudo(name)) {
    const bool is_code = value.size() == 3 && std::all_of(value.begin(), value.end(), is_digit) &&
                         value.front() >= '1';
    if (name != ":status" || has_regular_ || has_status_ || !is_code) {
      return refuse("the pseudo-fields are not those of a response");
    }
    has_status_ = true;
    status = static_cast<Status>((value[0] - '0') * 100 + (value[1] - '0') * 10 + value[2] - '0');
    return;
  }
  if (!std::exchange(has_regular_, true)) fields().reserve(16, 1024);
  const Field field = field_of(name);
  if (field == Field::content_length) {
    if (content_length) return refuse("Content-Length is repeated");
    content_length = parse_content_length(value);
    if (!content_length) refuse("Content-Length is not a number of bytes");
  } else if (belongs_to_hop(field)) {
    refuse("a field belongs to connections of HTTP/1");
  } else {
    add(field, name, value);
  }
}

void Http2ResponseHead::finish() {
  if (!has_status_) return refuse(":status is missing");
  if (status == Status::switching_protocols) return refuse("HTTP/2 has no 101");
  if (is_interim(status) && content_length) refuse("an interim response has no content");
}

void Http2FieldList::push(const Headers& headers, unsigned flags) {
  for (const FieldLine line : headers) {
    if (belongs_to_hop(line.field)) continue;
    const std::string_view known = name_of(line.field);
    if (!known.empty()) {
      push(known, line.value, flags | NGHTTP2_NV_FLAG_NO_COPY_NAME);
    } else {
      push(line.name, line.value, flags);  // nghttp2 copies the name, in lower case.
    }
  }
}

std::size_t Http2FieldList::section_size() const noexcept {
  constexpr std::size_t kPerLine = 32;
  std::size_t size = size_ * kPerLine;
  for (std::size_t i = 0; i < size_; ++i) size += lines_[i].namelen + lines_[i].valuelen;
  return size;
}

void Http2FieldList::grow() {
  if (many_.empty()) many_.assign(usual_, usual_ + size_);
  capacity_ *= 2;
  many_.resize(capacity_);
  lines_ = many_.data();
}

}  // namespace gatewaykit::codec
