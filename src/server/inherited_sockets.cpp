// SPDX-License-Identifier: Apache-2.0
#include "server/inherited_sockets.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "gatewaykit/core/error.hpp"

namespace gatewaykit::server {

namespace {

constexpr std::string_view kDescriptor = "fd:";
constexpr std::string_view kSystemd = "systemd:";
constexpr int kFirstPassed = 3;  // SD_LISTEN_FDS_START
constexpr int kMostPassed = 1024;

[[noreturn]] void refuse(std::string_view address, std::string_view reason) {
  throw ConfigError({fmt::format("cannot listen on '{}': {}", address, reason)});
}

std::optional<int> parse_number(std::string_view digits) {
  int number = -1;
  const char* const end = digits.data() + digits.size();
  const auto [rest, failure] = std::from_chars(digits.data(), end, number);
  if (failure != std::errc() || rest != end || number < 0) return std::nullopt;
  return number;
}

std::string_view environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

bool is_on(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value != 0;
}

net::Fd take_over(int fd, std::string_view address) {
  int type = 0;
  socklen_t size = sizeof(type);
  const bool is_stream =
      ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
  if (!is_stream || !is_on(fd, SO_ACCEPTCONN)) {
    refuse(address, fmt::format("descriptor {} is no listening stream socket", fd));
  }
  net::Fd copy = net::duplicate(fd);
  if (!copy.valid()) refuse(address, "no descriptor is left");
  const int flags = ::fcntl(copy.get(), F_GETFL);
  ::fcntl(copy.get(), F_SETFL, flags | O_NONBLOCK);
  return copy;
}

/// LISTEN_PID keeps a child from taking what was passed to its parent.
int count_passed() {
  const std::optional<int> process = parse_number(environment("LISTEN_PID"));
  const std::optional<int> count = parse_number(environment("LISTEN_FDS"));
  return process == ::getpid() && count && *count <= kMostPassed ? *count : 0;
}

std::vector<net::Fd> passed_sockets(std::string_view name, std::string_view address) {
  std::vector<net::Fd> sockets;
  std::string_view names = environment("LISTEN_FDNAMES");
  const int count = count_passed();
  if (count == 0) refuse(address, "systemd has passed no sockets to this process");
  for (int i = 0; i < count; ++i) {
    const std::string_view each = names.substr(0, names.find(':'));
    names.remove_prefix(std::min(names.size(), each.size() + 1));
    if (name.empty() || each == name) sockets.push_back(take_over(kFirstPassed + i, address));
  }
  if (sockets.empty()) refuse(address, "systemd has passed no socket of that name");
  return sockets;
}

}  // namespace

bool is_inherited(std::string_view address) noexcept {
  return address.starts_with(kDescriptor) || address.starts_with(kSystemd);
}

void check_inherited_address(std::string_view address) {
  if (!address.starts_with(kDescriptor)) return;
  if (!parse_number(address.substr(kDescriptor.size()))) {
    refuse(address, "expected fd:N with the number of a descriptor");
  }
}

std::vector<net::Fd> inherited_sockets(std::string_view address) {
  check_inherited_address(address);
  if (address.starts_with(kSystemd)) {
    return passed_sockets(address.substr(kSystemd.size()), address);
  }
  std::vector<net::Fd> sockets;
  sockets.push_back(take_over(*parse_number(address.substr(kDescriptor.size())), address));
  return sockets;
}

}  // namespace gatewaykit::server
