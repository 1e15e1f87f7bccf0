// SPDX-License-Identifier: Apache-2.0
// Connection: what a worker knows of a client's connection, whatever protocol it speaks.
#pragma once

#include "gatewaykit/core/task.hpp"

namespace gatewaykit::server {

class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  /// Serves requests until the connection ends. Within the worker's scope.
  virtual Task<void> run() = 0;
  /// The worker drains: no request after the one that runs; an idle connection ends at once.
  virtual void drain() noexcept = 0;

  Connection* next = nullptr;  // The worker's list.
  Connection* previous = nullptr;
};

}  // namespace gatewaykit::server
