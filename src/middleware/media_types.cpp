// SPDX-License-Identifier: Apache-2.0
#include "middleware/media_types.hpp"

#include <algorithm>

#include "http/scan.hpp"

namespace gatewaykit {

namespace {

bool begins_with(std::string_view text, std::string_view lower) noexcept {
  return text.size() >= lower.size() && equals_lower(text.substr(0, lower.size()), lower);
}

bool ends_with(std::string_view text, std::string_view lower) noexcept {
  return text.size() >= lower.size() &&
         equals_lower(text.substr(text.size() - lower.size()), lower);
}

}  // namespace

bool MediaTypes::add(std::string_view given) {
  std::string pattern(given);
  lower(pattern);
  const std::string_view text = pattern;
  if (text.starts_with("*+")) {
    const std::string_view suffix = text.substr(2);
    if (!is_token(suffix) || suffix.find('*') != std::string_view::npos) return false;
    patterns_.push_back({"", std::string(text.substr(1)), false});
    return true;
  }
  if (text == "*/*") {
    patterns_.push_back({"", "", false});
    return true;
  }
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view type = text.substr(0, slash);
  const std::string_view subtype = text.substr(slash + 1);
  if (!is_token(type) || !is_token(subtype) || type.find('*') != std::string_view::npos) {
    return false;
  }
  const bool is_any = subtype == "*";
  if (!is_any && subtype.find('*') != std::string_view::npos) return false;
  if (is_any) pattern.pop_back();
  patterns_.push_back({std::move(pattern), "", !is_any});
  return true;
}

bool MediaTypes::contain(std::string_view content_type) const noexcept {
  const std::string_view type = trim_ows(content_type.substr(0, content_type.find(';')));
  if (type.empty()) return false;
  return std::any_of(patterns_.begin(), patterns_.end(), [type](const Pattern& pattern) {
    if (pattern.is_exact) return equals_lower(type, pattern.begin);
    return begins_with(type, pattern.begin) && ends_with(type, pattern.end);
  });
}

}  // namespace gatewaykit
