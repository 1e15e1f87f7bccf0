// SPDX-License-Identifier: Apache-2.0
// Feeds a gateway with what a client of HTTP/2 sends behind its preface, over a real socket: one of
// the Unix domain, since thousands of connections a second would use up the ports of loopback.
// Whatever that is, the connection ends, what the gateway sends is a sequence of whole frames, and
// the next client is served.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/server/gateway.hpp"
#include "property.hpp"

namespace gatewaykit {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kFrameHead = 9;
constexpr int kMostTurns = 100'000;

Task<Response> echo(Context& ctx) {
  const Result<std::string> content = co_await ctx.request().body.collect(64 * 1024);
  if (!content) co_return Response::failure(content.error());
  co_return Response::text(Status::ok, *content);
}

/// A gateway on a loop that each input turns for a while.
class Served {
 public:
  Served() : gateway_(routes(), options()) {
    uv_loop_init(&loop_);
    gateway_.attach(&loop_);
    gateway_.listen("unix:" + path_);
    gateway_.start();
  }
  ~Served() { std::filesystem::remove(path_); }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  int connect() const {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    fuzz::require(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0,
                  "the gateway listens");
    return fd;
  }
  void turn() { uv_run(&loop_, UV_RUN_NOWAIT); }
  bool has_connections() const { return gateway_.stats().connections_open > 0; }

 private:
  static Router routes() {
    Router router;
    router.any("/*", &echo);
    return router;
  }
  static GatewayOptions options() {
    GatewayOptions options;
    options.log = [](LogLevel, std::string_view) {};
    return options;
  }

  const std::string path_ =
      std::filesystem::temp_directory_path() / ("gatewaykit-fuzz-" + std::to_string(getpid()));
  uv_loop_t loop_{};
  Gateway gateway_;
};

/// Sends what there is room for, and collects what comes; false once the gateway has closed.
bool exchange(int fd, std::string_view& to_send, std::string& received) {
  if (!to_send.empty()) {
    const ssize_t sent = send(fd, to_send.data(), to_send.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) to_send.remove_prefix(static_cast<std::size_t>(sent));
  }
  char buffer[16 * 1024];
  const ssize_t count = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (count > 0) received.append(buffer, static_cast<std::size_t>(count));
  return count != 0 && (count > 0 || errno == EAGAIN);
}

/// The gateway sends whole frames, each of a size that was agreed on.
void check_frames(std::string_view bytes, bool was_reset) {
  constexpr std::size_t kMostPayload = 16 * 1024;
  while (bytes.size() >= kFrameHead) {
    const auto byte = [&bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    const std::size_t size = std::size_t{byte(0)} << 16 | std::size_t{byte(1)} << 8 | byte(2);
    fuzz::require(size <= kMostPayload, "a frame is as large as the client allows");
    if (bytes.size() < kFrameHead + size) break;
    bytes.remove_prefix(kFrameHead + size);
  }
  fuzz::require(was_reset || bytes.empty(), "frames are whole");
}

void serve(Served& served, std::string_view input) {
  const int fd = served.connect();
  const std::string text = std::string(kPreface) + std::string(input);
  std::string_view to_send = text;
  std::string received;
  bool is_open = true;
  // Until nothing happens any more, then the client leaves.
  for (int quiet = 0; is_open && quiet < 8; ++quiet) {
    const std::size_t before = to_send.size() + received.size();
    is_open = exchange(fd, to_send, received);
    served.turn();
    if (to_send.size() + received.size() != before) quiet = 0;
  }
  const bool is_whole = to_send.empty();
  shutdown(fd, SHUT_WR);
  for (int turns = 0; served.has_connections(); ++turns) {
    fuzz::require(turns < kMostTurns, "the connection ends");
    served.turn();
    if (is_open) is_open = exchange(fd, to_send, received);
  }
  close(fd);
  check_frames(received, !is_whole || !is_open);
}

}  // namespace
}  // namespace gatewaykit

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static gatewaykit::Served served;
  gatewaykit::serve(served, {reinterpret_cast<const char*>(data), size});
  return 0;
}
