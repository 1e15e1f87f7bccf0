// SPDX-License-Identifier: Apache-2.0
#include "upstream/carrier.hpp"

#include <cstring>
#include <string>
#include <utility>

namespace gatewaykit::upstream {

namespace {

std::string sentence(const Target& target, std::string_view how) {
  std::string text = target.url.text;
  text += ": ";
  text += how;
  return text;
}

}  // namespace

void Lease::give_up() noexcept {
  if (carrier_ != nullptr) std::exchange(carrier_, nullptr)->release();
}

codec::BodyFraming framing_of(const Request& request) {
  const std::optional<std::uint64_t> size = request.body.size();
  if (!request.protocol.empty() || size == 0) return codec::BodyFraming::none();
  return size ? codec::BodyFraming::of_length(*size) : codec::BodyFraming::chunked();
}

bool pass_expectation(Request& request) {
  if (!request.headers.contains(Field::expect)) return false;
  BodySource* const source = request.body.source();
  if (source != nullptr && source->forward_expectation()) return true;
  request.headers.remove(Field::expect);
  return false;
}

Error closed(const Target& target, const net::IoResult& result) {
  const bool is_end = result.kind == net::IoResult::Kind::end;
  return Error(Errc::reset, Origin::upstream,
               sentence(target, is_end ? "closed the connection" : std::strerror(result.error)));
}

Error broken(const Target& target, std::string_view how) {
  return Error(Errc::protocol, Origin::upstream, sentence(target, how));
}

Error late(const Target& target, Errc phase, TimePoint now, TimePoint total) {
  return Error(now >= total ? Errc::total_timeout : phase, Origin::upstream, target.url.text);
}

}  // namespace gatewaykit::upstream
