// SPDX-License-Identifier: Apache-2.0
#include "server/unix_path.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "net/socket.hpp"

namespace gatewaykit::server {

namespace {

bool is_socket(const std::string& path, struct stat& status) noexcept {
  return ::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

}  // namespace

UnixPath::UnixPath(std::string path) : path_(std::move(path)) {
  struct stat status {};
  if (!is_socket(path_, status)) return;
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

UnixPath::~UnixPath() {
  if (!is_ours_.load(std::memory_order_relaxed)) return;
  struct stat status {};
  const bool is_same =
      is_socket(path_, status) && status.st_dev == device_ && status.st_ino == inode_;
  if (is_same) ::unlink(path_.c_str());
}

bool UnixPath::remove_stale(const std::string& path) {
  struct stat status {};
  if (!is_socket(path, status)) return false;
  Connector::Endpoint endpoint;
  endpoint.path = path;
  const auto address = net::SocketAddress::from(endpoint);
  const net::Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!address || !probe.valid()) return false;
  if (::connect(probe.get(), address->get(), address->size) == 0) return false;
  return errno == ECONNREFUSED && ::unlink(path.c_str()) == 0;
}

}  // namespace gatewaykit::server
