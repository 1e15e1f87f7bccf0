// SPDX-License-Identifier: Apache-2.0
// What the tests of upstream pools share: virtual time, a network in memory, and exchanges that
// are told in one line. On the test's own thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gatewaykit/testing/fake_upstream.hpp"
#include "gatewaykit/testing/memory_network.hpp"
#include "gatewaykit/testing/scripted.hpp"
#include "gatewaykit/testing/virtual_executor.hpp"
#include "gatewaykit/upstream/upstream_pool.hpp"

namespace gatewaykit::testing {

/// What an exchange came to, its content read to the end.
struct Answer {
  int status = 0;       ///< 0: no response.
  std::string content;  ///< As far as it came.
  std::optional<Error> error;
  bool failed_in_body = false;
  Headers headers;
  std::string trailers;
};

inline Task<Answer> read_answer(Result<Response> result) {
  Answer answer;
  if (!result) {
    answer.error = std::move(result.error());
    co_return answer;
  }
  answer.status = code(result->status);
  answer.headers = std::move(result->headers);
  Body body = std::move(result->body);
  for (;;) {
    Result<Chunk> chunk = co_await body.read();
    if (!chunk) {
      answer.error = std::move(chunk.error());
      answer.failed_in_body = true;
      co_return answer;
    }
    if (chunk->empty()) break;
    answer.content += chunk->view();
  }
  if (const Headers* const trailers = body.trailers()) {
    for (const FieldLine line : *trailers) {
      answer.trailers += std::string(line.name) + ": " + std::string(line.value) + "\n";
    }
  }
  co_return answer;
}

inline Task<Answer> exchange(const UpstreamPool& pool, Context& ctx, Request request) {
  Result<Response> result = co_await pool.send(ctx, std::move(request));
  co_return co_await read_answer(std::move(result));
}

/// Virtual time and the network; pools and targets are declared after it.
struct World {
  VirtualExecutor executor;
  MemoryNetwork network{executor};

  Answer send(const UpstreamPool& pool, Request request) {
    TestExchange ex(executor);
    return send(pool, ex, std::move(request));
  }
  Answer send(const UpstreamPool& pool, TestExchange& ex, Request request) {
    return ex.run(exchange(pool, ex.context(), std::move(request)));
  }
  Answer get(const UpstreamPool& pool, std::string_view target = "/") {
    return send(pool, Request(Method::get, target));
  }
  Answer post(const UpstreamPool& pool, std::string_view content = "content") {
    return send(pool, request_with(Method::post, Body(Chunk::copy_of(content))));
  }

  static Request request_with(Method method, Body body) {
    Request request(method, "/");
    request.body = std::move(body);
    return request;
  }
  /// How much virtual time passes in `act`.
  template <class Act>
  Duration time(Act act) {
    const TimePoint begin = executor.now();
    act();
    return executor.now() - begin;
  }
};

/// A response with content of a known length.
inline std::string ok(std::string_view content, std::string_view fields = "") {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(content.size()) + "\r\n" +
         std::string(fields) + "\r\n" + std::string(content);
}

/// An exchange that a test starts and looks at while it goes on.
class Pending {
 public:
  Pending(World& world, const UpstreamPool& pool, Request request)
      : executor_(world.executor), ex_(world.executor) {
    executor_.spawn(keep(exchange(pool, ex_.context(), std::move(request)), answer_), scope());
  }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  CancelScope& scope() { return ex_.context().scope(); }
  TestExchange& ex() noexcept { return ex_; }
  bool is_over() const noexcept { return answer_.has_value(); }
  const Answer& answer() const { return answer_.value(); }
  void disconnect() {
    ex_.disconnect();
    executor_.settle();
  }

 private:
  static Task<void> keep(Task<Answer> task, std::optional<Answer>& slot) {
    Answer answer = co_await std::move(task);
    slot.emplace(std::move(answer));
  }

  VirtualExecutor& executor_;
  std::optional<Answer> answer_;
  TestExchange ex_;
};

}  // namespace gatewaykit::testing
