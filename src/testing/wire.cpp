// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/testing/wire.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

namespace gatewaykit::testing {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";

[[noreturn]] void refuse(const std::string& what, std::string_view bytes) {
  std::string shown;
  for (const char c : bytes.substr(0, 200)) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      shown += c;
    } else {
      shown += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  throw std::runtime_error("malformed message on the wire: " + what + ": \"" + shown + '"');
}

bool is_token_character(char c) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kOthers.find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

bool is_same(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [lower](char x, char y) { return lower(x) == lower(y); });
}

/// Cuts the first line off, without its end.
std::string_view cut_line(std::string_view& lines) {
  const std::size_t end = lines.find(kLineEnd);
  const std::string_view line = lines.substr(0, end);
  lines.remove_prefix(std::min(lines.size(), line.size() + kLineEnd.size()));
  return line;
}

std::pair<std::string_view, std::string_view> split_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return {line, {}};
  std::string_view value = line.substr(colon + 1);
  while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
  while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
  return {line.substr(0, colon), value};
}

void check_lines(std::string_view lines) {
  while (!lines.empty()) {
    const std::string_view line = cut_line(lines);
    for (const char c : line) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte < 0x20 && c != '\t') || byte == 0x7f) refuse("a control character", line);
    }
    if (line.find(':') == std::string_view::npos || !is_token(split_field(line).first)) {
      refuse("a field line without a name", line);
    }
  }
}

void check_start_line(WireReader::Kind kind, std::string_view line) {
  if (kind == WireReader::Kind::responses) {
    const bool has_code = line.size() >= 13 && line[8] == ' ' && line[12] == ' ' &&
                          std::all_of(line.begin() + 9, line.begin() + 12,
                                      [](char c) { return c >= '0' && c <= '9'; });
    if (!line.starts_with("HTTP/1.1 ") || !has_code) refuse("no status line", line);
    return;
  }
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || !is_token(line.substr(0, first)) || last <= first + 1 ||
      line.find(' ', first + 1) != last || line.substr(last) != " HTTP/1.1") {
    refuse("no request line", line);
  }
}

template <class Number>
Number parse_number(std::string_view text, int base, std::string_view line) {
  Number number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number, base);
  if (failure != std::errc() || rest != end) refuse("no size", line);
  return number;
}

std::string word(const std::string& line, std::size_t index) {
  std::size_t start = 0;
  for (; index > 0 && start != std::string::npos; --index) start = line.find(' ', start) + 1;
  return line.substr(start, line.find(' ', start) - start);
}

}  // namespace

std::string WireMessage::start_line() const { return head.substr(0, head.find(kLineEnd)); }

std::string WireMessage::method() const { return word(start_line(), 0); }

std::string WireMessage::target() const { return word(start_line(), 1); }

int WireMessage::status() const {
  const std::string line = start_line();
  return line.empty() ? 0 : parse_number<int>(word(line, 1), 10, line);
}

std::optional<std::string> WireMessage::field(std::string_view name) const {
  const std::vector<std::string> values = fields(name);
  if (values.empty()) return std::nullopt;
  return values.front();
}

std::vector<std::string> WireMessage::fields(std::string_view name) const {
  std::vector<std::string> values;
  std::string_view lines = head;
  cut_line(lines);
  while (!lines.empty()) {
    const auto [field_name, value] = split_field(cut_line(lines));
    if (is_same(field_name, name)) values.emplace_back(value);
  }
  return values;
}

void WireReader::feed(std::string_view bytes) {
  rest_ += bytes;
  parse();
}

void WireReader::feed_end() {
  if (state_ != State::until_end) return;
  message_.is_complete = true;
  state_ = State::done;
}

WireMessage WireReader::take() {
  WireMessage taken = std::exchange(message_, WireMessage());
  const bool is_upgrade = kind_ == Kind::responses && taken.status() == 101;
  state_ = is_upgrade ? State::tunnel : State::head;
  parse();
  return taken;
}

std::string WireReader::take_rest() { return std::exchange(rest_, std::string()); }

void WireReader::parse() {
  while (parse_some()) {
  }
  if (state_ == State::done) message_.is_complete = true;
}

// One step; false where it waits for more bytes or is done.
bool WireReader::parse_some() {
  switch (state_) {
    case State::head:
      parse_head();
      return state_ != State::head;
    case State::fixed:
    case State::chunk_data:
      take_content(static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest_.size())));
      if (left_ > 0) return false;
      state_ = state_ == State::fixed ? State::done : State::chunk_end;
      return true;
    case State::until_end:
      take_content(rest_.size());
      return false;
    case State::chunk_end:
      if (rest_.size() < kLineEnd.size()) return false;
      if (!rest_.starts_with(kLineEnd)) refuse("a chunk that is longer than its size", rest_);
      rest_.erase(0, kLineEnd.size());
      state_ = State::chunk_size;
      return true;
    case State::chunk_size:
    case State::trailers: {
      const std::size_t end = rest_.find(kLineEnd);
      if (end == std::string::npos) return false;
      const std::string line = rest_.substr(0, end);
      rest_.erase(0, end + kLineEnd.size());
      state_ == State::chunk_size ? parse_chunk_size(line) : parse_trailer(line);
      return true;
    }
    case State::done:
    case State::tunnel:
      return false;
  }
  return false;
}

void WireReader::parse_head() {
  const std::size_t end = rest_.find(kHeadEnd);
  if (end == std::string::npos) return;
  message_.head = rest_.substr(0, end + kHeadEnd.size());
  rest_.erase(0, message_.head.size());
  std::string_view lines = std::string_view(message_.head).substr(0, end + kLineEnd.size());
  check_start_line(kind_, cut_line(lines));
  check_lines(lines);

  const std::vector<std::string> codings = message_.fields("transfer-encoding");
  const std::vector<std::string> lengths = message_.fields("content-length");
  if (codings.size() + lengths.size() > 1) refuse("framing that is told twice", message_.head);
  if (!codings.empty() && codings.front() != "chunked") refuse("a coding", message_.head);
  message_.is_chunked = !codings.empty();
  left_ = lengths.empty() ? 0 : parse_number<std::uint64_t>(lengths.front(), 10, message_.head);

  const int status = kind_ == Kind::responses ? message_.status() : 200;
  const bool is_bare = status < 200 || status == 204 || status == 304;
  const bool answers_head = status >= 200 && std::exchange(expects_no_content_, false);
  if (is_bare && status != 304 && codings.size() + lengths.size() > 0) {
    refuse("framing where no content can be", message_.head);
  }
  if (is_bare || answers_head) {
    state_ = State::done;
  } else if (message_.is_chunked) {
    state_ = State::chunk_size;
  } else if (!lengths.empty()) {
    state_ = left_ > 0 ? State::fixed : State::done;
  } else {
    state_ = kind_ == Kind::responses ? State::until_end : State::done;
  }
}

void WireReader::parse_chunk_size(std::string_view line) {
  left_ = parse_number<std::uint64_t>(line, 16, line);
  state_ = left_ > 0 ? State::chunk_data : State::trailers;
}

void WireReader::parse_trailer(std::string_view line) {
  if (line.empty()) {
    state_ = State::done;
    return;
  }
  check_lines(line);
  message_.trailers.append(line).append(kLineEnd);
}

void WireReader::take_content(std::size_t size) {
  if (keeps_bodies_) message_.body.append(rest_, 0, size);
  message_.body_size += size;
  if (state_ != State::until_end) left_ -= size;
  rest_.erase(0, size);
}

}  // namespace gatewaykit::testing
