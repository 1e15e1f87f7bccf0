// SPDX-License-Identifier: Apache-2.0
#include "codec/chunked_decoder.hpp"

#include <algorithm>

#include "codec/trailers.hpp"
#include "http/scan.hpp"

namespace gatewaykit::codec {

namespace {

constexpr std::uint8_t kMaxDigits = 16;
constexpr std::size_t kMaxExtension = 4 * 1024;

}  // namespace

BodyStep ChunkedDecoder::next(std::string_view bytes) {
  std::size_t at = 0;
  const char* why = nullptr;
  while (at < bytes.size()) {
    const char c = bytes[at];
    switch (state_) {
      case State::size:
      case State::extension_gap:
      case State::extension:
      case State::size_end:
        why = take_size_line(bytes, at);
        break;
      case State::data: {
        const auto size =
            static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
        left_ -= size;
        if (left_ == 0) state_ = State::data_cr;
        return {BodyStep::Kind::data, bytes.substr(at, size), at + size};
      }
      case State::data_cr:
        if (c != '\r') why = "a chunk is longer than its size";
        state_ = State::data_lf;
        ++at;
        break;
      case State::data_lf:
        if (c != '\n') why = "a CR stands without LF";
        state_ = State::size;
        ++at;
        break;
      case State::last_chunk:
        if (c == '\r') {
          state_ = State::last_lf;
          ++at;
        } else {
          state_ = State::trailers;
          section_.begin(0);
        }
        break;
      case State::last_lf:
        if (c != '\n') return fail({Status::bad_request, "a CR stands without LF"}, at);
        state_ = State::end;
        return {BodyStep::Kind::end, {}, at + 1};
      case State::trailers: {
        const ParseResult result = take_trailers(bytes, at);
        if (result == ParseResult::failed) return fail(section_.error(), at);
        if (result == ParseResult::done) return {BodyStep::Kind::end, {}, at};
        break;
      }
      case State::end:
        return {BodyStep::Kind::end, {}, 0};
      case State::failed:
        return {BodyStep::Kind::failed, {}, 0};
    }
    if (why != nullptr) return fail({Status::bad_request, why}, at);
  }
  if (state_ == State::end) return {BodyStep::Kind::end, {}, 0};
  if (state_ == State::failed) return {BodyStep::Kind::failed, {}, 0};
  return {BodyStep::Kind::need_more, {}, at};
}

BodyStep ChunkedDecoder::fail(const ParseError& error, std::size_t consumed) noexcept {
  error_ = error;
  state_ = State::failed;
  return {BodyStep::Kind::failed, {}, consumed};
}

/// Takes what it can of a size line; null, or what is wrong with it.
const char* ChunkedDecoder::take_size_line(std::string_view bytes, std::size_t& at) noexcept {
  const char c = bytes[at];
  if (state_ == State::extension) return take_extension(bytes, at);
  ++at;
  if (state_ == State::size_end) {
    if (c != '\n') return "a CR stands without LF";
    state_ = left_ == 0 ? State::last_chunk : State::data;
    digits_ = 0;
    extension_ = 0;
    return nullptr;
  }
  if (state_ == State::size && hex_value(c) >= 0) return take_digit(c);
  if (digits_ == 0) return "a chunk has no size";
  if (c == ';') {
    state_ = State::extension;
  } else if (is_ows(c)) {
    state_ = State::extension_gap;
    if (++extension_ > kMaxExtension) return "a chunk extension is too long";
  } else if (c == '\r' && state_ == State::size) {
    state_ = State::size_end;
  } else {
    return "a chunk size is malformed";
  }
  return nullptr;
}

const char* ChunkedDecoder::take_digit(char c) noexcept {
  constexpr std::uint64_t kTooLarge = std::uint64_t{1} << 63;
  if (digits_ == kMaxDigits) return "a chunk size has too many digits";
  ++digits_;
  left_ = left_ * 16 + static_cast<std::uint64_t>(hex_value(c));
  return left_ >= kTooLarge ? "a chunk size is too large" : nullptr;
}

const char* ChunkedDecoder::take_extension(std::string_view bytes, std::size_t& at) noexcept {
  const std::size_t room = kMaxExtension - extension_;
  const char* const begin = bytes.data() + at;
  const char* const end = begin + std::min(bytes.size() - at, room);
  const char* const stop = find_value_end(begin, end);
  extension_ += static_cast<std::size_t>(stop - begin);
  at += static_cast<std::size_t>(stop - begin);
  if (at == bytes.size()) return nullptr;
  if (bytes[at] == '\r') {
    state_ = State::size_end;
    ++at;
    return nullptr;
  }
  return stop == end ? "a chunk extension is too long"
                     : "a chunk extension holds a control character";
}

/// Trailers are few and rare: their bytes are collected, then read as a section.
ParseResult ChunkedDecoder::take_trailers(std::string_view bytes, std::size_t& at) {
  const std::size_t before = trailer_bytes_.size();
  const std::string_view more = bytes.substr(at, kTrailerLimits.bytes + 1 - before);
  trailer_bytes_ += more;
  const ParseResult result = section_.scan(trailer_bytes_, kTrailerLimits);
  if (result != ParseResult::done) {
    at += more.size();
    return result;
  }
  at += section_.end() - before;
  for (FieldSection::Line& line : section_.lines()) {
    line.is_dropped = is_forbidden_trailer(line.field, line.name_in(trailer_bytes_));
  }
  section_.copy_to(trailers_, trailer_bytes_);
  trailer_bytes_ = String();
  state_ = State::end;
  return result;
}

BodyStep BodyDecoder::next(std::string_view bytes) {
  using Kind = BodyFraming::Kind;
  if (kind_ == Kind::chunked) return chunked_.next(bytes);
  if (kind_ != Kind::until_close) {
    if (left_ == 0) return {BodyStep::Kind::end, {}, 0};
    bytes = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
    left_ -= bytes.size();
  }
  if (bytes.empty()) return {BodyStep::Kind::need_more, {}, 0};
  return {BodyStep::Kind::data, bytes, bytes.size()};
}

bool BodyDecoder::may_end_here() const noexcept {
  switch (kind_) {
    case BodyFraming::Kind::until_close:
      return true;
    case BodyFraming::Kind::chunked:
      return chunked_.has_ended();
    default:
      return left_ == 0;
  }
}

}  // namespace gatewaykit::codec
