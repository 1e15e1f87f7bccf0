// SPDX-License-Identifier: Apache-2.0
#include "codec/proxy_protocol.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace gatewaykit::codec {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kLineStart = "PROXY ";
constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t kPrefix = 16;  // Signature, version and command, family, length.
constexpr std::size_t kPrefixOfExtension = 3;

// Section 2.2: in the lower half of the 13th byte, and in both halves of the 14th.
constexpr unsigned kLocal = 0;
constexpr unsigned kProxy = 1;
constexpr unsigned kUnspecified = 0;
constexpr unsigned kInet = 1;
constexpr unsigned kInet6 = 2;
constexpr unsigned kUnix = 3;
constexpr unsigned char kChecksum = 0x03;  // PP2_TYPE_CRC32C

unsigned byte_at(std::string_view bytes, std::size_t at) noexcept {
  return static_cast<unsigned char>(bytes[at]);
}

std::uint16_t number_at(std::string_view bytes, std::size_t at) noexcept {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8U | byte_at(bytes, at + 1));
}

template <std::size_t Size>
std::array<std::uint8_t, Size> address_at(std::string_view bytes, std::size_t at) noexcept {
  std::array<std::uint8_t, Size> address{};
  std::memcpy(address.data(), bytes.data() + at, Size);
  return address;
}

unsigned command_of(std::string_view block) noexcept { return byte_at(block, 12) & 15U; }
unsigned family_of(std::string_view block) noexcept { return byte_at(block, 13) >> 4U; }

/// Two addresses, and their ports where they have any.
std::size_t size_of_addresses(unsigned family) noexcept {
  constexpr std::size_t kSizes[] = {0, 12, 36, 216};
  return kSizes[family];
}

/// Bit by bit: senders seldom ask for it, and the header is small.
std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes) noexcept {
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
  }
  return crc;
}

/// Of the whole header, the four bytes of the checksum itself counted as zeros.
bool has_checksum(std::string_view header, std::size_t at) noexcept {
  std::uint32_t crc = crc32c(~std::uint32_t{0}, header.substr(0, at));
  crc = crc32c(crc, "\0\0\0\0"sv);
  crc = ~crc32c(crc, header.substr(at + 4));
  const std::uint32_t told =
      std::uint32_t{number_at(header, at)} << 16U | number_at(header, at + 2);
  return crc == told;
}

/// Decimal, without a sign or a needless zero.
bool read_port(std::string_view text, std::uint16_t& port) noexcept {
  if (text.size() > 1 && text.front() == '0') return false;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  return failure == std::errc() && end == text.data() + text.size();
}

/// An address that is written as `is_v6` has it: "::ffff:192.0.2.1" is IPv6 to those who write it.
std::optional<IpAddress> read_address(std::string_view text, bool is_v6) noexcept {
  if ((text.find(':') != std::string_view::npos) != is_v6) return std::nullopt;
  return IpAddress::parse(text);
}

/// Up to the next space, which is taken, too.
std::string_view take_word(std::string_view& rest) noexcept {
  const std::size_t space = rest.find(' ');
  const std::string_view word = rest.substr(0, space);
  rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
  return word;
}

void append_number(std::string& to, std::uint16_t number) {
  to += static_cast<char>(number >> 8U);
  to += static_cast<char>(number & 255U);
}

bool is_either_v6(const Peer& a, const Peer& b) noexcept {
  return a.ip().is_v6() || b.ip().is_v6();
}

void append_address(std::string& to, const IpAddress& address, bool as_v6) {
  if (as_v6 && !address.is_v6()) to += "\0\0\0\0\0\0\0\0\0\0\xff\xff"sv;
  to += address.bytes();
}

}  // namespace

ProxyHeaderParser::Step ProxyHeaderParser::next(std::string_view bytes) {
  for (std::size_t taken = 0; taken < bytes.size();) {
    header_ += bytes[taken++];
    const ParseResult result = look();
    if (result != ParseResult::need_more) return {result, taken};
  }
  return {ParseResult::need_more, bytes.size()};
}

/// The header has grown by a byte.
ParseResult ProxyHeaderParser::look() {
  const bool is_line = header_.front() == kLineStart.front();
  const std::string_view start = is_line ? kLineStart : kSignature;
  if (header_.size() > start.size()) return is_line ? look_at_line() : look_at_block();
  const bool is_start = header_.back() == start[header_.size() - 1];
  return is_start ? ParseResult::need_more : fail("no PROXY header");
}

ParseResult ProxyHeaderParser::look_at_line() {
  const bool is_after_return = header_[header_.size() - 2] == '\r';
  if ((header_.back() == '\n') != is_after_return) return fail("a line end in a PROXY line");
  if (is_after_return) return decode_line();
  return header_.size() < kLongestLine ? ParseResult::need_more : fail("a PROXY line is too long");
}

ParseResult ProxyHeaderParser::look_at_block() {
  const unsigned newest = byte_at(header_, header_.size() - 1);
  if (header_.size() == 13) {
    if (newest >> 4U != 2) return fail("an unknown version of the PROXY protocol");
    if ((newest & 15U) > kProxy) return fail("an unknown command in a PROXY header");
  } else if (header_.size() == 14 && command_of(header_) == kProxy && newest != 0) {
    // Both halves or none: the only families and transports that there are.
    const unsigned transport = newest & 15U;
    const unsigned family = newest >> 4U;
    const bool is_known = family >= kInet && family <= kUnix && transport >= 1 && transport <= 2;
    if (!is_known) return fail("an unknown family in a PROXY header");
  }
  if (header_.size() < kPrefix) return ParseResult::need_more;
  const std::size_t following = number_at(header_, 14);
  if (following > kMostBytes) return fail("a PROXY header is too long");
  return header_.size() < kPrefix + following ? ParseResult::need_more : decode_block();
}

ParseResult ProxyHeaderParser::decode_line() {
  std::string_view rest = header_;
  rest.remove_prefix(kLineStart.size());
  rest.remove_suffix(2);
  const std::string_view protocol = take_word(rest);
  if (protocol == "UNKNOWN") return ParseResult::done;  // Whatever else it says.
  if (protocol != "TCP4" && protocol != "TCP6") return fail("an unknown protocol in a PROXY line");
  const bool is_v6 = protocol == "TCP6";
  const std::optional<IpAddress> source = read_address(take_word(rest), is_v6);
  const std::optional<IpAddress> destination = read_address(take_word(rest), is_v6);
  if (!source || !destination) return fail("a PROXY line has a bad address");
  // Two words and one space: a third word, or a space too many, is part of the second port.
  std::uint16_t port = 0;
  std::uint16_t destination_port = 0;
  if (!read_port(take_word(rest), port) || !read_port(rest, destination_port)) {
    return fail("a PROXY line has a bad port");
  }
  source_.emplace(*source, port);
  return ParseResult::done;
}

ParseResult ProxyHeaderParser::decode_block() {
  const std::string_view block = header_;
  // The rest of such a header means nothing to the receiver, whatever it holds (section 2.2).
  if (command_of(block) == kLocal || family_of(block) == kUnspecified) return ParseResult::done;
  std::size_t at = kPrefix + size_of_addresses(family_of(block));
  if (at > block.size()) return fail("a PROXY header is too short for its addresses");
  while (at < block.size()) {
    const bool has_prefix = block.size() - at >= kPrefixOfExtension;
    const std::size_t size = has_prefix ? number_at(block, at + 1) : 0;
    if (!has_prefix || block.size() - at - kPrefixOfExtension < size) {
      return fail("an extension goes beyond its PROXY header");
    }
    const bool is_checksum = byte_at(block, at) == kChecksum;
    at += kPrefixOfExtension;
    if (is_checksum && (size != 4 || !has_checksum(block, at))) {
      return fail("the checksum of a PROXY header is wrong");
    }
    at += size;
  }
  switch (family_of(block)) {
    case kInet:
      source_.emplace(IpAddress::v4(address_at<4>(block, 16)), number_at(block, 24));
      break;
    case kInet6:
      source_.emplace(IpAddress::v6(address_at<16>(block, 16)), number_at(block, 48));
      break;
    default:
      source_.emplace();
  }
  return ParseResult::done;
}

ParseResult ProxyHeaderParser::fail(std::string_view sentence) noexcept {
  error_ = sentence;
  return ParseResult::failed;
}

ProxyHeader::ProxyHeader(Version version, const Peer& source, const Peer& destination) {
  if (version == Version::v1) {
    write_line(source, destination);
  } else {
    write_block(source, destination);
  }
}

void ProxyHeader::write_line(const Peer& source, const Peer& destination) {
  bytes_ = kLineStart;
  if (!source.has_address() || !destination.has_address()) {
    bytes_ += "UNKNOWN\r\n";
    return;
  }
  const bool is_v6 = is_either_v6(source, destination);
  bytes_ += is_v6 ? "TCP6" : "TCP4";
  for (const Peer* const peer : {&source, &destination}) {
    bytes_ += is_v6 && !peer->ip().is_v6() ? " ::ffff:" : " ";
    bytes_ += peer->text();
  }
  for (const Peer* const peer : {&source, &destination}) {
    bytes_ += ' ';
    bytes_ += std::to_string(peer->port());
  }
  bytes_ += "\r\n";
}

void ProxyHeader::write_block(const Peer& source, const Peer& destination) {
  bytes_ = kSignature;
  bytes_ += '\x21';
  if (!source.has_address() || !destination.has_address()) {
    bytes_ += "\0\0\0"sv;
    return;
  }
  const bool is_v6 = is_either_v6(source, destination);
  bytes_ += is_v6 ? '\x21' : '\x11';
  append_number(bytes_, is_v6 ? 36 : 12);
  append_address(bytes_, source.ip(), is_v6);
  append_address(bytes_, destination.ip(), is_v6);
  append_number(bytes_, source.port());
  append_number(bytes_, destination.port());
}

}  // namespace gatewaykit::codec
