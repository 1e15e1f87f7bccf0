// SPDX-License-Identifier: Apache-2.0
// HTTP/2 as a host sees it: what is counted of clients that abuse it, and that nobody else's is.
// What becomes of each abuse is told by peers/http2_attacks.test.mjs.
#include <string>
#include <string_view>

#include "catch.hpp"
#include "served.hpp"

using namespace gatewaykit;
using namespace gatewaykit::testing;
using namespace std::string_view_literals;

namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"sv;
constexpr std::string_view kSettings = "\0\0\0\x04\0\0\0\0\0"sv;
constexpr std::string_view kPing = "\0\0\x08\x06\0\0\0\0\0whatever"sv;

/// Reads until the gateway ends the connection.
std::string read_to_end(SocketPeer& client) {
  std::string all;
  for (std::string more = client.read_bytes(); !more.empty(); more = client.read_bytes())
    all += more;
  return all;
}

/// A GOAWAY with this code, of whatever last stream.
bool has_goaway(std::string_view frames, char code) {
  for (std::size_t at = 0; at + 17 <= frames.size();) {
    const auto size = static_cast<std::size_t>(static_cast<unsigned char>(frames[at + 1])) << 8 |
                      static_cast<unsigned char>(frames[at + 2]);
    if (frames[at + 3] == 7) return frames[at + 16] == code;
    at += 9 + size;
  }
  return false;
}

}  // namespace

TEST_CASE("a client that is sent away is counted once; one that leaves in order is not") {
  ListenOptions listen;
  listen.http2.idle_frames = 10;
  Served served(answering("ok"), listen);

  SocketPeer calm = served.dial();
  calm.write(std::string(kPreface).append(kSettings).append(kPing));
  CHECK_FALSE(calm.read_bytes().empty());
  CHECK(served.gateway().stats().http2_abuses == 0);

  SocketPeer abusive = served.dial();
  std::string flood = std::string(kPreface).append(kSettings);
  for (int i = 0; i < 100; ++i) flood += kPing;
  abusive.write(flood);
  CHECK(has_goaway(read_to_end(abusive), 11));  // ENHANCE_YOUR_CALM
  CHECK(served.gateway().stats().http2_abuses == 1);

  calm.write(kPing);
  CHECK_FALSE(calm.read_bytes().empty());
  CHECK(served.gateway().stats().http2_abuses == 1);
}
