// SPDX-License-Identifier: Apache-2.0
//
// Sends requests at a steady pace, whatever becomes of the earlier ones, and remembers how long
// each took: what wrk cannot do, whose connections all wait while a proxy stalls. Prints `pacing`,
// goes on until a line comes on its input, then prints one JSON line with every request's time.
// Failures are counted.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "support.hpp"

namespace gatewaykit::bench {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

constexpr std::size_t kPageBytes = 128;
constexpr std::chrono::seconds kLastAnswers{2};

struct Sample {
  Clock::time_point sent_at;
  nanoseconds latency;
};

struct Connection {
  int fd = -1;
  Clock::time_point sent_at;
  std::string answer;
};

std::vector<std::string> read_lines(const std::string& file) {
  std::ifstream stream(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  if (lines.empty()) die("no paths in '" + file + "'");
  return lines;
}

class Pace {
 public:
  Pace(const std::string& to, const std::string& paths, std::size_t connections)
      : authority_(to), address_(parse_address(to)), paths_(read_lines(paths)) {
    watch(STDIN_FILENO, nullptr);
    connections_.resize(connections);
    for (Connection& connection : connections_) {
      open(connection);
      idle_.push_back(&connection);
    }
  }

  void run(nanoseconds interval) {
    for (Clock::time_point due = Clock::now(); !is_over_; due += interval) {
      do {
        wait_until(due);
      } while (!is_over_ && Clock::now() < due);
      send_next();
    }
    const Clock::time_point end = Clock::now() + kLastAnswers;
    while (idle_.size() < connections_.size() && Clock::now() < end) wait_until(end);
    failed_ += connections_.size() - idle_.size();
  }

  /// Times are microseconds, of the monotonic clock and of how long the answer took.
  void report() const {
    std::printf("{\"failed\":%llu,\"unsent\":%llu,\"samples\":[",
                static_cast<unsigned long long>(failed_), static_cast<unsigned long long>(unsent_));
    const char* separator = "";
    for (const Sample& sample : samples_) {
      std::printf("%s[%lld,%lld]", separator, in_us(sample.sent_at.time_since_epoch()),
                  in_us(sample.latency));
      separator = ",";
    }
    std::puts("]}");
  }

 private:
  static long long in_us(nanoseconds time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  }

  void watch(int fd, Connection* connection) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = connection;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  }

  void open(Connection& connection) {
    connection.fd = connect_blocking(address_);
    watch(connection.fd, &connection);
  }

  void fail(Connection& connection) {
    ++failed_;
    close(connection.fd);
    open(connection);
    idle_.push_back(&connection);
  }

  void send_next() {
    const std::string& path = paths_[next_path_];
    next_path_ = (next_path_ + kStride) % paths_.size();
    if (idle_.empty()) {
      ++unsent_;
      return;
    }
    Connection& connection = *idle_.back();
    idle_.pop_back();
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: " + authority_ + "\r\n\r\n";
    connection.answer.clear();
    connection.sent_at = Clock::now();
    const ssize_t sent = send(connection.fd, request.data(), request.size(), 0);
    if (sent != static_cast<ssize_t>(request.size())) fail(connection);
  }

  void wait_until(Clock::time_point due) {
    const nanoseconds left = std::max<nanoseconds>(due - Clock::now(), nanoseconds(0));
    constexpr std::int64_t kSecond = 1'000'000'000;
    const timespec timeout{left.count() / kSecond, left.count() % kSecond};
    epoll_event events[64];
    const int count = epoll_pwait2(epoll_, events, 64, &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
      if (auto* const connection = static_cast<Connection*>(events[i].data.ptr)) {
        receive(*connection);
      } else {
        is_over_ = true;
        epoll_ctl(epoll_, EPOLL_CTL_DEL, STDIN_FILENO, nullptr);
      }
    }
  }

  void receive(Connection& connection) {
    char buffer[4096];
    const ssize_t got = recv(connection.fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return fail(connection);
    connection.answer.append(buffer, static_cast<std::size_t>(got));
    const std::size_t head = connection.answer.find("\r\n\r\n");
    if (head == std::string::npos) return;
    if (connection.answer.rfind("HTTP/1.1 200", 0) != 0) return fail(connection);
    if (connection.answer.size() < head + 4 + kPageBytes) return;
    samples_.push_back({connection.sent_at, Clock::now() - connection.sent_at});
    idle_.push_back(&connection);
  }

  static constexpr std::size_t kStride = 7919;  // A prime: all paths, in no order that helps.

  const std::string authority_;
  const sockaddr_in address_;
  const std::vector<std::string> paths_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections_;
  std::vector<Connection*> idle_;
  std::vector<Sample> samples_;
  std::size_t next_path_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t unsent_ = 0;
  bool is_over_ = false;
};

}  // namespace
}  // namespace gatewaykit::bench

int main(int argc, char** argv) {
  using namespace gatewaykit::bench;
  std::string to;
  std::string paths;
  std::uint64_t connections = 16;
  std::uint64_t rate = 2000;
  parse_flags(argc, argv, "Requests at a steady pace, each timed",
              {{"--to", &to, "address of the proxy"},
               {"--paths", &paths, "file with the paths to ask for, one a line"},
               {"--connections", &connections, "keep-alive connections"},
               {"--rate", &rate, "requests per second"}});
  std::signal(SIGPIPE, SIG_IGN);
  Pace pace(to, paths, connections);
  std::puts("pacing");
  std::fflush(stdout);
  pace.run(nanoseconds(std::chrono::seconds(1)) / rate);
  pace.report();
}
