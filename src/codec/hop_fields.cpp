// SPDX-License-Identifier: Apache-2.0
#include "codec/hop_fields.hpp"

#include "http/scan.hpp"

namespace gatewaykit::codec {

namespace {

using Line = FieldSection::Line;

// More options than any client has a use for would each be looked for among all fields.
constexpr std::size_t kMaxOptions = 64;

class Reader {
 public:
  Reader(FieldSection& section, std::string_view buffer, HopFields& hop, ParseError& error) noexcept
      : section_(section), buffer_(buffer), hop_(hop), error_(error) {}

  bool read();

 private:
  bool read_line(Line& line);
  bool read_content_length(Line& line);
  bool read_transfer_encoding(std::string_view value);
  bool read_connection(std::string_view value);
  void read_te(std::string_view value) noexcept;
  void read_upgrade(std::string_view value) noexcept;
  void drop_nominated();
  bool fail(Status status, std::string_view sentence) noexcept {
    error_ = {status, sentence};
    return false;
  }

  FieldSection& section_;
  std::string_view buffer_;
  HopFields& hop_;
  ParseError& error_;
  std::size_t options_ = 0;
  bool has_nominations_ = false;
};

bool Reader::read() {
  for (Line& line : section_.lines()) {
    if (line.field != Field::other && !read_line(line)) return false;
  }
  if (hop_.is_chunked && hop_.content_length) {
    return fail(Status::bad_request, "Content-Length and Transfer-Encoding exclude each other");
  }
  if (has_nominations_) drop_nominated();
  return true;
}

bool Reader::read_line(Line& line) {
  const std::string_view value = line.value_in(buffer_);
  switch (line.field) {
    case Field::host:
      if (hop_.hosts++ == 0) hop_.host = value;
      break;
    case Field::content_length:
      line.is_dropped = true;
      return read_content_length(line);
    case Field::transfer_encoding:
      line.is_dropped = true;
      return read_transfer_encoding(value);
    case Field::connection:
      line.is_dropped = true;
      return read_connection(value);
    case Field::te:
      read_te(value);
      break;
    case Field::upgrade:
      read_upgrade(value);
      break;
    case Field::keep_alive:
    case Field::proxy_connection:
    case Field::http2_settings:
      break;
    case Field::expect:
      (equals_lower(value, "100-continue") ? hop_.expects_continue : hop_.expects_other) = true;
      return true;
    default:
      return true;
  }
  line.is_dropped = true;
  return true;
}

/// Digits alone, and only once: RFC 9110 section 8.6 lets equal values pass, we do not.
bool Reader::read_content_length(Line& line) {
  if (hop_.content_length) return fail(Status::bad_request, "Content-Length is repeated");
  hop_.content_length = parse_content_length(line.value_in(buffer_));
  if (!hop_.content_length) {
    return fail(Status::bad_request, "Content-Length is not a number of bytes");
  }
  hop_.content_length_line = &line;
  return true;
}

bool Reader::read_transfer_encoding(std::string_view value) {
  if (hop_.is_chunked) return fail(Status::bad_request, "Transfer-Encoding is repeated");
  bool is_known = true;
  while (value.data() != nullptr) {
    const std::string_view coding = next_list_member(value);
    if (!is_token(coding)) return fail(Status::bad_request, "Transfer-Encoding is malformed");
    if (equals_lower(coding, "chunked")) {
      if (value.data() != nullptr) {
        return fail(Status::bad_request, "chunked is not the last transfer coding");
      }
      hop_.is_chunked = true;
    } else {
      is_known = false;
    }
  }
  if (!is_known) return fail(Status::not_implemented, "no transfer coding but chunked is served");
  return true;
}

bool Reader::read_connection(std::string_view value) {
  while (value.data() != nullptr) {
    const std::string_view option = next_list_member(value);
    if (option.empty()) continue;
    if (++options_ > kMaxOptions) {
      return fail(Status::bad_request, "Connection has too many options");
    }
    if (equals_lower(option, "close")) {
      hop_.closes = true;
    } else if (equals_lower(option, "keep-alive")) {
      hop_.keeps_alive = true;
    } else if (equals_lower(option, "upgrade")) {
      hop_.upgrades = true;
    } else {
      has_nominations_ = true;
    }
  }
  return true;
}

void Reader::read_te(std::string_view value) noexcept {
  while (value.data() != nullptr) {
    if (equals_lower(next_list_member(value), "trailers")) hop_.accepts_trailers = true;
  }
}

/// HTTP/2 over cleartext is never negotiated on behalf of others (RFC 9113 section 3.1).
void Reader::read_upgrade(std::string_view value) noexcept {
  while (value.data() != nullptr && hop_.upgrade.empty()) {
    const std::string_view protocol = next_list_member(value);
    const std::string_view name = protocol.substr(0, protocol.find('/'));
    const bool has_version = name.size() < protocol.size();
    const bool is_valid =
        is_token(name) && (!has_version || is_token(protocol.substr(name.size() + 1)));
    if (is_valid && !equals_lower(name, "h2c")) hop_.upgrade = protocol;
  }
}

void Reader::drop_nominated() {
  for (const Line& connection : section_.lines()) {
    if (connection.field != Field::connection) continue;
    std::string_view value = connection.value_in(buffer_);
    while (value.data() != nullptr) {
      const std::string_view option = next_list_member(value);
      for (Line& line : section_.lines()) {
        if (equals_ignoring_case(line.name_in(buffer_), option)) line.is_dropped = true;
      }
    }
  }
}

}  // namespace

bool read_hop_fields(FieldSection& section, std::string_view buffer, HopFields& hop,
                     ParseError& error) {
  return Reader(section, buffer, hop, error).read();
}

}  // namespace gatewaykit::codec
