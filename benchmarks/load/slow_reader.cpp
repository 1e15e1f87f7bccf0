// SPDX-License-Identifier: Apache-2.0
//
// A client of HTTP/2 that asks for much and reads little: one connection, many streams with long
// answers, windows as wide as they get, so that nothing but the socket holds a proxy back. Prints
// `reading`, goes on until a line comes on its input, then prints how much it got; exits 1 when the
// proxy gave it up before.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>

#include "h2_frames.hpp"
#include "support.hpp"

namespace gatewaykit::bench {
namespace {

using h2::Type;

constexpr std::size_t kPieceBytes = 16 * 1024;
constexpr int kPauseMs = 20;  // Together 800 KiB per second: slow, but no reason to be dropped.
constexpr int kReceiveBuffer = 64 * 1024;

enum Indexed : char { kMethodGet = '\x82', kSchemeHttp = '\x86' };
enum StaticName { kAuthority = 1, kPath = 4 };

void send_all(int fd, const std::string& bytes) {
  const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(bytes.size())) die("send");
}

std::string receive(int fd, std::size_t size) {
  std::string bytes(size, '\0');
  if (size > 0 && recv(fd, bytes.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size)) {
    die("the proxy closed the connection");
  }
  return bytes;
}

// The settings of the proxy are its first frame; only then may they be acknowledged.
void open_session(int fd) {
  std::string settings;
  h2::append_setting(settings, h2::kInitialWindow, h2::kGreatestWindow);
  std::string window;
  h2::append_number(window, h2::kGreatestWindow - h2::kFirstWindow, 4);
  std::string out(h2::kPreface);
  h2::append_frame(out, Type::settings, 0, 0, settings);
  h2::append_frame(out, Type::window_update, 0, 0, window);
  send_all(fd, out);
  const h2::FrameHead head = h2::parse_frame_head(receive(fd, h2::kFrameHeadBytes));
  errno = EPROTO;
  if (head.type != Type::settings) die("the proxy does not speak HTTP/2");
  receive(fd, head.size);
}

void ask(int fd, const std::string& authority, std::uint64_t streams, std::uint64_t size) {
  std::string block{kMethodGet, kSchemeHttp};
  h2::append_field(block, kPath, "/bytes/" + std::to_string(size));
  h2::append_field(block, kAuthority, authority);
  std::string out;
  h2::append_frame(out, Type::settings, h2::kAck, 0, {});
  for (std::uint64_t i = 0; i < streams; ++i) {
    const auto stream = static_cast<std::uint32_t>(2 * i + 1);
    h2::append_frame(out, Type::headers, h2::kEndHeaders | h2::kEndStream, stream, block);
  }
  send_all(fd, out);
}

// A little at a time, until there is input.
std::uint64_t read_slowly(int fd) {
  std::string piece(kPieceBytes, '\0');
  std::uint64_t received = 0;
  pollfd input{STDIN_FILENO, POLLIN, 0};
  while (poll(&input, 1, kPauseMs) == 0) {
    const ssize_t got = recv(fd, piece.data(), piece.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) continue;
    if (got <= 0) die("the proxy closed the connection");
    received += static_cast<std::uint64_t>(got);
  }
  return received;
}

}  // namespace
}  // namespace gatewaykit::bench

int main(int argc, char** argv) {
  using namespace gatewaykit::bench;
  std::string to;
  std::uint64_t streams = 100;
  std::uint64_t size = 64 << 20;
  parse_flags(argc, argv, "One slow reader of many long answers over HTTP/2",
              {{"--to", &to, "address of the proxy"},
               {"--streams", &streams, "how many answers at once"},
               {"--bytes", &size, "size of each"}});
  const int fd = connect_blocking(parse_address(to));
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
  open_session(fd);
  ask(fd, to, streams, size);
  std::puts("reading");
  std::fflush(stdout);
  std::printf("{\"received\":%llu}\n", static_cast<unsigned long long>(read_slowly(fd)));
  close(fd);
}
