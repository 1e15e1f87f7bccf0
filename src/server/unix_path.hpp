// SPDX-License-Identifier: Apache-2.0
// UnixPath: the name of a Unix-domain socket in the file system, removed when it goes, unless
// somebody else has put another one there meanwhile. Any thread.
#pragma once

#include <sys/types.h>

#include <string>

namespace gatewaykit::server {

class UnixPath {
 public:
  /// `path` was just bound.
  explicit UnixPath(std::string path);
  UnixPath(const UnixPath&) = delete;
  UnixPath& operator=(const UnixPath&) = delete;
  ~UnixPath();

  /// Removes a socket at `path` that nobody listens on any more. False where there is none.
  static bool remove_stale(const std::string& path);

 private:
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace gatewaykit::server
