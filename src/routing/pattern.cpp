// SPDX-License-Identifier: Apache-2.0
#include "routing/pattern.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>

#include "http/scan.hpp"

namespace gatewaykit::routing {
namespace {

bool among(std::string_view set, char c) { return set.find(c) != std::string_view::npos; }

bool is_alphanumeric(char c) { return is_alpha(c) || is_digit(c); }

/// RFC 3986 section 2.3.
bool is_unreserved(char c) { return is_alphanumeric(c) || among("-._~", c); }

/// What a literal may hold unescaped: pchar of RFC 3986 section 3.3 without ';' and '*', which mean
/// something here.
bool is_literal_char(char c) { return is_unreserved(c) || among("!$&'()+,=:@", c); }

/// What is wrong with the escape at the start of `text`, if anything. %2F is let through: whether
/// it reaches the routes is an option of the gateway.
std::optional<std::string> escape_problem(std::string_view text) {
  const int high = text.size() > 1 ? hex_value(text[1]) : -1;
  const int low = text.size() > 2 ? hex_value(text[2]) : -1;
  if (high < 0 || low < 0) return "'%' must begin an escape of two hexadecimal digits";
  const std::string_view escape = text.substr(0, 3);
  const int byte = high * 16 + low;
  if (byte == 0 || byte == '\\') return fmt::format("{} is refused before matching", escape);
  if (is_unreserved(static_cast<char>(byte))) {
    return fmt::format("{} is decoded before matching; write '{}'", escape,
                       static_cast<char>(byte));
  }
  const std::string normalised = fmt::format("%{:02X}", byte);
  if (escape != normalised) {
    return fmt::format("{} is normalised before matching; write {}", escape, normalised);
  }
  return std::nullopt;
}

std::string char_problem(char c) {
  switch (c) {
    case '{':
    case '}':
      return "a parameter must be a whole segment, as in /{name}/";
    case '*':
      return "'*' must be the whole last segment";
    case ';':
      return "';' begins path parameters, which are ignored in matching";
    case '?':
    case '#':
      return fmt::format("'{}' ends a path; a pattern holds a path only", c);
    default:
      return fmt::format("a path holds no byte 0x{0:02X}; write %{0:02X}",
                         static_cast<unsigned char>(c));
  }
}

void check_literal(std::string_view text, std::vector<std::string>& problems) {
  if (text == "." || text == "..") {
    problems.emplace_back("segments '.' and '..' are resolved before matching");
    return;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (auto problem = escape_problem(text.substr(i))) {
        problems.push_back(std::move(*problem));
        return;
      }
      i += 2;
    } else if (!is_literal_char(text[i])) {
      problems.push_back(char_problem(text[i]));
      return;
    }
  }
}

void check_name(std::string_view segment, std::string_view name,
                std::vector<std::string>& problems) {
  if (name.empty()) {
    problems.push_back(fmt::format("{} has no name", segment));
    return;
  }
  const bool valid = std::all_of(name.begin(), name.end(),
                                 [](char c) { return is_alphanumeric(c) || c == '_' || c == '-'; });
  if (!valid) {
    problems.push_back(
        fmt::format("the name in {} may hold letters, digits, '_' and '-' only", segment));
  }
}

PatternSegment parse_segment(std::string_view text, std::vector<std::string>& problems) {
  if (text == "*") return {SegmentKind::wildcard, text};
  const bool braced = text.size() >= 2 && text.front() == '{' && text.back() == '}';
  if (!braced) {
    check_literal(text, problems);
    return {SegmentKind::literal, text};
  }
  std::string_view name = text.substr(1, text.size() - 2);
  SegmentKind kind = SegmentKind::parameter;
  if (!name.empty() && name.front() == '*') {
    name.remove_prefix(1);
    kind = SegmentKind::wildcard;
  }
  check_name(text, name, problems);
  return {kind, name};
}

/// Mistakes that show only in the pattern as a whole.
void check_whole(const std::vector<PatternSegment>& segments, std::vector<std::string>& problems) {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool last = i + 1 == segments.size();
    const PatternSegment& segment = segments[i];
    if (segment.kind == SegmentKind::literal) {
      if (segment.text.empty() && !last) problems.emplace_back("'//' is merged before matching");
      continue;
    }
    if (segment.kind == SegmentKind::wildcard && !last) {
      problems.emplace_back("a wildcard must be the last segment");
    }
    if (std::find(names.begin(), names.end(), segment.text) != names.end()) {
      problems.push_back(fmt::format("the name {} is used twice", segment.text));
    }
    names.push_back(segment.text);
  }
  if (names.size() > kMaxCaptures) {
    problems.push_back(fmt::format("more than {} parameters", kMaxCaptures));
  }
}

}  // namespace

std::string to_string(const PatternSegment& segment) {
  switch (segment.kind) {
    case SegmentKind::parameter:
      return fmt::format("{{{}}}", segment.text);
    case SegmentKind::wildcard:
      return segment.text == "*" ? "*" : fmt::format("{{*{}}}", segment.text);
    case SegmentKind::literal:
      break;
  }
  return std::string(segment.text);
}

void parse_pattern(std::string_view pattern, std::vector<PatternSegment>& segments,
                   std::vector<std::string>& problems) {
  segments.clear();
  if (pattern.empty() || pattern.front() != '/') {
    problems.emplace_back("a pattern must begin with '/'");
    return;
  }
  const auto slashes = std::count(pattern.begin(), pattern.end(), '/');
  if (pattern.size() > kMaxPatternSize || static_cast<std::size_t>(slashes) > kMaxPatternSegments) {
    problems.push_back(fmt::format("a pattern holds at most {} segments and {} bytes",
                                   kMaxPatternSegments, kMaxPatternSize));
    return;
  }
  for (std::size_t begin = 1; begin <= pattern.size();) {
    const std::size_t end = std::min(pattern.find('/', begin), pattern.size());
    segments.push_back(parse_segment(pattern.substr(begin, end - begin), problems));
    begin = end + 1;
  }
  check_whole(segments, problems);
}

std::size_t capture_names(std::string_view pattern,
                          std::span<std::string_view, kMaxCaptures> names) noexcept {
  std::size_t count = 0;
  // No literal holds a brace, so each one opens a name.
  for (std::size_t open = pattern.find('{'); open != std::string_view::npos;) {
    const std::size_t begin = open + (pattern[open + 1] == '*' ? 2 : 1);
    const std::size_t end = pattern.find('}', begin);
    names[count++] = pattern.substr(begin, end - begin);
    open = pattern.find('{', end);
  }
  if (pattern.ends_with('*')) names[count++] = pattern.substr(pattern.size() - 1);
  return count;
}

}  // namespace gatewaykit::routing
