// SPDX-License-Identifier: Apache-2.0
// WireReader: reads HTTP/1.1 messages off a wire for test doubles. A plain parser of its own,
// shared with nothing of the library, that refuses all that a gateway must not write: so a double
// that talks to the gateway is a check of what it sent. Any thread; no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/export.hpp"

namespace gatewaykit::testing {

/// A message as it came over the wire.
struct GATEWAYKIT_EXPORT WireMessage {
  std::string head;             ///< The bytes up to and with the empty line; empty: none came.
  std::string body;             ///< Content without framing, unless bodies are not kept.
  std::uint64_t body_size = 0;  ///< Bytes of content.
  std::string trailers;         ///< The lines of the trailer section.
  bool is_chunked = false;
  bool is_complete = false;  ///< False where the peer ended before the message did.

  std::string start_line() const;
  /// Of a request.
  std::string method() const;
  std::string target() const;
  /// Of a response.
  int status() const;
  /// The first value of a field, and all of them in order; names in any case.
  std::optional<std::string> field(std::string_view name) const;
  std::vector<std::string> fields(std::string_view name) const;
};

/// Throws std::runtime_error with the offending bytes where a message is malformed.
class GATEWAYKIT_EXPORT WireReader {
 public:
  enum class Kind { requests, responses };

  explicit WireReader(Kind kind) noexcept : kind_(kind) {}

  /// For bodies that do not fit into memory: only their size is told.
  void keep_bodies(bool keep) noexcept { keeps_bodies_ = keep; }
  /// The next response answers a HEAD request: it has no content whatever its fields say.
  void expect_no_content() noexcept { expects_no_content_ = true; }

  /// Takes bytes in. The message under way is complete where `is_complete` of `message` says so.
  void feed(std::string_view bytes);
  /// The peer has shut its sending side: the end of content that has no other end.
  void feed_end();

  /// The message under way.
  const WireMessage& message() const noexcept { return message_; }
  bool has_head() const noexcept { return state_ != State::head; }
  /// Hands the message out, complete or not, and goes on with the next.
  WireMessage take();
  /// Hands out all bytes that belong to no message yet: what follows an upgrade.
  std::string take_rest();

 private:
  enum class State {
    head,
    fixed,
    chunk_size,
    chunk_data,
    chunk_end,
    trailers,
    until_end,
    done,
    tunnel
  };

  void parse();
  bool parse_some();
  void parse_head();
  void parse_chunk_size(std::string_view line);
  void parse_trailer(std::string_view line);
  void take_content(std::size_t size);

  Kind kind_;
  bool keeps_bodies_ = true;
  bool expects_no_content_ = false;
  State state_ = State::head;
  WireMessage message_;
  std::uint64_t left_ = 0;  // Of the content or the chunk.
  std::string rest_;        // Not parsed yet.
};

}  // namespace gatewaykit::testing
