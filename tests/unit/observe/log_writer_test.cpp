// SPDX-License-Identifier: Apache-2.0
#include "observe/log_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"

using gatewaykit::ConfigError;
using gatewaykit::observe::LogWriter;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kAmple = 1 << 20;

/// Collects what a writer passes on; may make it wait.
class Collector {
 public:
  LogWriter::Sink sink() {
    return [this](std::string_view lines) {
      std::unique_lock lock(mutex_);
      ++calls_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return !is_held_; });
      text_ += lines;
      changed_.notify_all();
    };
  }
  void hold() {
    const std::lock_guard lock(mutex_);
    is_held_ = true;
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    is_held_ = false;
    changed_.notify_all();
  }
  void wait_for_calls(int calls) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return calls_ >= calls; });
  }
  std::string wait_for_size(std::size_t size) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return text_.size() >= size; });
    return text_;
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
  int calls_ = 0;
  bool is_held_ = false;
};

/// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "gatewaykit-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::string content(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A named pipe with both ends in this process.
class Fifo {
 public:
  Fifo() : name_(folder_.file("fifo")) {
    if (mkfifo(name_.c_str(), 0600) != 0) throw std::runtime_error("no named pipe");
    reader_ = open(name_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  }
  ~Fifo() { close_reader(); }
  const std::string& name() const { return name_; }
  void close_reader() {
    if (reader_ >= 0) close(std::exchange(reader_, -1));
  }
  /// What is in the pipe by now.
  std::string read_all() {
    std::string text;
    char block[4096];
    for (ssize_t size = 0; (size = read(reader_, block, sizeof block)) > 0;) {
      text.append(block, static_cast<std::size_t>(size));
    }
    return text;
  }

 private:
  Folder folder_;
  std::string name_;
  int reader_ = -1;
};

/// One line that somebody is in a hurry to see written.
bool take(LogWriter& writer, const std::string& line) {
  const bool is_taken = writer.take(line, 1);
  writer.hurry();
  return is_taken;
}

}  // namespace

TEST_CASE("Lines come out whole and in order, all of them before the writer is gone") {
  Collector collector;
  std::string expected;
  {
    LogWriter writer("", collector.sink(), kAmple);
    for (int i = 0; i < 1000; ++i) {
      const std::string line = "line " + std::to_string(i) + "\n";
      expected += line;
      REQUIRE(take(writer, line));
    }
  }
  CHECK(collector.text() == expected);
}

TEST_CASE("Many lines are written without a hurry, a few wait for one") {
  Collector collector;
  LogWriter writer("", collector.sink(), kAmple);
  const std::string line(999, 'x');
  REQUIRE(writer.take(line + "\n", 1));
  std::size_t taken = 1000;
  for (; taken < (std::size_t{256} << 10); taken += 1000) REQUIRE(writer.take(line + "\n", 1));
  CHECK(collector.wait_for_size(std::size_t{128} << 10).ends_with('\n'));
  writer.hurry();
  CHECK(collector.wait_for_size(taken).size() == taken);
}

TEST_CASE("A line that is wanted now does not wait for others") {
  Collector collector;
  LogWriter writer("", collector.sink(), kAmple);
  REQUIRE(take(writer, "alone\n"));
  CHECK(collector.wait_for_size(6) == "alone\n");
}

TEST_CASE("Lines of several threads are not torn") {
  Collector collector;
  constexpr int kThreads = 4;
  constexpr int kLines = 2000;
  {
    LogWriter writer("", collector.sink(), std::size_t{64} << 20);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&writer, t] {
        const std::string line(static_cast<std::size_t>(10 + t), static_cast<char>('a' + t));
        for (int i = 0; i < kLines; ++i) static_cast<void>(take(writer, line + "\n"));
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  std::map<std::string, int> seen;
  const std::string text = collector.text();
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    REQUIRE(end != std::string::npos);
    ++seen[text.substr(begin, end - begin)];
    begin = end + 1;
  }
  CHECK(seen.size() == kThreads);
  for (const auto& [line, count] : seen) CHECK(count == kLines);
}

TEST_CASE("While the sink stands still a bounded amount waits, and nobody is held up") {
  Collector collector;
  collector.hold();
  LogWriter writer("", collector.sink(), 100);
  REQUIRE(take(writer, std::string(60, 'a') + "\n"));
  collector.wait_for_calls(1);
  CHECK(take(writer, std::string(30, 'b') + "\n"));
  CHECK_FALSE(take(writer, std::string(30, 'c') + "\n"));
  collector.let_go();
  collector.wait_for_size(92);
}

TEST_CASE("A batch beyond the limit passes where nothing else waits") {
  Collector collector;
  LogWriter writer("", collector.sink(), 10);
  CHECK(take(writer, std::string(60, 'a') + "\n"));
  collector.wait_for_size(61);
}

TEST_CASE("A sink that throws loses its lines and no others") {
  std::atomic<int> calls{0};
  std::mutex mutex;
  std::string text;
  {
    LogWriter writer(
        "",
        [&](std::string_view lines) {
          if (++calls == 1) throw std::runtime_error("sink");
          const std::lock_guard lock(mutex);
          text += lines;
        },
        kAmple);
    REQUIRE(take(writer, "lost\n"));
    while (writer.dropped() == 0) std::this_thread::yield();
    REQUIRE(take(writer, "kept\n"));
  }
  CHECK(text == "kept\n");
}

TEST_CASE("A file is appended to") {
  const Folder folder;
  const std::string file = folder.file("log");
  std::ofstream(file) << "before\n";
  {
    LogWriter writer(file, nullptr, kAmple);
    REQUIRE(take(writer, "after\n"));
  }
  CHECK(content(file) == "before\nafter\n");
}

TEST_CASE("A file that cannot be opened is a mistake of the wiring that names it") {
  const Folder folder;
  const std::string file = folder.file("missing/log");
  try {
    const LogWriter writer(file, nullptr, kAmple);
    FAIL("opened " << file);
  } catch (const ConfigError& error) {
    CHECK_THAT(error.what(), Catch::Contains(file));
  }
}

TEST_CASE("After a rotation lines go to a new file once it was reopened") {
  const Folder folder;
  const std::string file = folder.file("log");
  {
    LogWriter writer(file, nullptr, kAmple);
    REQUIRE(take(writer, "old\n"));
    while (writer.written() < 1) std::this_thread::yield();
    std::filesystem::rename(file, folder.file("log.1"));
    REQUIRE(writer.reopen());
    REQUIRE(take(writer, "new\n"));
  }
  CHECK(content(folder.file("log.1")) == "old\n");
  CHECK(content(file) == "new\n");
}

TEST_CASE("A reopen that fails says why and leaves the old file in use") {
  const Folder folder;
  const std::string file = folder.file("sub/log");
  std::filesystem::create_directory(folder.file("sub"));
  {
    LogWriter writer(file, nullptr, kAmple);
    std::filesystem::rename(folder.file("sub"), folder.file("moved"));
    const gatewaykit::Result<> result = writer.reopen();
    REQUIRE_FALSE(result);
    CHECK_THAT(result.error().detail, Catch::Contains(file));
    REQUIRE(take(writer, "line\n"));
  }
  CHECK(content(folder.file("moved/log")) == "line\n");
}

TEST_CASE("A reader that is gone ends neither the process nor the writer, and lines are counted") {
  Fifo fifo;
  std::optional<LogWriter> writer(std::in_place, fifo.name(), nullptr, kAmple);
  fifo.close_reader();
  REQUIRE(take(*writer, "nobody reads this\n"));
  const auto begin = std::chrono::steady_clock::now();
  writer.reset();
  CHECK(std::chrono::steady_clock::now() - begin < 10s);
}

TEST_CASE("A reader that stands still holds up neither the callers nor the end of the writer") {
  Fifo fifo;
  std::optional<LogWriter> writer(std::in_place, fifo.name(), nullptr, kAmple);
  const std::string line(999, 'x');
  int taken = 0;
  while (taken < 1000 && take(*writer, line + "\n")) ++taken;
  while (take(*writer, line + "\n")) ++taken;  // Until the pipe and the room are full.
  CHECK(taken >= 1000);
  const auto begin = std::chrono::steady_clock::now();
  writer.reset();
  CHECK(std::chrono::steady_clock::now() - begin < 10s);
  const std::string text = fifo.read_all();
  CHECK(text.substr(0, 1000) == line + "\n");
}

TEST_CASE("A slow reader gets everything, no line torn") {
  Fifo fifo;
  std::string expected;
  std::string text;
  {
    LogWriter writer(fifo.name(), nullptr, kAmple);
    for (int i = 0; i < 500; ++i) {
      const std::string line = std::to_string(i) + std::string(500, '.') + "\n";
      expected += line;
      REQUIRE(take(writer, line));
    }
    while (text.size() < expected.size()) text += fifo.read_all();
  }
  CHECK(text == expected);
}
