// SPDX-License-Identifier: Apache-2.0
// The contract of net::Stream, held against connections in memory and against sockets alike: what
// holds in a test on virtual time holds on the wire.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "gatewaykit/core/event.hpp"
#include "gatewaykit/core/task.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"
#include "net/poller.hpp"
#include "net/socket.hpp"
#include "net/stream.hpp"
#include "testing/memory_stream.hpp"

using gatewaykit::CancelScope;
using gatewaykit::Event;
using gatewaykit::Task;
using gatewaykit::Wake;
using gatewaykit::net::Fd;
using gatewaykit::net::IoResult;
using gatewaykit::net::Poller;
using gatewaykit::net::SocketStream;
using gatewaykit::net::Stream;
using gatewaykit::net::StreamObserver;
using gatewaykit::testing::VirtualExecutor;
using Kind = IoResult::Kind;

namespace {

/// A connection whose events have been handed out.
class World {
 public:
  virtual ~World() = default;
  /// Hands out what a poller would, and lets run what that makes ready.
  virtual void turn() = 0;

  VirtualExecutor executor;
  std::unique_ptr<Stream> a;
  std::unique_ptr<Stream> b;
};

class MemoryWorld final : public World {
 public:
  MemoryWorld() {
    auto pair = gatewaykit::testing::make_memory_pair(executor);
    a = std::move(pair.client);
    b = std::move(pair.server);
    turn();
  }
  void turn() override { executor.settle(); }
};

class SocketWorld final : public World {
 public:
  SocketWorld() {
    Fd listener(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listener.get(), generic, size) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    REQUIRE(::getsockname(listener.get(), generic, &size) == 0);
    Fd client(::socket(AF_INET, SOCK_STREAM, 0));
    REQUIRE(::connect(client.get(), generic, size) == 0);
    a = wrap(std::move(client));
    b = wrap(Fd(::accept(listener.get(), nullptr, nullptr)));
    turn();
  }
  ~SocketWorld() override {
    a.reset();
    b.reset();
  }
  // Over loopback the kernel has done its part when the call that caused an event returns.
  void turn() override {
    do {
      executor.settle();
    } while (poller_.dispatch() > 0);
  }

 private:
  std::unique_ptr<Stream> wrap(Fd fd) {
    REQUIRE(::fcntl(fd.get(), F_SETFL, O_NONBLOCK) == 0);
    auto stream = std::make_unique<SocketStream>(std::move(fd), poller_);
    REQUIRE(stream->ok());
    return stream;
  }

  Poller poller_;
};

/// Counts what it is told of.
class Observer final : public StreamObserver {
 public:
  void on_half_close() noexcept override { ++half_closes; }
  void on_disconnect() noexcept override { ++disconnects; }
  void on_readable() noexcept override { ++readables; }
  int half_closes = 0;
  int disconnects = 0;
  int readables = 0;
};

IoResult send(Stream& stream, std::string_view bytes) {
  const iovec vector{const_cast<char*>(bytes.data()), bytes.size()};
  return stream.send(&vector, 1);
}

/// All that can be received now, then how it ended.
struct Received {
  std::string bytes;
  Kind last = Kind::would_block;
  int error = 0;
};

Received receive_all(Stream& stream, std::size_t size = 4096) {
  Received received;
  std::string buffer(size, '\0');
  for (;;) {
    const IoResult result = stream.receive(buffer.data(), buffer.size());
    received.last = result.kind;
    received.error = result.error;
    if (result.kind != Kind::bytes) return received;
    received.bytes.append(buffer, 0, result.count);
  }
}

Task<void> wait_and_count(Event& event, int& wakes) {
  const Wake wake = co_await event.wait();
  if (wake == Wake::signalled) ++wakes;
}

/// Fills the connection until it would block; how much that took.
std::size_t fill(Stream& stream) {
  const std::string block(64 * 1024, 'x');
  std::size_t sent = 0;
  for (;;) {
    const IoResult result = send(stream, block);
    if (result.kind != Kind::bytes) {
      REQUIRE(result.kind == Kind::would_block);
      return sent;
    }
    sent += result.count;
  }
}

}  // namespace

TEMPLATE_TEST_CASE("bytes arrive in order, in either direction", "", MemoryWorld, SocketWorld) {
  TestType world;
  CHECK(receive_all(*world.b).last == Kind::would_block);
  CHECK(send(*world.a, "hello ").count == 6);
  CHECK(send(*world.a, "world").count == 5);
  CHECK(send(*world.b, "answer").count == 6);
  world.turn();
  const Received received = receive_all(*world.b);
  CHECK(received.bytes == "hello world");
  CHECK(received.last == Kind::would_block);
  CHECK(receive_all(*world.a).bytes == "answer");
}

TEMPLATE_TEST_CASE("several vectors are sent as one", "", MemoryWorld, SocketWorld) {
  TestType world;
  std::string head = "head";
  std::string empty;
  std::string body = "body";
  const iovec vectors[] = {
      {head.data(), head.size()}, {empty.data(), 0}, {body.data(), body.size()}};
  CHECK(world.a->send(vectors, 3).count == 8);
  world.turn();
  CHECK(receive_all(*world.b).bytes == "headbody");
}

TEMPLATE_TEST_CASE("nothing is received before the poller has told", "", MemoryWorld, SocketWorld) {
  TestType world;
  CHECK_FALSE(world.b->may_receive());
  CHECK(send(*world.a, "x").kind == Kind::bytes);
  CHECK_FALSE(world.b->may_receive());
  char byte = 0;
  CHECK(world.b->receive(&byte, 1).kind == Kind::would_block);
  world.turn();
  CHECK(world.b->may_receive());
}

TEMPLATE_TEST_CASE("a short receive means drained, until more comes", "", MemoryWorld,
                   SocketWorld) {
  TestType world;
  CHECK(send(*world.a, "12345").kind == Kind::bytes);
  world.turn();
  char buffer[100];
  CHECK(world.b->receive(buffer, 2).count == 2);
  CHECK(world.b->may_receive());
  CHECK(world.b->receive(buffer, sizeof(buffer)).count == 3);
  CHECK_FALSE(world.b->may_receive());
  CHECK(send(*world.a, "6").kind == Kind::bytes);
  world.turn();
  CHECK(world.b->may_receive());
}

TEMPLATE_TEST_CASE("a waiting reader is woken by bytes, and by the end", "", MemoryWorld,
                   SocketWorld) {
  TestType world;
  int wakes = 0;
  world.executor.spawn(wait_and_count(world.b->readable(), wakes));
  world.turn();
  CHECK(wakes == 0);
  CHECK(send(*world.a, "x").kind == Kind::bytes);
  CHECK(wakes == 0);
  world.turn();
  CHECK(wakes == 1);
  CHECK(receive_all(*world.b).bytes == "x");
  world.executor.spawn(wait_and_count(world.b->readable(), wakes));
  world.a->shutdown_send();
  world.turn();
  CHECK(wakes == 2);
  CHECK(receive_all(*world.b).last == Kind::end);
}

TEMPLATE_TEST_CASE("an event that nobody waits for is not remembered", "", MemoryWorld,
                   SocketWorld) {
  TestType world;
  CHECK(send(*world.a, "x").kind == Kind::bytes);
  world.turn();
  CHECK(receive_all(*world.b).bytes == "x");
  int wakes = 0;
  CancelScope scope;
  world.executor.spawn(wait_and_count(world.b->readable(), wakes), scope);
  world.turn();
  CHECK(wakes == 0);
  world.executor.finish(scope);
}

TEMPLATE_TEST_CASE("what was sent before a half-close arrives, then the end, as often as asked", "",
                   MemoryWorld, SocketWorld) {
  TestType world;
  CHECK(send(*world.a, "last words").kind == Kind::bytes);
  world.a->shutdown_send();
  world.turn();
  for (int i = 0; i < 3; ++i) {
    const Received received = receive_all(*world.b, 3);
    CHECK(received.bytes == (i == 0 ? "last words" : ""));
    CHECK(received.last == Kind::end);
  }
}

TEMPLATE_TEST_CASE("after the end is known a short receive does not hide it", "", MemoryWorld,
                   SocketWorld) {
  TestType world;
  CHECK(send(*world.a, "x").kind == Kind::bytes);
  world.a->shutdown_send();
  world.turn();
  char buffer[100];
  CHECK(world.b->receive(buffer, sizeof(buffer)).count == 1);
  CHECK(world.b->may_receive());
  CHECK(world.b->receive(buffer, sizeof(buffer)).kind == Kind::end);
}

TEMPLATE_TEST_CASE("half-closed, the other direction goes on", "", MemoryWorld, SocketWorld) {
  TestType world;
  world.a->shutdown_send();
  world.turn();
  CHECK(receive_all(*world.b).last == Kind::end);
  CHECK(send(*world.b, "answer").kind == Kind::bytes);
  world.turn();
  CHECK(receive_all(*world.a).bytes == "answer");
  const IoResult refused = send(*world.a, "too late");
  CHECK(refused.kind == Kind::failed);
  CHECK(refused.error == EPIPE);
}

TEMPLATE_TEST_CASE("a close is an end for the peer, and a reset once the peer sends again", "",
                   MemoryWorld, SocketWorld) {
  TestType world;
  CHECK(send(*world.a, "bye").kind == Kind::bytes);
  world.a.reset();
  world.turn();
  const Received received = receive_all(*world.b);
  CHECK(received.bytes == "bye");
  CHECK(received.last == Kind::end);
  CHECK(send(*world.b, "are you there?").kind == Kind::bytes);
  world.turn();
  CHECK(send(*world.b, "no").kind == Kind::failed);
}

TEMPLATE_TEST_CASE("a close that leaves bytes unread is a reset", "", MemoryWorld, SocketWorld) {
  TestType world;
  CHECK(send(*world.b, "unread").kind == Kind::bytes);
  world.turn();
  world.a.reset();
  world.turn();
  const Received received = receive_all(*world.b);
  CHECK(received.last == Kind::failed);
  CHECK(received.error == ECONNRESET);
}

TEMPLATE_TEST_CASE("a reset fails both directions", "", MemoryWorld, SocketWorld) {
  TestType world;
  world.a->reset_on_close();
  world.a.reset();
  world.turn();
  CHECK(receive_all(*world.b).last == Kind::failed);
  CHECK(send(*world.b, "x").kind == Kind::failed);
}

TEMPLATE_TEST_CASE("a sender that is faster than the receiver has to wait, and is woken for room",
                   "", MemoryWorld, SocketWorld) {
  TestType world;
  const std::size_t sent = fill(*world.a);
  CHECK(send(*world.a, "x").kind == Kind::would_block);
  int wakes = 0;
  world.executor.spawn(wait_and_count(world.a->writable(), wakes));
  world.turn();
  CHECK(wakes == 0);
  std::size_t received = 0;
  while (wakes == 0) {
    const std::size_t count = receive_all(*world.b, 64 * 1024).bytes.size();
    REQUIRE(count > 0);
    received += count;
    world.turn();
  }
  CHECK(received <= sent);
  CHECK(send(*world.a, "x").kind == Kind::bytes);
}

TEMPLATE_TEST_CASE("a sender that waits for room is woken by a reset", "", MemoryWorld,
                   SocketWorld) {
  TestType world;
  fill(*world.a);
  int wakes = 0;
  world.executor.spawn(wait_and_count(world.a->writable(), wakes));
  world.b.reset();
  world.turn();
  CHECK(wakes == 1);
  CHECK(send(*world.a, "x").kind == Kind::failed);
}

TEMPLATE_TEST_CASE("an observer learns of bytes, of the half-close and of the end of all", "",
                   MemoryWorld, SocketWorld) {
  TestType world;
  Observer observer;
  world.b->set_observer(&observer);
  CHECK(send(*world.a, "x").kind == Kind::bytes);
  CHECK(observer.readables == 0);
  world.turn();
  CHECK(observer.readables == 1);
  CHECK(observer.half_closes == 0);
  world.a->shutdown_send();
  world.turn();
  CHECK(observer.half_closes == 1);
  CHECK(observer.disconnects == 0);
  world.b->shutdown_send();
  world.turn();
  CHECK(observer.disconnects == 1);
  // What came before is there still.
  CHECK(receive_all(*world.b).bytes == "x");
}

TEMPLATE_TEST_CASE("an observer learns of a reset, also while bytes wait to be received", "",
                   MemoryWorld, SocketWorld) {
  TestType world;
  Observer observer;
  world.b->set_observer(&observer);
  CHECK(send(*world.a, "x").kind == Kind::bytes);
  world.turn();
  world.a->reset_on_close();
  world.a.reset();
  world.turn();
  CHECK(observer.disconnects == 1);
}

TEMPLATE_TEST_CASE("an observer may destroy the stream that it observes", "", MemoryWorld,
                   SocketWorld) {
  class Destroyer final : public StreamObserver {
   public:
    explicit Destroyer(std::unique_ptr<Stream>& stream) : stream_(stream) {}
    void on_half_close() noexcept override { stream_.reset(); }

   private:
    std::unique_ptr<Stream>& stream_;
  };
  TestType world;
  Destroyer destroyer(world.b);
  world.b->set_observer(&destroyer);
  world.a->shutdown_send();
  world.turn();
  CHECK(world.b == nullptr);
}
