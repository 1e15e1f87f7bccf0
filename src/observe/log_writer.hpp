// SPDX-License-Identifier: Apache-2.0
// LogWriter: takes whole lines from any thread and writes them to a file, to standard output or to
// a function, on a thread of its own that starts with the first line. What waits is bounded: a full
// disk or a reader that stands still delays nobody but this thread, at its end a second at most.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "gatewaykit/core/function.hpp"
#include "gatewaykit/core/result.hpp"

namespace gatewaykit::observe {

class LogWriter {
 public:
  using Sink = Function<void(std::string_view lines)>;

  /// Appends to `file` ("-": standard output), or calls `sink` where it is set. `limit`: the bytes
  /// that may wait. Throws ConfigError where the file cannot be opened.
  LogWriter(std::string file, Sink sink, std::size_t limit);
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;
  /// Writes what waits, for a second at most.
  ~LogWriter();

  /// Takes `count` whole lines over, to be written once there are many or somebody is in a hurry.
  /// False where there is no room for them now.
  [[nodiscard]] bool take(std::string_view lines, std::size_t count) noexcept;
  /// Has what was taken written now.
  void hurry() noexcept;
  /// Opens the file again by its name; lines go there from then on.
  Result<> reopen();

  void count_dropped(std::uint64_t lines) noexcept {
    dropped_.fetch_add(lines, std::memory_order_relaxed);
  }
  std::uint64_t written() const noexcept { return written_.load(std::memory_order_relaxed); }
  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Batch {
    std::string text;
    std::size_t lines = 0;
    std::size_t offset = 0;  // What of the text was written.
  };

  static int open_file(const std::string& file) noexcept;
  bool has_file() const noexcept { return !sink_ && file_ != "-"; }
  void run();
  void adopt_file();
  void write_batch();
  void write_to_file();
  bool write_some();
  bool is_overdue();
  void wait_for_better_times();
  void drop_rest();

  const std::string file_;
  Sink sink_;
  const std::size_t limit_;
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> dropped_{0};

  std::mutex mutex_;
  std::condition_variable wake_;
  // Guarded by mutex_.
  Batch pending_;
  std::size_t in_batch_ = 0;  // The size of batch_'s text.
  bool is_due_ = false;       // pending_ is to be written.
  int next_file_ = -1;        // Opened by reopen(), not yet in use.
  std::chrono::steady_clock::time_point give_up_ = std::chrono::steady_clock::time_point::max();
  bool is_stopping_ = false;
  std::thread thread_;

  // The writer's thread alone, once it runs.
  Batch batch_;
  int descriptor_ = -1;
  bool may_block_ = false;  // No regular file: a reader may stand still.
};

}  // namespace gatewaykit::observe
