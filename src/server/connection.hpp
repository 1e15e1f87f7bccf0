// SPDX-License-Identifier: Apache-2.0
// Connection: what a worker knows of a client's connection, whatever protocol it speaks; Listed: of
// any, those that speak none yet among them. ConnectionList: some of a worker's connections, in the
// order in which they were added.
#pragma once

#include <memory>

#include "gatewaykit/core/task.hpp"
#include "gatewaykit/core/timer.hpp"

namespace gatewaykit::server {

class Listed {
 public:
  Listed() = default;
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;

  /// No request after the one that runs. An idle connection ends at once, in HTTP/2 once its client
  /// was told twice.
  virtual void drain() noexcept = 0;
  /// No request after the next one, which an idle connection waits for.
  virtual void retire() noexcept = 0;
  /// Ends at once, while it is idle, in favour of another one.
  virtual void give_way() noexcept { drain(); }

 protected:
  ~Listed() = default;

 private:
  friend class ConnectionList;
  friend class Worker;

  Listed* next_ = nullptr;
  Listed* previous_ = nullptr;
  TimePoint idle_since_ = kNever;  // kNever: it is busy.
};

class Connection : public Listed {
 public:
  virtual ~Connection() = default;

  /// Serves requests until the connection ends. Within the worker's scope.
  virtual Task<void> run() = 0;
  /// Where it has ended: what goes on with the same client in another version of HTTP, if any.
  virtual std::unique_ptr<Connection> successor() { return nullptr; }
};

/// Intrusive: a connection is in one list at most.
class ConnectionList {
 public:
  Listed* first() const noexcept { return first_; }
  static Listed* after(const Listed& connection) noexcept { return connection.next_; }

  void add(Listed& connection) noexcept {
    connection.previous_ = last_;
    connection.next_ = nullptr;
    (last_ == nullptr ? first_ : last_->next_) = &connection;
    last_ = &connection;
  }
  void remove(Listed& connection) noexcept {
    (connection.previous_ == nullptr ? first_ : connection.previous_->next_) = connection.next_;
    (connection.next_ == nullptr ? last_ : connection.next_->previous_) = connection.previous_;
  }

 private:
  Listed* first_ = nullptr;
  Listed* last_ = nullptr;
};

}  // namespace gatewaykit::server
