// SPDX-License-Identifier: Apache-2.0
// The PROXY protocol, versions 1 and 2: what a header tells, what is no header, and where it ends,
// however its bytes arrive.
#include "codec/proxy_protocol.hpp"

#include <string>
#include <string_view>

#include "catch.hpp"
#include "splits.hpp"

using namespace gatewaykit;
using namespace std::string_view_literals;
using codec::ParseResult;
using codec::ProxyHeader;
using codec::ProxyHeaderParser;

namespace {

constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;

std::string run(std::string_view message, const std::vector<std::size_t>& ends) {
  ProxyHeaderParser parser;
  std::size_t taken = 0;
  for (const std::size_t end : ends) {
    const ExactBytes piece(message.substr(taken, end - taken));
    const ProxyHeaderParser::Step step = parser.next(piece.view());
    taken += step.consumed;
    if (step.result == ParseResult::failed) return std::string(parser.error());
    if (step.result == ParseResult::need_more) continue;
    const std::string rest(message.substr(taken));
    if (!parser.source()) return "own|" + rest;
    const Peer& source = *parser.source();
    return std::string(source.text()) + " " + std::to_string(source.port()) + "|" + rest;
  }
  return "more";
}

/// Who has connected, and after "|" what is left for the next protocol; or why there is no header.
std::string read(std::string_view message) { return at_every_split(message, &run); }

/// A header of version 2: 13th and 14th byte, and what follows the length.
std::string block(char command, char family, std::string_view following) {
  std::string text(kSignature);
  text += command;
  text += family;
  text += static_cast<char>(following.size() >> 8U);
  text += static_cast<char>(following.size() & 255U);
  return text.append(following);
}

constexpr std::string_view kInet = "\xc0\x00\x02\x01\xc0\x00\x02\x02\x30\x39\x01\xbb"sv;
std::string inet6() {
  std::string text("\x20\x01\x0d\xb8");
  text.append(11, '\0').append("\x07").append(16, '\1').append("\xff\xff\x00\x50"sv);
  return text;
}

std::string extension(char type, std::string_view value) {
  std::string text(1, type);
  text += static_cast<char>(value.size() >> 8U);
  text += static_cast<char>(value.size() & 255U);
  return text.append(value);
}

}  // namespace

TEST_CASE("a line tells who has connected, and what follows it is left") {
  CHECK(read("PROXY TCP4 192.0.2.1 192.0.2.2 12345 443\r\nGET / HTTP/1.1\r\n") ==
        "192.0.2.1 12345|GET / HTTP/1.1\r\n");
  CHECK(read("PROXY TCP6 2001:db8::7 ::1 65535 0\r\n") == "2001:db8::7 65535|");
  CHECK(read("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n\x16\x03") == "192.0.2.1 1|\x16\x03");
}

TEST_CASE("UNKNOWN tells nothing, whatever follows it on its line") {
  CHECK(read("PROXY UNKNOWN\r\nrest") == "own|rest");
  CHECK(read("PROXY UNKNOWN anything \x01 at all\r\nrest") == "own|rest");
  CHECK(read("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n") == "own|");
}

TEST_CASE("a line that is not as it must be is no header") {
  const auto [line, reason] = GENERATE(table<std::string, std::string>({
      {"PROXY TCP4 192.0.2.1 192.0.2.2 12345\r\n", "a PROXY line has a bad port"},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 12345 443 \r\n", "a PROXY line has a bad port"},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 12345 443 9\r\n", "a PROXY line has a bad port"},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n", "a PROXY line has a bad port"},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 -1 443\r\n", "a PROXY line has a bad port"},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 +1 443\r\n", "a PROXY line has a bad port"},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 01 443\r\n", "a PROXY line has a bad port"},
      {"PROXY TCP4 192.0.2.1  192.0.2.2 1 443\r\n", "a PROXY line has a bad address"},
      {"PROXY TCP4 192.0.2.01 192.0.2.2 1 443\r\n", "a PROXY line has a bad address"},
      {"PROXY TCP4 192.0.2 192.0.2.2 1 443\r\n", "a PROXY line has a bad address"},
      {"PROXY TCP4 ::1 ::1 1 443\r\n", "a PROXY line has a bad address"},
      {"PROXY TCP6 192.0.2.1 ::1 1 443\r\n", "a PROXY line has a bad address"},
      {"PROXY TCP6 fe80::1%eth0 ::1 1 443\r\n", "a PROXY line has a bad address"},
      {"PROXY TCP4\r\n", "a PROXY line has a bad address"},
      {"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", "an unknown protocol in a PROXY line"},
      {"PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n", "an unknown protocol in a PROXY line"},
      {"PROXY \r\n", "an unknown protocol in a PROXY line"},
      {"PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "an unknown protocol in a PROXY line"},
      {"PROXY\tTCP4", "no PROXY header"},
      {"proxy TCP4", "no PROXY header"},
      {"POST / HTTP/1.1\r\n", "no PROXY header"},
      {"GET / HTTP/1.1\r\n", "no PROXY header"},
      {"\x16\x03\x01", "no PROXY header"},
      {"\r\nPROXY", "no PROXY header"},
      {"PROXY UNKNOWN\n", "a line end in a PROXY line"},
      {"PROXY UNKNOWN\r\r\n", "a line end in a PROXY line"},
      {"PROXY UNKNOWN\rx", "a line end in a PROXY line"},
      {"PROXY UNKNOWN " + std::string(92, 'x') + "\r\n", "a PROXY line is too long"},
  }));
  CHECK(read(line) == reason);
}

TEST_CASE("a block tells who has connected, and what follows it is left") {
  CHECK(read(block('\x21', '\x11', kInet) + "GET /") == "192.0.2.1 12345|GET /");
  CHECK(read(block('\x21', '\x12', kInet)) == "192.0.2.1 12345|");  // Over datagrams: HTTP/3.
  CHECK(read(block('\x21', '\x21', inet6()) + "\r\n") == "2001:db8::7 65535|\r\n");
  CHECK(read(block('\x21', '\x31', std::string(216, 'x'))) == "unix 0|");
}

TEST_CASE("a block of the proxy's own, or of a kind without addresses, tells nothing") {
  CHECK(read(block('\x20', '\0', "") + "rest") == "own|rest");
  CHECK(read(block('\x20', '\x11', "what it likes") + "rest") == "own|rest");
  CHECK(read(block('\x20', '\xff', "") + "rest") == "own|rest");
  CHECK(read(block('\x21', '\0', "what it likes") + "rest") == "own|rest");
}

TEST_CASE("extensions are passed over, and must lie within their block") {
  const std::string inet(kInet);
  CHECK(read(block('\x21', '\x11', inet + extension('\x02', "a.test") + extension('\x04', "")) +
             "rest") == "192.0.2.1 12345|rest");
  CHECK(read(block('\x21', '\x11', inet + extension('\x20', std::string(4000, 'x')))) ==
        "192.0.2.1 12345|");
  const std::string beyond = "an extension goes beyond its PROXY header";
  CHECK(read(block('\x21', '\x11', inet + "\x02")) == beyond);
  CHECK(read(block('\x21', '\x11', inet + std::string("\x02\x00", 2)) + "\x01x") == beyond);
  CHECK(read(block('\x21', '\x11', inet + std::string("\x02\x00\x02x", 4)) + "xxx") == beyond);
  CHECK(read(block('\x21', '\x11', inet + "\x02\xff\xff") + "xxx") == beyond);
}

TEST_CASE("a checksum, where there is one, must be right") {
  const std::string inet(kInet);
  const std::string right = block('\x21', '\x11', inet + extension('\x03', "\x3e\xe8\x86\xa1"));
  CHECK(read(right + "rest") == "192.0.2.1 12345|rest");
  const std::string wrong = "the checksum of a PROXY header is wrong";
  CHECK(read(block('\x21', '\x11', inet + extension('\x03', "\x3e\xe8\x86\xa2"))) == wrong);
  std::string changed = right;
  changed[19] = '\x03';
  CHECK(read(changed) == wrong);
  CHECK(read(block('\x21', '\x11', inet + extension('\x03', "12345"))) == wrong);
  CHECK(read(block('\x21', '\x11', inet + extension('\x03', ""))) == wrong);
}

TEST_CASE("a block that is not as it must be is no header") {
  CHECK(read(block('\x11', '\x11', kInet)) == "an unknown version of the PROXY protocol");
  CHECK(read(block('\x31', '\x11', kInet)) == "an unknown version of the PROXY protocol");
  CHECK(read(block('\x22', '\x11', kInet)) == "an unknown command in a PROXY header");
  for (const char family : {'\x01', '\x10', '\x13', '\x20', '\x33', '\x41', '\xf1'}) {
    CHECK(read(block('\x21', family, kInet)) == "an unknown family in a PROXY header");
  }
  CHECK(read(block('\x21', '\x11', kInet.substr(1))) ==
        "a PROXY header is too short for its addresses");
  CHECK(read(block('\x21', '\x21', inet6().substr(1))) ==
        "a PROXY header is too short for its addresses");
  CHECK(read(block('\x21', '\x31', std::string(215, 'x'))) ==
        "a PROXY header is too short for its addresses");
  CHECK(read(block('\x21', '\x11', std::string(4097, 'x'))) == "a PROXY header is too long");
  CHECK(read(block('\x20', '\0', std::string(4096, 'x')) + "rest") == "own|rest");
  CHECK(read("\r\n\r\n\0\r\nQUIT\r"sv) == "no PROXY header");
}

TEST_CASE("what has not ended needs more") {
  CHECK(read("") == "more");
  CHECK(read("PROXY") == "more");
  CHECK(read("PROXY TCP4 192.0.2.1 192.0.2.2 12345 443\r") == "more");
  CHECK(read(kSignature) == "more");
  CHECK(read(block('\x21', '\x11', kInet).substr(0, 27)) == "more");
}

TEST_CASE("a header that is written reads as what it was made of") {
  using Version = ProxyHeader::Version;
  const Peer v4(*IpAddress::parse("192.0.2.1"), 12345);
  const Peer v6(*IpAddress::parse("2001:db8::7"), 65535);
  const Peer target(*IpAddress::parse("192.0.2.2"), 443);
  CHECK(ProxyHeader(Version::v1, v4, target).view() ==
        "PROXY TCP4 192.0.2.1 192.0.2.2 12345 443\r\n");
  CHECK(ProxyHeader(Version::v1, v6, target).view() ==
        "PROXY TCP6 2001:db8::7 ::ffff:192.0.2.2 65535 443\r\n");
  CHECK(ProxyHeader(Version::v1, Peer(), target).view() == "PROXY UNKNOWN\r\n");
  CHECK(ProxyHeader(Version::v2, v4, target).view() == block('\x21', '\x11', kInet));
  CHECK(read(ProxyHeader(Version::v2, v6, target).view()) == "2001:db8::7 65535|");
  CHECK(read(ProxyHeader(Version::v2, v4, v6).view()) == "192.0.2.1 12345|");
  CHECK(read(ProxyHeader(Version::v2, v4, Peer()).view()) == "own|");
}
