// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace gatewaykit::bench {
namespace {

constexpr int kBacklog = 4096;

void set_no_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

void parse_flags(int argc, char** argv, const char* purpose, std::initializer_list<Flag> flags) {
  CLI::App app(purpose);
  for (const Flag& flag : flags) {
    if (const auto text = std::get_if<std::string*>(&flag.value)) {
      app.add_option(flag.name, **text, flag.help);
    } else if (const auto number = std::get_if<std::uint64_t*>(&flag.value)) {
      app.add_option(flag.name, **number, flag.help);
    } else {
      app.add_flag(flag.name, *std::get<bool*>(flag.value), flag.help);
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& mistake) {
    std::exit(app.exit(mistake));
  }
}

void die(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

sockaddr_in parse_address(const std::string& text) {
  const std::string scheme = "http://";
  const std::size_t start = text.rfind(scheme, 0) == 0 ? scheme.size() : 0;
  const std::size_t colon = text.find(':', start);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const bool has_port = colon != std::string::npos;
  if (!has_port ||
      inet_pton(AF_INET, text.substr(start, colon - start).c_str(), &address.sin_addr) != 1) {
    errno = EINVAL;
    die("not an IPv4 address with a port: '" + text + "'");
  }
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(text.c_str() + colon + 1)));
  return address;
}

int listen_on(const std::string& text) {
  sockaddr_in address = parse_address(text);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (fd < 0 || bind(fd, generic, size) != 0 || listen(fd, kBacklog) != 0 ||
      getsockname(fd, generic, &size) != 0) {
    die("cannot listen on " + text);
  }
  char name[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &address.sin_addr, name, sizeof name);
  std::printf("listening on %s:%u\n", name, unsigned{ntohs(address.sin_port)});
  std::fflush(stdout);
  return fd;
}

int accept_client(int listener) {
  const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) set_no_delay(fd);
  if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED) die("accept");
  return fd;
}

int start_connect(const sockaddr_in& address) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  set_no_delay(fd);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS) {
    die("connect");
  }
  return fd;
}

int connect_blocking(const sockaddr_in& address) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  set_no_delay(fd);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    die("connect");
  }
  return fd;
}

const std::string& http_date() {
  static std::time_t formatted = 0;
  static std::string date;
  const std::time_t now = std::time(nullptr);
  if (now != formatted) {
    char text[64];
    std::tm parts{};
    gmtime_r(&now, &parts);
    date.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts));
    formatted = now;
  }
  return date;
}

void exit_on_signals() {
  for (const int number : {SIGTERM, SIGINT}) std::signal(number, [](int) { _exit(0); });
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace gatewaykit::bench
