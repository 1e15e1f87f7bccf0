// SPDX-License-Identifier: Apache-2.0
#include "observe/log_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <system_error>
#include <utility>

#include "gatewaykit/core/error.hpp"

namespace gatewaykit::observe {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRetry{100};
constexpr milliseconds kLastWords{1000};
/// Lines that are worth a write of their own: each costs a switch of threads.
constexpr std::size_t kMany = std::size_t{128} * 1024;
constexpr std::size_t kKeptCapacity = std::size_t{1} << 20;

bool is_regular(int descriptor) noexcept {
  struct stat status {};
  return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

/// Signals are the host's; SIGPIPE would end it when a reader goes away.
void block_signals() noexcept {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

LogWriter::LogWriter(std::string file, Sink sink, std::size_t limit)
    : file_(std::move(file)), sink_(std::move(sink)), limit_(limit) {
  if (sink_) return;
  descriptor_ = has_file() ? open_file(file_) : STDOUT_FILENO;
  if (descriptor_ < 0) {
    throw ConfigError({fmt::format("access log: cannot open {}: {}", file_,
                                   std::generic_category().message(errno))});
  }
  may_block_ = !is_regular(descriptor_);
}

LogWriter::~LogWriter() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    give_up_ = std::chrono::steady_clock::now() + kLastWords;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  if (next_file_ >= 0) close(next_file_);
  if (has_file()) close(descriptor_);
}

int LogWriter::open_file(const std::string& file) noexcept {
  // A named pipe without a reader is an error at once, not a wait for one.
  return open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
}

bool LogWriter::take(std::string_view lines, std::size_t count) noexcept try {
  {
    const std::lock_guard lock(mutex_);
    const std::size_t waiting = pending_.text.size() + in_batch_;
    if (waiting > 0 && waiting + lines.size() > limit_) return false;
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    pending_.text += lines;
    pending_.lines += count;
    if (is_due_ || pending_.text.size() < std::min(kMany, limit_ / 2)) return true;
    is_due_ = true;
  }
  wake_.notify_one();
  return true;
} catch (const std::exception&) {  // No memory, or no thread to be had: later, maybe.
  return false;
}

void LogWriter::hurry() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (is_due_ || pending_.text.empty()) return;
    is_due_ = true;
  }
  wake_.notify_one();
}

Result<> LogWriter::reopen() {
  if (!has_file()) return {};
  const int opened = open_file(file_);
  if (opened < 0) {
    return Error(Errc::invalid_config, Origin::gateway,
                 fmt::format("cannot open {}: {}", file_, std::generic_category().message(errno)));
  }
  int unused = opened;
  {
    const std::lock_guard lock(mutex_);
    std::swap(unused, next_file_);
  }
  if (unused >= 0) close(unused);
  wake_.notify_one();
  return {};
}

void LogWriter::run() {
  block_signals();
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return is_stopping_ || is_due_ || next_file_ >= 0; });
    adopt_file();
    if (pending_.text.empty()) {
      if (is_stopping_) return;
      continue;
    }
    is_due_ = false;
    std::swap(batch_, pending_);
    in_batch_ = batch_.text.size();
    lock.unlock();
    write_batch();
    lock.lock();
    in_batch_ = 0;
  }
}

/// Puts the file that reopen() opened to use, if there is one. The mutex is held.
void LogWriter::adopt_file() {
  if (next_file_ < 0) return;
  close(std::exchange(descriptor_, std::exchange(next_file_, -1)));
  may_block_ = !is_regular(descriptor_);
  // A line that the old file has half of begins anew.
  if (batch_.offset > 0) batch_.offset = batch_.text.rfind('\n', batch_.offset - 1) + 1;
}

void LogWriter::write_batch() {
  if (sink_) {
    try {
      sink_(batch_.text);
      batch_.offset = batch_.text.size();
    } catch (const std::exception&) {  // The host's function: its lines are lost, no others.
      drop_rest();
    }
  } else {
    write_to_file();
  }
  written_.fetch_add(batch_.lines, std::memory_order_relaxed);
  batch_.text.clear();
  batch_.lines = batch_.offset = 0;
  if (batch_.text.capacity() > kKeptCapacity) batch_.text = std::string();
}

void LogWriter::write_to_file() {
  while (batch_.offset < batch_.text.size()) {
    if (is_overdue()) {
      drop_rest();
      return;
    }
    if (!write_some()) wait_for_better_times();
  }
}

/// The writer has been told to stop, and has had its time.
bool LogWriter::is_overdue() {
  const std::lock_guard lock(mutex_);
  return std::chrono::steady_clock::now() >= give_up_;
}

/// False where nothing could be written: the disk is full, the reader stands still or is gone.
bool LogWriter::write_some() {
  std::size_t size = batch_.text.size() - batch_.offset;
  if (may_block_) {
    // A pipe that is writable takes PIPE_BUF bytes without blocking. The flag O_NONBLOCK would be
    // shared with every process that holds the same pipe or terminal.
    pollfd entry{descriptor_, POLLOUT, 0};
    if (poll(&entry, 1, static_cast<int>(kRetry.count())) <= 0) return false;
    size = std::min<std::size_t>(size, PIPE_BUF);
  }
  const ssize_t written = write(descriptor_, batch_.text.data() + batch_.offset, size);
  if (written <= 0) return written < 0 && errno == EINTR;
  batch_.offset += static_cast<std::size_t>(written);
  return true;
}

void LogWriter::wait_for_better_times() {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, kRetry, [this] { return next_file_ >= 0; });
  adopt_file();
}

void LogWriter::drop_rest() {
  const auto rest = batch_.text.begin() + static_cast<std::ptrdiff_t>(batch_.offset);
  const auto lines = static_cast<std::size_t>(std::count(rest, batch_.text.end(), '\n'));
  batch_.lines -= lines;
  count_dropped(lines);
}

}  // namespace gatewaykit::observe
