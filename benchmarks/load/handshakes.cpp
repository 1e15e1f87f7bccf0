// SPDX-License-Identifier: Apache-2.0
//
// TLS 1.3 handshakes as fast as a proxy answers them, full ones or resumed by ticket: what neither
// wrk nor `openssl s_time` does. Each connection carries one request and ends. Threads that block,
// one connection at a time each. Prints one JSON line; exits 1 when anything is amiss.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support.hpp"

namespace gatewaykit::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};

[[noreturn]] void die_of_tls(const std::string& what) {
  char reason[256] = "";
  ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
  die(what + ": " + reason);
}

// One connection after the other, each with the newest ticket where it is to resume.
class Client {
 public:
  explicit Client(const std::string& to)
      : address_(parse_address(to)),
        request_("GET / HTTP/1.1\r\nHost: " + to + "\r\nConnection: close\r\n\r\n"),
        context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_3_VERSION);
    SSL_CTX_set_app_data(context_.get(), this);
    SSL_CTX_set_session_cache_mode(context_.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context_.get(), &Client::keep_ticket);
  }

  void request_once(bool resumes) {
    const int fd = connect_blocking(address_);
    const std::unique_ptr<SSL, Free> ssl(SSL_new(context_.get()));
    SSL_set_fd(ssl.get(), fd);
    if (resumes) SSL_set_session(ssl.get(), ticket_.get());
    if (SSL_connect(ssl.get()) != 1) die_of_tls("handshake");
    errno = EPROTO;
    if ((SSL_session_reused(ssl.get()) == 1) != resumes) die("the ticket was not taken");
    exchange(ssl.get());
    SSL_shutdown(ssl.get());  // The tickets of a connection that only breaks off are void.
    close(fd);
  }

 private:
  // The application data of a context belongs to its user; a callback has no other way to find it.
  static int keep_ticket(SSL* ssl, SSL_SESSION* session) {
    auto* const client = static_cast<Client*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    client->ticket_.reset(session);
    return 1;  // It is ours now.
  }

  void exchange(SSL* ssl) const {
    if (SSL_write(ssl, request_.data(), static_cast<int>(request_.size())) <= 0) {
      die_of_tls("write");
    }
    std::string answer;
    char buffer[4096];
    for (int got = 1; got > 0;) {
      got = SSL_read(ssl, buffer, sizeof buffer);
      if (got > 0) answer.append(buffer, static_cast<std::size_t>(got));
    }
    constexpr std::size_t kPageBytes = 128;
    const std::size_t head = answer.find("\r\n\r\n");
    errno = EPROTO;
    if (answer.rfind("HTTP/1.1 200", 0) != 0) die("not a 200: " + answer.substr(0, 40));
    if (answer.size() != head + 4 + kPageBytes) die("the answer is not complete");
  }

  const sockaddr_in address_;
  const std::string request_;
  const std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL_SESSION, Free> ticket_;
};

using Clients = std::vector<std::unique_ptr<Client>>;

/// Each client on a thread of its own; how many requests all of them made.
std::uint64_t run(const Clients& clients, bool resumes, Clock::time_point end) {
  std::atomic<std::uint64_t> count = 0;
  std::vector<std::thread> threads;
  for (const std::unique_ptr<Client>& client : clients) {
    threads.emplace_back([&count, &client, resumes, end] {
      for (; Clock::now() < end; ++count) client->request_once(resumes);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return count;
}

}  // namespace
}  // namespace gatewaykit::bench

int main(int argc, char** argv) {
  using namespace gatewaykit::bench;
  std::string to;
  std::uint64_t connections = 16;
  std::uint64_t seconds = 2;
  bool resumes = false;
  parse_flags(argc, argv, "TLS 1.3 handshakes, one request each",
              {{"--to", &to, "address of the proxy"},
               {"--connections", &connections, "how many at once"},
               {"--seconds", &seconds, "for how long"},
               {"--resumed", &resumes, "by ticket"}});
  std::signal(SIGPIPE, SIG_IGN);
  Clients clients;
  for (std::uint64_t i = 0; i < connections; ++i) clients.push_back(std::make_unique<Client>(to));
  if (resumes) {
    for (const auto& client : clients) client->request_once(false);
  }
  const auto start = Clock::now();
  const std::uint64_t requests = run(clients, resumes, start + std::chrono::seconds(seconds));
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
  std::printf("{\"requests\":%llu,\"duration_us\":%lld}\n",
              static_cast<unsigned long long>(requests), static_cast<long long>(took.count()));
}
