// SPDX-License-Identifier: Apache-2.0
// The PROXY protocol (HAProxy's doc/proxy-protocol.txt, versions 1 and 2): what a proxy says, ahead
// of everything else on a connection, about who has connected to it. No I/O, and not a byte beyond
// the header is taken. One worker's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "codec/http1_message.hpp"
#include "gatewaykit/http/address.hpp"

namespace gatewaykit::codec {

/// Reads one header, in either version, however many pieces it comes in. What is no header fails
/// with the first byte that shows it.
class ProxyHeaderParser {
 public:
  /// Of version 1, with its line end (section 2.1).
  static constexpr std::size_t kLongestLine = 107;
  /// Of version 2, behind the 16 bytes that say how many follow. Room for the addresses and for a
  /// certificate among the extensions; the format itself goes up to 65535.
  static constexpr std::size_t kMostBytes = 4096;

  /// `consumed` bytes belong to the header: all of them while it needs more.
  struct Step {
    ParseResult result;
    std::size_t consumed;
  };

  Step next(std::string_view bytes);

  /// Once it is done: who has connected to the proxy. None where it says nothing about that: the
  /// connection is its own (LOCAL), or of a kind that has no words for it (UNKNOWN, UNSPEC). A peer
  /// without an address where its client came over a Unix-domain socket.
  const std::optional<Peer>& source() const noexcept { return source_; }
  /// Once it has failed: one sentence.
  std::string_view error() const noexcept { return error_; }

 private:
  ParseResult look();
  ParseResult look_at_line();
  ParseResult look_at_block();
  ParseResult decode_line();
  ParseResult decode_block();
  ParseResult fail(std::string_view sentence) noexcept;

  std::string header_;  // As far as it has come.
  std::optional<Peer> source_;
  std::string_view error_;
};

/// A header as it is sent.
class ProxyHeader {
 public:
  enum class Version : std::uint8_t { v1, v2 };

  /// `source` has connected, to `destination`. Nothing is said about them where one of them has no
  /// address (UNKNOWN, UNSPEC).
  ProxyHeader(Version version, const Peer& source, const Peer& destination);
  std::string_view view() const noexcept { return bytes_; }

 private:
  void write_line(const Peer& source, const Peer& destination);
  void write_block(const Peer& source, const Peer& destination);

  std::string bytes_;
};

}  // namespace gatewaykit::codec
