// SPDX-License-Identifier: Apache-2.0
// The JSON file of gateway: read, told of where it is mistaken, and read again at each SIGHUP.
#pragma once

#include <sched.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gatewaykit/gatewaykit.hpp"

inline std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  // An empty file is a text that can be judged, but copying nothing counts as a failure.
  if (file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
  if (!file.is_open() || file.bad() || !text) return std::nullopt;
  return text.str();
}

inline void tell(const std::vector<gatewaykit::config::Problem>& problems,
                 const std::string& file) {
  for (const gatewaykit::config::Problem& problem : problems) {
    std::fprintf(stderr, "%s\n", to_string(problem, file).c_str());
  }
}

/// Reads the file again at each SIGHUP, on a thread of its own, until it goes.
class Reloader {
 public:
  /// Keeps SIGHUP for the reloader to come: before other threads begin, which inherit it.
  static void block_signal() {
    const sigset_t signals = hangup();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  }

  Reloader(gatewaykit::Gateway& gateway, gatewaykit::config::Wiring& running, std::string file)
      : gateway_(gateway), running_(running), file_(std::move(file)), thread_([this] { run(); }) {}
  ~Reloader() {
    is_over_ = true;
    pthread_kill(thread_.native_handle(), SIGHUP);
    thread_.join();
  }

 private:
  static sigset_t hangup() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    return signals;
  }

  void run() {
    // At a worker's own priority a reload keeps the worker of its core waiting for whole slices.
    const sched_param none{};
    pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
    const sigset_t signals = hangup();
    for (int signal = 0; sigwait(&signals, &signal) == 0 && !is_over_;) reload();
  }

  void reload() {
    const std::optional<std::string> text = read_file(file_);
    if (!text) {
      std::fprintf(stderr, "gateway: cannot read %s: what runs stays\n", file_.c_str());
      return;
    }
    const auto problems =
        gatewaykit::config::reload(gateway_, running_, *text, gatewaykit::config::Catalog());
    tell(problems, file_);
    std::fprintf(stderr, "gateway: %s\n",
                 problems.empty() ? "reloaded" : "not reloaded: what runs stays");
  }

  gatewaykit::Gateway& gateway_;
  gatewaykit::config::Wiring& running_;
  const std::string file_;
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};
