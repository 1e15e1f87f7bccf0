// SPDX-License-Identifier: Apache-2.0
//
// A very cheap origin for the benchmarks, so that the machine's time goes to the proxy before it.
// One thread, one edge-triggered epoll set. It understands just what its peers send (proxies and
// load generators that are already trusted), and counts whatever it does not.
//
//   GET /, /page/…   128 bytes                   POST|PUT /sink   reads any body, answers its size
//   GET /bytes/<n>   n bytes with a length       GET /stats       {"requests":…,"errors":…,…}
//   GET /json/<n>    n bytes of JSON
//
// So in HTTP/1.1. A connection that begins with the preface of HTTP/2 speaks that, and is given the
// 128 bytes for whatever it asks.
// An error is a request that makes no sense; aborted is an exchange whose peer left in the middle.
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "origin_h2.hpp"
#include "support.hpp"

namespace gatewaykit::bench {
namespace {

constexpr std::size_t kPageBytes = 128;
constexpr std::size_t kBlockBytes = 256 * 1024;
constexpr std::size_t kMostHeadBytes = 64 * 1024;
constexpr std::size_t kRecordBytes = 192;
constexpr std::size_t kLeastJsonBytes = 2;  // []
constexpr std::size_t kMostJsonBytes = 1024 * 1024;

struct Stats {
  std::uint64_t connections = 0;
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
  std::uint64_t aborted = 0;
} stats;

const std::string block(kBlockBytes, 'x');

bool parse_number(std::string_view text, int base, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc{} && end != text.data();
}

// `size` bytes of records such as an API answers with, filled up with spaces.
std::string make_json(std::size_t size) {
  std::string text = "[";
  std::uint32_t random = 1;
  for (std::uint32_t id = 1; text.size() + kRecordBytes < size; ++id) {
    random = random * 1'664'525 + 1'013'904'223;
    char record[kRecordBytes];
    std::snprintf(record, sizeof record,
                  R"(%s{"id":%u,"name":"user-%u","email":"user-%u@mail.example",)"
                  R"("active":%s,"balance":%u.%02u,"token":"%08x"})",
                  id == 1 ? "" : ",\n", id, random >> 20, random >> 20,
                  random >> 30 == 0 ? "false" : "true", random >> 12 & 0xffff, (random >> 8) % 100,
                  random);
    text += record;
  }
  text.resize(size - 1, ' ');
  return text + ']';
}

const std::string& json_of(std::size_t size) {
  static std::string text = make_json(size);
  if (text.size() != size) text = make_json(size);
  return text;
}

// Follows a chunked body to its end without keeping a byte of it.
class ChunkCounter {
 public:
  /// How many of `bytes` belong to the body.
  std::size_t feed(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && !done_ && !failed_) {
      if (left_ > 0) {
        const std::size_t data = std::min<std::uint64_t>(left_, bytes.size() - used);
        left_ -= data;
        used += data;
      } else {
        take_line_byte(bytes[used++]);
      }
    }
    return used;
  }
  bool done() const { return done_; }
  bool failed() const { return failed_; }
  std::uint64_t total() const { return total_; }

 private:
  void take_line_byte(char byte) {
    if (byte != '\n') {
      line_ += byte;
      return;
    }
    if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    if (in_trailers_) {
      done_ = line_.empty();
    } else if (after_data_) {
      failed_ = !line_.empty();
      after_data_ = false;
    } else {
      failed_ = !parse_number(line_, 16, left_);
      total_ += left_;
      in_trailers_ = left_ == 0;
      after_data_ = left_ > 0;
    }
    line_.clear();
  }

  std::string line_;
  std::uint64_t left_ = 0;
  std::uint64_t total_ = 0;
  bool after_data_ = false;
  bool in_trailers_ = false;
  bool done_ = false;
  bool failed_ = false;
};

struct Head {
  std::string_view method;
  std::string_view target;
  std::uint64_t length = 0;
  bool chunked = false;
  bool close = false;
};

bool is_name(std::string_view line, std::string_view name) {
  return line.size() > name.size() && line[name.size()] == ':' &&
         strncasecmp(line.data(), name.data(), name.size()) == 0;
}

std::string_view value_of(std::string_view line) {
  line.remove_prefix(line.find(':') + 1);
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  return line;
}

bool parse_field(std::string_view line, Head& head) {
  if (is_name(line, "content-length")) return parse_number(value_of(line), 10, head.length);
  if (is_name(line, "transfer-encoding")) head.chunked = true;
  if (is_name(line, "connection")) head.close = strncasecmp(value_of(line).data(), "close", 5) == 0;
  return true;
}

bool parse_head(std::string_view text, Head& head) {
  const std::size_t first_end = text.find("\r\n");
  const std::string_view first = text.substr(0, first_end);
  const std::size_t method_end = first.find(' ');
  const std::size_t target_end = first.rfind(' ');
  if (method_end == std::string_view::npos || target_end <= method_end) return false;
  head.method = first.substr(0, method_end);
  head.target = first.substr(method_end + 1, target_end - method_end - 1);
  text.remove_prefix(first_end + 2);
  while (text.size() > 2) {
    const std::size_t end = text.find("\r\n");
    if (!parse_field(text.substr(0, end), head)) return false;
    text.remove_prefix(end + 2);
  }
  return true;
}

class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) { ++stats.connections; }
  ~Connection() { close(fd_); }

  /// Serves what an edge announced; false when the connection is over. An end of stream that is
  /// already there raises no further edge, hence `to_the_end`.
  bool serve(bool to_the_end) {
    if (!flush()) return false;
    while (!is_sending()) {
      static std::array<char, kBlockBytes> buffer;
      const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
      if (got < 0 && errno == EAGAIN) return true;
      if (got <= 0) return lost();
      const auto size = static_cast<std::size_t>(got);
      if (!take({buffer.data(), size}) || !flush()) return false;
      if (size < buffer.size() && !to_the_end) return true;
    }
    return true;
  }

 private:
  enum class Phase { head, sized_body, chunked_body };

  bool is_sending() const { return !out_.empty() || filler_left_ > 0; }

  bool lost() {
    const bool is_between_requests =
        phase_ == Phase::head && unparsed_.empty() && !is_sending() && (!h2_ || h2_->is_idle());
    if (!is_between_requests) ++stats.aborted;
    return false;
  }

  bool take(std::string_view bytes) {
    if (unparsed_.empty()) {
      const std::size_t used = parse(bytes);
      unparsed_.assign(bytes.substr(used));
    } else {
      unparsed_.append(bytes);
      unparsed_.erase(0, parse(unparsed_));
    }
    if (unparsed_.size() > kMostHeadBytes) failed_ = true;
    if (failed_) ++stats.errors;
    return !failed_;
  }

  // Consumes whole heads and whatever there is of bodies; a long answer stops it.
  std::size_t parse(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && !failed_ && filler_left_ == 0) {
      const std::string_view rest = bytes.substr(used);
      if (h2_) {
        used += h2_->feed(rest);
        failed_ = h2_->failed();
        break;
      }
      if (phase_ == Phase::head) {
        const std::size_t end = rest.find("\r\n\r\n");
        if (end == std::string_view::npos) break;
        begin(rest.substr(0, end + 4));
        used += end + 4;
      } else {
        used += take_body(rest);
      }
    }
    return used;
  }

  void begin(std::string_view text) {
    Head head;
    if (!parse_head(text, head)) {
      failed_ = true;
      return;
    }
    if (head.method == "PRI") {
      h2_.emplace(std::string_view(block).substr(0, kPageBytes), out_, stats.requests);
      return;
    }
    ++stats.requests;
    close_after_ = head.close;
    if (head.method == "POST" || head.method == "PUT") {
      phase_ = head.chunked ? Phase::chunked_body : Phase::sized_body;
      body_left_ = body_bytes_ = head.length;
      chunks_ = {};
      if (!head.chunked && head.length == 0) answer_count(0);
    } else {
      answer(head.target);
    }
  }

  std::size_t take_body(std::string_view bytes) {
    if (phase_ == Phase::sized_body) {
      const std::size_t used = std::min<std::uint64_t>(body_left_, bytes.size());
      body_left_ -= used;
      if (body_left_ == 0) answer_count(body_bytes_);
      return used;
    }
    const std::size_t used = chunks_.feed(bytes);
    failed_ = chunks_.failed();
    if (chunks_.done()) answer_count(chunks_.total());
    return used;
  }

  void answer_count(std::uint64_t count) {
    phase_ = Phase::head;
    const std::string body = std::to_string(count);
    begin_answer("200 OK", body.size());
    out_ += body;
  }

  void answer(std::string_view target) {
    constexpr std::string_view kBytes = "/bytes/";
    constexpr std::string_view kJson = "/json/";
    std::uint64_t size = 0;
    if (target == "/" || target.rfind("/page/", 0) == 0) {
      begin_answer("200 OK", kPageBytes);
      out_.append(block, 0, kPageBytes);
    } else if (target.rfind(kBytes, 0) == 0 &&
               parse_number(target.substr(kBytes.size()), 10, filler_left_)) {
      begin_answer("200 OK", filler_left_);
    } else if (target.rfind(kJson, 0) == 0 && parse_number(target.substr(kJson.size()), 10, size) &&
               size >= kLeastJsonBytes && size <= kMostJsonBytes) {
      begin_answer("200 OK", size, "application/json");
      out_ += json_of(size);
    } else if (target == "/stats") {
      const std::string body = "{\"connections\":" + std::to_string(stats.connections) +
                               ",\"requests\":" + std::to_string(stats.requests) +
                               ",\"errors\":" + std::to_string(stats.errors) +
                               ",\"aborted\":" + std::to_string(stats.aborted) + "}";
      begin_answer("200 OK", body.size());
      out_ += body;
    } else {
      begin_answer("404 Not Found", 0);
    }
  }

  void begin_answer(std::string_view status, std::uint64_t length,
                    std::string_view type = "text/plain") {
    std::array<char, 20> digits;
    const char* const end = std::to_chars(digits.begin(), digits.end(), length).ptr;
    out_.append("HTTP/1.1 ").append(status).append("\r\nDate: ").append(http_date());
    out_.append("\r\nContent-Type: ").append(type).append("\r\nContent-Length: ");
    out_.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
    out_.append(close_after_ ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n");
  }

  // Sends all that the socket takes; false when the connection is over.
  bool flush() {
    while (is_sending()) {
      const bool is_filler = out_.empty();
      const std::string_view next =
          is_filler ? std::string_view(block).substr(
                          0, std::min<std::uint64_t>(filler_left_, block.size()))
                    : std::string_view(out_);
      const ssize_t sent = send(fd_, next.data(), next.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EAGAIN) return true;
      if (sent < 0) return lost();
      const auto size = static_cast<std::size_t>(sent);
      if (is_filler) {
        filler_left_ -= size;
      } else {
        out_.erase(0, size);
      }
      if (!is_sending() && close_after_ && phase_ == Phase::head) return false;
      if (!is_sending() && !unparsed_.empty() && !take({})) return false;
    }
    return true;
  }

  int fd_;
  Phase phase_ = Phase::head;
  bool close_after_ = false;
  bool failed_ = false;
  std::string unparsed_;
  std::string out_;
  std::uint64_t filler_left_ = 0;
  std::uint64_t body_left_ = 0;
  std::uint64_t body_bytes_ = 0;
  ChunkCounter chunks_;
  std::optional<H2Session> h2_;
};

class Origin {
 public:
  explicit Origin(int listener) : listener_(listener) { watch(listener_, EPOLLIN, nullptr); }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events;
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
    }
  }

 private:
  void handle(const epoll_event& event) {
    if (event.data.ptr == nullptr) return accept_all();
    auto* const connection = static_cast<Connection*>(event.data.ptr);
    const bool half_closed = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (!connection->serve(half_closed)) delete connection;
  }

  void accept_all() {
    for (int fd = accept_client(listener_); fd >= 0; fd = accept_client(listener_)) {
      watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, new Connection(fd));
    }
  }

  void watch(int fd, std::uint32_t events, Connection* connection) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = connection;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  }

  int listener_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
};

}  // namespace
}  // namespace gatewaykit::bench

int main(int argc, char** argv) {
  using namespace gatewaykit::bench;
  std::string listen = "127.0.0.1:0";
  parse_flags(argc, argv, "A very cheap origin", {{"--listen", &listen, "address to listen on"}});
  exit_on_signals();
  Origin(listen_on(listen)).run();
}
