// SPDX-License-Identifier: Apache-2.0
//
// Opens many keep-alive connections, one after the other, makes one request on each and holds
// them, so that the harness can weigh an idle connection. Prints `holding N`, waits for a line on
// its input, then prints `held N`: how many are still open.
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "support.hpp"

namespace gatewaykit::bench {
namespace {

// One small answer, which ends with the length that its head declares.
void request_once(int fd, const std::string& authority) {
  const std::string request = "GET / HTTP/1.1\r\nHost: " + authority + "\r\n\r\n";
  if (send(fd, request.data(), request.size(), 0) != static_cast<ssize_t>(request.size())) {
    die("send");
  }
  std::string answer;
  char buffer[4096];
  std::size_t head = std::string::npos;
  constexpr std::size_t kPageBytes = 128;
  while (head == std::string::npos || answer.size() < head + 4 + kPageBytes) {
    const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0) die("the connection closed before the answer was complete");
    answer.append(buffer, static_cast<std::size_t>(got));
    head = answer.find("\r\n\r\n");
  }
  if (answer.rfind("HTTP/1.1 200", 0) != 0) die("not a 200: " + answer.substr(0, 40));
}

bool is_open(int fd) {
  char byte;
  return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

}  // namespace
}  // namespace gatewaykit::bench

int main(int argc, char** argv) {
  using namespace gatewaykit::bench;
  std::string to;
  std::uint64_t connections = 10'000;
  parse_flags(argc, argv, "Holds many idle keep-alive connections",
              {{"--to", &to, "address of the proxy"}, {"--connections", &connections, "how many"}});
  const sockaddr_in address = parse_address(to);
  std::vector<int> open;
  for (std::uint64_t i = 0; i < connections; ++i) {
    open.push_back(connect_blocking(address));
    request_once(open.back(), to);
  }
  std::printf("holding %zu\n", open.size());
  std::fflush(stdout);
  std::getchar();
  std::size_t held = 0;
  for (const int fd : open) held += is_open(fd) ? 1 : 0;
  std::printf("held %zu\n", held);
}
