// SPDX-License-Identifier: Apache-2.0
//
// What the load programs share: command lines, loopback sockets and the line
// `listening on ADDR` that the harness waits for. Mistakes end the program with a sentence,
// since a measuring tool that limps on would print wrong figures.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <variant>

namespace gatewaykit::bench {

struct Flag {
  const char* name;
  std::variant<std::string*, std::uint64_t*, bool*> value;
  const char* help;
};

/// Fills the values from the command line; prints help or the mistake and exits where it must.
void parse_flags(int argc, char** argv, const char* purpose, std::initializer_list<Flag> flags);

/// Prints what failed, with errno, and exits with status 1.
[[noreturn]] void die(const std::string& what);

/// Reads `127.0.0.1:8080`, with or without `http://` before it.
sockaddr_in parse_address(const std::string& text);

/// A non-blocking listening socket; prints `listening on ADDR` with the real port.
int listen_on(const std::string& address);

/// Accepts one non-blocking client without Nagle's delay; -1 when none waits.
int accept_client(int listener);

/// Starts a connection that does not block.
int start_connect(const sockaddr_in& address);

/// A connected socket that blocks.
int connect_blocking(const sockaddr_in& address);

/// The time as a Date field has it, formatted once per second. For one thread.
const std::string& http_date();

/// SIGTERM and SIGINT end the process with status 0; a write to a closed socket is an error code.
void exit_on_signals();

}  // namespace gatewaykit::bench
