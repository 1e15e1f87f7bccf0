// SPDX-License-Identifier: Apache-2.0
// UnixPath: the name of a Unix-domain socket in the file system, removed when it goes, unless
// somebody else has put another one there meanwhile, or has taken it over. Any thread.
#pragma once

#include <sys/types.h>

#include <atomic>

#include <string>

namespace gatewaykit::server {

class UnixPath {
 public:
  /// A socket is bound to `path`.
  explicit UnixPath(std::string path);
  UnixPath(const UnixPath&) = delete;
  UnixPath& operator=(const UnixPath&) = delete;
  ~UnixPath();

  /// It is another process's to remove; it is ours.
  void leave() noexcept { is_ours_.store(false, std::memory_order_relaxed); }
  void claim() noexcept { is_ours_.store(true, std::memory_order_relaxed); }

  /// Removes a socket at `path` that nobody listens on any more. False where there is none.
  static bool remove_stale(const std::string& path);

 private:
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::atomic<bool> is_ours_{true};
};

}  // namespace gatewaykit::server
