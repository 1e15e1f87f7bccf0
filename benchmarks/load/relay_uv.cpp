// SPDX-License-Identifier: Apache-2.0
//
// The floor of libuv: the same relay as relay_epoll.cpp on uv_tcp, to tell what the loop library
// alone costs. One thread. Sends at once and stops reading only when a send came out short.
#include <uv.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "support.hpp"

namespace gatewaykit::bench {
namespace {

struct Pair;

struct Side {
  uv_tcp_t tcp;
  uv_write_t write;
  uv_shutdown_t shutdown;
  Pair* pair = nullptr;
  std::string unsent;  // held by `write` until libuv has sent it
  bool finished = false;
};

struct Pair {
  Side client;
  Side target;
  uv_connect_t connect;
  int open_handles = 2;
  bool closing = false;

  Side& peer_of(const Side& side) { return &side == &client ? target : client; }
};

sockaddr_in target_address;
std::array<char, 64 * 1024> receive_buffer;

void require(int result, const char* what) {
  if (result >= 0) return;
  errno = -result;
  die(what);
}

Side& side_of(void* handle) { return *static_cast<Side*>(static_cast<uv_handle_t*>(handle)->data); }

uv_stream_t* stream_of(Side& side) { return reinterpret_cast<uv_stream_t*>(&side.tcp); }

void end(Pair& pair) {
  if (pair.closing) return;
  pair.closing = true;
  for (Side* side : {&pair.client, &pair.target}) {
    uv_close(reinterpret_cast<uv_handle_t*>(&side->tcp), [](uv_handle_t* handle) {
      Pair* const owner = side_of(handle).pair;
      if (--owner->open_handles == 0) delete owner;
    });
  }
}

void start_reading(Side& side);

void write_rest(Side& from, Side& to, const char* bytes, std::size_t size) {
  uv_read_stop(stream_of(from));
  to.unsent.assign(bytes, size);
  uv_buf_t buffer = uv_buf_init(to.unsent.data(), static_cast<unsigned>(size));
  require(uv_write(&to.write, stream_of(to), &buffer, 1,
                   [](uv_write_t* write, int status) {
                     Side& written = side_of(write->handle);
                     if (status < 0) return end(*written.pair);
                     start_reading(written.pair->peer_of(written));
                   }),
          "uv_write");
}

void relay_end(Side& from, Side& to) {
  from.finished = true;
  uv_read_stop(stream_of(from));
  if (to.finished) return end(*from.pair);
  if (uv_shutdown(&to.shutdown, stream_of(to), nullptr) < 0) end(*from.pair);
}

void on_read(uv_stream_t* stream, ssize_t got, const uv_buf_t* buffer) {
  Side& from = side_of(stream);
  Side& to = from.pair->peer_of(from);
  if (got == 0) return;
  if (got == UV_EOF) return relay_end(from, to);
  if (got < 0) return end(*from.pair);
  uv_buf_t bytes = uv_buf_init(buffer->base, static_cast<unsigned>(got));
  const int sent = uv_try_write(stream_of(to), &bytes, 1);
  if (sent == got) return;
  if (sent < 0 && sent != UV_EAGAIN) return end(*from.pair);
  const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
  write_rest(from, to, buffer->base + done, static_cast<std::size_t>(got) - done);
}

void start_reading(Side& side) {
  if (side.pair->closing || side.finished) return;
  const auto lend_buffer = [](uv_handle_t*, std::size_t, uv_buf_t* buffer) {
    *buffer = uv_buf_init(receive_buffer.data(), static_cast<unsigned>(receive_buffer.size()));
  };
  require(uv_read_start(stream_of(side), lend_buffer, on_read), "uv_read_start");
}

void on_connected(uv_connect_t* connect, int status) {
  Pair& pair = *side_of(connect->handle).pair;
  if (status < 0) return end(pair);
  start_reading(pair.client);
  start_reading(pair.target);
}

void on_client(uv_stream_t* listener, int status) {
  require(status, "accept");
  auto* const pair = new Pair;
  for (Side* side : {&pair->client, &pair->target}) {
    uv_tcp_init(listener->loop, &side->tcp);
    side->tcp.data = side;
    side->pair = pair;
  }
  require(uv_accept(listener, stream_of(pair->client)), "uv_accept");
  uv_tcp_nodelay(&pair->client.tcp, 1);
  require(uv_tcp_connect(&pair->connect, &pair->target.tcp,
                         reinterpret_cast<const sockaddr*>(&target_address), on_connected),
          "uv_tcp_connect");
  uv_tcp_nodelay(&pair->target.tcp, 1);
}

}  // namespace
}  // namespace gatewaykit::bench

int main(int argc, char** argv) {
  using namespace gatewaykit::bench;
  std::string listen = "127.0.0.1:0";
  std::string to;
  parse_flags(
      argc, argv, "A bare libuv TCP relay: what the loop library costs",
      {{"--listen", &listen, "address to listen on"}, {"--to", &to, "address of the target"}});
  exit_on_signals();
  target_address = parse_address(to);
  uv_loop_t* const loop = uv_default_loop();
  uv_tcp_t listener;
  uv_tcp_init(loop, &listener);
  require(uv_tcp_open(&listener, listen_on(listen)), "uv_tcp_open");
  require(uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 4096, on_client), "uv_listen");
  return uv_run(loop, UV_RUN_DEFAULT);
}
