// SPDX-License-Identifier: Apache-2.0
// Field sections of HTTP/2 (RFC 9113 sections 8.1 to 8.5): collected line by line as HPACK yields
// them, strictly, since most of them go on as HTTP/1.1, where a byte too many is another request;
// and written for nghttp2. Used by server and upstream connections.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "codec/http1_message.hpp"
#include "codec/http1_request_parser.hpp"
#include "gatewaykit/core/string.hpp"
#include "gatewaykit/http/headers.hpp"
#include "gatewaykit/http/method.hpp"
#include "gatewaykit/http/status.hpp"

namespace gatewaykit::codec {

/// What the sections of requests, responses and trailers have in common: the regular fields.
class Http2Section {
 public:
  /// False where a line was refused, for the reason that error() has.
  bool is_valid() const noexcept { return !is_refused_; }
  const ParseError& error() const noexcept { return error_; }
  /// Of a section that was refused, whose other fields are dropped: what the answer is to be
  /// written in goes by it. Empty where there is none.
  std::string_view content_type() const noexcept {
    return content_type_ == nullptr ? std::string_view() : *content_type_;
  }
  /// Of its lines, as they would be in HTTP/1.1.
  std::size_t bytes() const noexcept { return bytes_; }

 protected:
  explicit Http2Section(const SectionLimits& limits) noexcept : limits_(limits) {}

  /// Counts a line; false where the section has become too large, or was refused before.
  bool count(std::string_view name, std::string_view value);
  /// A field that belongs to no hop.
  void add(Field field, std::string_view name, std::string_view value);
  void refuse(std::string_view sentence) { refuse(Status::bad_request, sentence); }
  void refuse(Status status, std::string_view sentence);

  Headers headers_;

 private:
  void note_content_type(std::string_view value);

  SectionLimits limits_;
  std::unique_ptr<String> content_type_;  // Rarely there, and heads are many.
  ParseError error_;
  std::size_t bytes_ = 0;
  std::size_t lines_ = 0;
  bool is_refused_ = false;
};

/// The trailer section of either side. Fields that frame or route a message are dropped from it.
class Http2Trailers : public Http2Section {
 public:
  explicit Http2Trailers(const SectionLimits& limits) noexcept : Http2Section(limits) {}
  void add_line(std::string_view name, std::string_view value);
  Headers& fields() noexcept { return headers_; }
};

/// A request head: method, target and so on as RequestHead has them.
class Http2RequestHead : public Http2Section {
 public:
  explicit Http2RequestHead(const RequestLimits& limits) noexcept
      : Http2Section(limits.section), target_limit_(limits.target), method_limit_(limits.method) {}

  void add_line(std::string_view name, std::string_view value);
  /// The section is complete: is_valid() is final. `has_content`: the stream does not end with it.
  void finish(bool has_content);

  Method method;
  String target;     ///< Origin form or "*"; empty with a plain CONNECT.
  String authority;  ///< Lower case, checked.
  String protocol;   ///< Of an extended CONNECT (RFC 8441).
  std::optional<std::uint64_t> content_length;
  bool expects_continue = false;
  bool accepts_trailers = false;
  Headers& fields() noexcept { return headers_; }

 private:
  void add_pseudo(std::string_view name, std::string_view value);
  void add_hop(Field field, std::string_view value);
  void set_once(String& part, std::string_view value);
  void check(bool has_content);
  void check_target();
  void check_authority();

  std::size_t target_limit_;
  std::size_t method_limit_;
  String scheme_;
  String host_;
  String cookie_;  // Its crumbs together (RFC 9113 section 8.2.3).
  bool has_method_ = false;
  bool has_regular_ = false;
  bool expects_other_ = false;
};

/// A response head, interim or final.
class Http2ResponseHead : public Http2Section {
 public:
  explicit Http2ResponseHead(const SectionLimits& limits) noexcept : Http2Section(limits) {}

  void add_line(std::string_view name, std::string_view value);
  void finish();

  Status status{};
  std::optional<std::uint64_t> content_length;
  Headers& fields() noexcept { return headers_; }

 private:
  bool has_status_ = false;
  bool has_regular_ = false;
};

/// The lines of a section for nghttp2_submit_*, which copies the list and what is said to be
/// copied; all else stays where it is until the section was sent.
class Http2FieldList {
 public:
  Http2FieldList() noexcept = default;
  Http2FieldList(const Http2FieldList&) = delete;
  Http2FieldList& operator=(const Http2FieldList&) = delete;

  /// `name` is in lower case. Both stay.
  void add(std::string_view name, std::string_view value) { push(name, value, kStays); }
  /// `name` stays, the value is copied.
  void add_copied(std::string_view name, std::string_view value) {
    push(name, value, NGHTTP2_NV_FLAG_NO_COPY_NAME);
  }
  /// All but those of a hop, names in lower case. `headers` stays as it is.
  void add(const Headers& headers) { push(headers, NGHTTP2_NV_FLAG_NO_COPY_VALUE); }
  /// The same, with a copy of everything.
  void add_copied(const Headers& headers) { push(headers, NGHTTP2_NV_FLAG_NONE); }

  const nghttp2_nv* data() const noexcept { return lines_; }
  std::size_t size() const noexcept { return size_; }
  /// As SETTINGS_MAX_HEADER_LIST_SIZE counts it (RFC 9113 section 6.5.2).
  std::size_t section_size() const noexcept;

 private:
  static constexpr std::size_t kUsualLines = 32;
  static constexpr unsigned kStays = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;

  void push(const Headers& headers, unsigned flags);
  void push(std::string_view name, std::string_view value, unsigned flags) {
    const auto bytes = [](std::string_view text) {
      return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
    };
    if (size_ == capacity_) grow();
    lines_[size_++] = {bytes(name), bytes(value), name.size(), value.size(),
                       static_cast<std::uint8_t>(flags)};
  }
  void grow();

  nghttp2_nv usual_[kUsualLines];  // Written before they are read.
  std::vector<nghttp2_nv, PoolAllocator<nghttp2_nv>> many_;
  nghttp2_nv* lines_ = usual_;
  std::size_t capacity_ = kUsualLines;
  std::size_t size_ = 0;
};

}  // namespace gatewaykit::codec
