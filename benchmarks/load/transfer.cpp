// SPDX-License-Identifier: Apache-2.0
//
// One long download or upload through a proxy, checked to the byte; what wrk cannot do. Blocking
// and single-threaded. Prints one JSON line; exits 1 when a byte is missing or too many.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "support.hpp"

namespace gatewaykit::bench {
namespace {

constexpr std::size_t kBlockBytes = 256 * 1024;

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) die("send");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

// Reads up to the end of the head; what came behind it is left in `rest`.
std::string read_head(int fd, std::string& rest) {
  std::string answer;
  std::string buffer(4096, '\0');
  for (;;) {
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) die("the connection closed before the head was complete");
    answer.append(buffer, 0, static_cast<std::size_t>(got));
    const std::size_t end = answer.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    rest = answer.substr(end + 4);
    answer.resize(end);
    if (answer.rfind("HTTP/1.1 200", 0) != 0) die("not a 200: " + answer);
    return answer;
  }
}

void download(int fd, const std::string& authority, std::uint64_t size) {
  send_all(fd, "GET /bytes/" + std::to_string(size) + " HTTP/1.1\r\nHost: " + authority +
                   "\r\nConnection: close\r\n\r\n");
  std::string buffer;
  read_head(fd, buffer);
  std::uint64_t received = buffer.size();
  buffer.resize(kBlockBytes);
  for (;;) {
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0) die("recv");
    if (got == 0) break;
    received += static_cast<std::uint64_t>(got);
  }
  errno = EPROTO;
  if (received != size) die("received " + std::to_string(received) + " bytes");
}

void upload(int fd, const std::string& authority, std::uint64_t size) {
  send_all(fd, "POST /sink HTTP/1.1\r\nHost: " + authority +
                   "\r\nConnection: close\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
  const std::string block(kBlockBytes, 'x');
  for (std::uint64_t left = size; left > 0;) {
    const std::size_t next = std::min<std::uint64_t>(left, block.size());
    send_all(fd, std::string_view(block).substr(0, next));
    left -= next;
  }
  std::string answer;
  read_head(fd, answer);
  std::string buffer(256, '\0');
  for (ssize_t got = 1; got > 0;) {
    got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got > 0) answer.append(buffer, 0, static_cast<std::size_t>(got));
  }
  errno = EPROTO;
  // The origin answers with the count, which a proxy may frame as it likes.
  if (answer.find(std::to_string(size)) == std::string::npos) die("the origin counted " + answer);
}

}  // namespace
}  // namespace gatewaykit::bench

int main(int argc, char** argv) {
  using namespace gatewaykit::bench;
  std::string to;
  std::uint64_t size = 1 << 30;
  bool is_upload = false;
  parse_flags(argc, argv, "One long transfer through a proxy",
              {{"--to", &to, "address of the proxy"},
               {"--bytes", &size, "size of the body"},
               {"--upload", &is_upload, "send the body instead of asking for it"}});
  const int fd = connect_blocking(parse_address(to));
  const auto start = std::chrono::steady_clock::now();
  if (is_upload) {
    upload(fd, to, size);
  } else {
    download(fd, to, size);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("{\"bytes\":%llu,\"seconds\":%.6f}\n", static_cast<unsigned long long>(size),
              seconds.count());
}
