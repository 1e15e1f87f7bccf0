// SPDX-License-Identifier: Apache-2.0
// Targets: what is accepted has normal form, and normalising it again changes nothing. The first
// byte of an input chooses what happens to encoded slashes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "gatewaykit/http/target.hpp"
#include "property.hpp"

using namespace gatewaykit;
using namespace gatewaykit::fuzz;

namespace {

void check_escapes(std::string_view path, EncodedSlash encoded_slash) {
  for (std::size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
    require(at + 2 < path.size(), "an escape is complete");
    const int high = hex_value(path[at + 1]);
    const int low = hex_value(path[at + 2]);
    require(high >= 0 && low >= 0, "an escape has two digits");
    require(path[at + 1] < 'a' && path[at + 2] < 'a', "an escape is in upper case");
    const int byte = high * 16 + low;
    require(byte >= 0x20 && byte != 0x7f && byte != '\\', "an escape hides nothing");
    require(byte != '/' || encoded_slash == EncodedSlash::keep, "an encoded slash was allowed");
    const char c = static_cast<char>(byte);
    require(byte > 0x7f || !(is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_'),
            "an escape is needed");
  }
}

void check_segments(std::string_view path) {
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    const std::string_view name = segment.substr(0, segment.find(';'));
    require(!segment.empty() || end == path.size(), "no segment is empty but the last");
    require(!name.empty() || segment.empty(), "no segment is parameters alone");
    require(name != "." && name != "..", "no segment is a dot segment");
    at = end + 1;
  }
}

void check(std::string_view raw, EncodedSlash encoded_slash) {
  const Result<NormalisedTarget> target = normalise_target(raw, encoded_slash);
  if (!target) {
    require(!target.error().detail.empty(), "a refusal has its sentence");
    return;
  }
  const std::string_view path = target->path();
  for (const char c : target->text) require(c > 0x20 && c < 0x7f && c != '#', "bytes are visible");
  require(path.find('\\') == std::string_view::npos, "no backslash");
  if (path != "*") {
    require(path.front() == '/', "a path begins with a slash");
    check_escapes(path, encoded_slash);
    check_segments(path);
  }
  const Result<NormalisedTarget> again = normalise_target(target->text, encoded_slash);
  require(again.has_value() && again->text == target->text && again->path_size == path.size(),
          "normal form is normal");
}

void check_authority(std::string_view text) {
  const std::optional<Authority> authority = parse_authority(text);
  if (!authority) return;
  std::string again(authority->host);
  require(!again.empty() && again.find_first_of("@/ ") == std::string::npos, "a host is a host");
  if (authority->port) again += ":" + std::to_string(*authority->port);
  require(parse_authority(again).has_value(), "an authority is read again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const ExactBytes input(std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
  check(input.view(), data[0] == 'k' ? EncodedSlash::keep : EncodedSlash::reject);
  check_authority(input.view());
  return 0;
}
