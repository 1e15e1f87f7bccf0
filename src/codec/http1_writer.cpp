// SPDX-License-Identifier: Apache-2.0
#include "codec/http1_writer.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "http/hop.hpp"

namespace gatewaykit::codec {

namespace {

using Kind = BodyFraming::Kind;

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kMaxDecimal = 20;

bool usually_has_content(const Method& method) noexcept {
  return method == Method::post || method == Method::put || method == Method::patch;
}

void append_fields(ByteWriter& writer, const Headers& headers) {
  headers.visit_text([](Field field) { return belongs_to_hop(field); },
                     [&writer](std::string_view lines) { writer.append(lines); });
}

void append_framing(ByteWriter& writer, const BodyFraming& framing) {
  if (framing.kind == Kind::chunked) {
    writer.append("Transfer-Encoding: chunked\r\n");
  } else if (framing.kind == Kind::length) {
    writer.append("Content-Length: ");
    writer.append_decimal(framing.length);
    writer.append(kLineEnd);
  }
}

/// RFC 9110 section 8.6: 1xx and 204 have no length, 304 and answers to HEAD tell that of the
/// content which they stand for.
void append_response_framing(ByteWriter& writer, const ResponseParts& parts) {
  if (is_interim(parts.status) || parts.status == Status::no_content) return;
  if (parts.status != Status::not_modified && parts.framing.kind != Kind::none) {
    append_framing(writer, parts.framing);
  } else if (const auto described = parts.headers.get(Field::content_length)) {
    writer.append_field("Content-Length", *described);
  }
}

void append_connection(ByteWriter& writer, const RequestParts& parts) {
  if (!parts.upgrade.empty()) {
    writer.append(parts.accepts_trailers ? "Connection: upgrade, te\r\n"
                                         : "Connection: upgrade\r\n");
    writer.append_field("Upgrade", parts.upgrade);
  } else if (parts.closes) {
    writer.append(parts.accepts_trailers ? "Connection: close, te\r\n" : "Connection: close\r\n");
  } else if (parts.accepts_trailers) {
    writer.append("Connection: te\r\n");
  }
  if (parts.accepts_trailers) writer.append("TE: trailers\r\n");
}

void append_status_line(ByteWriter& writer, Status status) {
  if (status == Status::ok) {
    writer.append("HTTP/1.1 200 OK\r\n");
    return;
  }
  writer.append("HTTP/1.1 ");
  writer.append_decimal(static_cast<std::uint64_t>(code(status)));
  writer.append_all({" ", reason_phrase(status), kLineEnd});
}

char* put_two(char* to, int number) noexcept {
  to[0] = static_cast<char>('0' + number / 10);
  to[1] = static_cast<char>('0' + number % 10);
  return to + 2;
}

char* put(char* to, std::string_view text) noexcept {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

}  // namespace

void ByteWriter::grow(std::size_t bytes) {
  Buffer larger = Buffer::allocate(std::max(size_ + bytes, buffer_.capacity() * 2));
  std::memcpy(larger.data(), buffer_.data(), size_);
  buffer_ = std::move(larger);
}

void ByteWriter::append_decimal(std::uint64_t number) {
  char digits[kMaxDecimal];
  const auto [end, error] = std::to_chars(digits, digits + kMaxDecimal, number);
  append({digits, static_cast<std::size_t>(end - digits)});
}

void write_request_head(ByteWriter& writer, const RequestParts& parts) {
  writer.append_all(
      {parts.method.name(), " ", parts.target, " HTTP/1.1\r\nHost: ", parts.authority, kLineEnd});
  append_fields(writer, parts.headers);
  const bool is_empty = parts.framing.kind == Kind::none && usually_has_content(parts.method);
  append_framing(writer, is_empty ? BodyFraming::of_length(0) : parts.framing);
  append_connection(writer, parts);
  writer.append(kLineEnd);
}

void write_response_head(ByteWriter& writer, const ResponseParts& parts) {
  append_status_line(writer, parts.status);
  append_fields(writer, parts.headers);
  if (!parts.date.empty() && !parts.headers.contains(Field::date)) {
    writer.append_field("Date", parts.date);
  }
  append_response_framing(writer, parts);
  if (parts.status == Status::switching_protocols) {
    writer.append("Connection: upgrade\r\n");
    writer.append_field("Upgrade", parts.upgrade);
  } else if (parts.closes || parts.framing.kind == Kind::until_close) {
    writer.append("Connection: close\r\n");
  } else if (parts.keeps_alive) {
    writer.append("Connection: keep-alive\r\n");
  }
  writer.append(kLineEnd);
}

std::size_t write_chunk_head(std::uint64_t size, char* to) noexcept {
  char* const end = std::to_chars(to, to + kChunkHeadSize, size, 16).ptr;
  return static_cast<std::size_t>(put(end, kLineEnd) - to);
}

void write_last_chunk(ByteWriter& writer, const Headers& trailers) {
  writer.append("0\r\n");
  append_fields(writer, trailers);
  writer.append(kLineEnd);
}

std::size_t write_date(std::time_t time, char* to) noexcept {
  constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  std::tm parts{};
  gmtime_r(&time, &parts);
  const auto name = [](std::string_view names, int index) {
    return names.substr(static_cast<std::size_t>(index) * 3, 3);
  };
  const int year = parts.tm_year + 1900;
  char* at = put(put(to, name(kDays, parts.tm_wday)), ", ");
  at = put(put(put(put_two(at, parts.tm_mday), " "), name(kMonths, parts.tm_mon)), " ");
  at = put_two(put_two(at, year / 100), year % 100);
  at = put(put_two(put(at, " "), parts.tm_hour), ":");
  at = put(put_two(at, parts.tm_min), ":");
  put(put_two(at, parts.tm_sec), " GMT");
  return kDateSize;
}

}  // namespace gatewaykit::codec
