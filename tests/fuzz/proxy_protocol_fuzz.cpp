// SPDX-License-Identifier: Apache-2.0
// The PROXY protocol: however the bytes are split, a header tells the same and ends at the same
// byte; what it tells is read again from a header that is written of it. The first two bytes of an
// input choose splits.
#include <cstddef>
#include <cstdint>
#include <string>

#include "codec/proxy_protocol.hpp"
#include "property.hpp"

using namespace gatewaykit;
using namespace gatewaykit::codec;
using namespace gatewaykit::fuzz;

namespace {

std::string run(ProxyHeaderParser& parser, std::string_view message,
                const std::vector<std::size_t>& ends) {
  std::size_t taken = 0;
  for (const std::size_t end : ends) {
    const ExactBytes bytes(message.substr(taken, end - taken));
    const ProxyHeaderParser::Step step = parser.next(bytes.view());
    require(step.consumed <= bytes.view().size(), "no more is taken than there is");
    taken += step.consumed;
    require(taken <= 16 + ProxyHeaderParser::kMostBytes, "a header is bounded");
    if (step.result == ParseResult::failed) return std::string(parser.error());
    if (step.result == ParseResult::done) return std::to_string(taken);
    require(taken == end, "all is taken before more is asked for");
  }
  return "need more";
}

void check_round_trip(const Peer& source) {
  for (const auto version : {ProxyHeader::Version::v1, ProxyHeader::Version::v2}) {
    const ProxyHeader header(version, source, source);
    ProxyHeaderParser parser;
    const ProxyHeaderParser::Step step = parser.next(header.view());
    require(step.result == ParseResult::done, "what is written can be read");
    require(step.consumed == header.view().size(), "to its end");
    require(parser.source().has_value() == source.has_address(), "and tells what there is");
    if (!parser.source()) continue;
    require(parser.source()->ip() == source.ip() && parser.source()->port() == source.port(),
            "the source survives");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view message(reinterpret_cast<const char*>(data) + 2, size - 2);
  ProxyHeaderParser whole_parser;
  const std::string whole = run(whole_parser, message, {message.size()});
  ProxyHeaderParser piece_parser;
  require(run(piece_parser, message, piece_ends(message.size(), data[0], 1 + data[1])) == whole,
          "pieces mean what the whole means");
  ProxyHeaderParser byte_parser;
  require(run(byte_parser, message, piece_ends(message.size(), 0, 1)) == whole,
          "bytes mean what the whole means");
  if (whole_parser.source()) check_round_trip(*whole_parser.source());
  return 0;
}
