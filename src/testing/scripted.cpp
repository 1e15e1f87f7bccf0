// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/testing/scripted.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "gatewaykit/core/async.hpp"
#include "gatewaykit/core/event.hpp"

namespace gatewaykit::testing {

std::string pattern(std::uint64_t offset, std::size_t size) {
  // A prime number of different bytes: no piece of a usual size looks like another one.
  constexpr std::uint64_t kPeriod = 251;
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(static_cast<unsigned char>(offset++ % kPeriod));
  return bytes;
}

// --- ScriptedBody

struct ScriptedBody::State {
  enum class Kind { chunk, fill, pause, hold, fail };

  struct Step {
    explicit Step(Kind step_kind) : kind(step_kind) {}
    Kind kind;
    std::string bytes;       // chunk
    std::uint64_t size = 0;  // fill
    std::size_t piece = 0;   // fill
    Duration duration{};     // pause
    std::optional<Error> error;
  };

  std::vector<Step> steps;
  std::optional<std::uint64_t> size;
  Headers trailers;
  bool has_trailers = false;
  bool can_rewind = false;
  bool always_suspends = false;

  std::size_t permits = 0;
  Event permitted;

  std::uint64_t bytes_read = 0;
  std::size_t rewinds = 0;
  bool end_was_read = false;
  bool was_taken = false;
  bool was_dropped = false;
};

class ScriptedBody::Source final : public BodySource {
 public:
  explicit Source(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~Source() override { state_->was_dropped = true; }

  bool ready(Chunk& chunk) override {
    if (state_->always_suspends) return false;
    if (step_ == state_->steps.size()) {
      chunk = end();
      return true;
    }
    const State::Kind kind = state_->steps[step_].kind;
    if (kind != State::Kind::chunk && kind != State::Kind::fill) return false;
    chunk = next_chunk();
    return true;
  }

  Task<Result<Chunk>> read() override {
    if (state_->always_suspends) {
      Result<> turn = co_await next_turn();
      if (!turn) co_return std::move(turn.error());
    }
    for (;;) {
      if (step_ == state_->steps.size()) co_return end();
      const State::Step& step = state_->steps[step_];
      switch (step.kind) {
        case State::Kind::chunk:
        case State::Kind::fill:
          co_return next_chunk();
        case State::Kind::fail:
          co_return Error(*step.error);
        case State::Kind::pause: {
          Result<> pause = co_await sleep_for(step.duration);
          if (!pause) co_return std::move(pause.error());
          break;
        }
        case State::Kind::hold: {
          Result<> permit = co_await wait_for_permit();
          if (!permit) co_return std::move(permit.error());
          break;
        }
      }
      ++step_;
    }
  }

  std::optional<std::uint64_t> size() const override {
    if (!state_->size) return std::nullopt;
    return *state_->size - std::min(*state_->size, position_);
  }

  const Headers* trailers() const override {
    return state_->has_trailers && state_->end_was_read ? &state_->trailers : nullptr;
  }

  bool rewind() override {
    if (!state_->can_rewind) return false;
    step_ = 0;
    filled_ = 0;
    position_ = 0;
    ++state_->rewinds;
    return true;
  }

 private:
  Chunk next_chunk() {
    const State::Step& step = state_->steps[step_];
    Chunk chunk;
    if (step.kind == State::Kind::chunk) {
      chunk = Chunk::copy_of(step.bytes);
      ++step_;
    } else {
      const std::uint64_t left = step.size - filled_;
      const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(left, step.piece));
      chunk = Chunk::copy_of(pattern(filled_, piece));
      filled_ += piece;
      if (filled_ == step.size) {
        filled_ = 0;
        ++step_;
      }
    }
    position_ += chunk.size();
    state_->bytes_read += chunk.size();
    return chunk;
  }

  Chunk end() {
    state_->end_was_read = true;
    return Chunk();
  }

  Task<Result<>> wait_for_permit() {
    while (state_->permits == 0) {
      const Wake wake = co_await state_->permitted.wait();
      if (wake == Wake::cancelled) co_return Error(Errc::cancelled, Origin::client);
    }
    --state_->permits;
    co_return Result<>();
  }

  std::shared_ptr<State> state_;
  std::size_t step_ = 0;
  std::uint64_t filled_ = 0;  // Of the current fill.
  std::uint64_t position_ = 0;
};

ScriptedBody::ScriptedBody() : state_(std::make_shared<State>()) {}

ScriptedBody& ScriptedBody::chunk(std::string_view bytes) {
  if (bytes.empty()) return *this;
  state_->steps.emplace_back(State::Kind::chunk).bytes = bytes;
  return *this;
}

ScriptedBody& ScriptedBody::fill(std::uint64_t size, std::size_t piece) {
  if (size == 0) return *this;
  State::Step& step = state_->steps.emplace_back(State::Kind::fill);
  step.size = size;
  step.piece = std::max<std::size_t>(1, piece);
  return *this;
}

ScriptedBody& ScriptedBody::pause(Duration duration) {
  state_->steps.emplace_back(State::Kind::pause).duration = duration;
  return *this;
}

ScriptedBody& ScriptedBody::hold() {
  state_->steps.emplace_back(State::Kind::hold);
  return *this;
}

ScriptedBody& ScriptedBody::fail(Error error) {
  state_->steps.emplace_back(State::Kind::fail).error = std::move(error);
  return *this;
}

ScriptedBody& ScriptedBody::trailer(std::string_view name, std::string_view value) {
  state_->trailers.add(name, value);
  state_->has_trailers = true;
  return *this;
}

ScriptedBody& ScriptedBody::with_size() {
  std::uint64_t size = 0;
  for (const State::Step& step : state_->steps) size += step.bytes.size() + step.size;
  return with_size(size);
}

ScriptedBody& ScriptedBody::with_size(std::uint64_t size) {
  state_->size = size;
  return *this;
}

ScriptedBody& ScriptedBody::with_rewind() {
  state_->can_rewind = true;
  return *this;
}

ScriptedBody& ScriptedBody::always_suspending() {
  state_->always_suspends = true;
  return *this;
}

Body ScriptedBody::body() {
  if (std::exchange(state_->was_taken, true)) throw std::logic_error("ScriptedBody: one body each");
  return Body(*new Source(state_));
}

void ScriptedBody::go_on() {
  ++state_->permits;
  state_->permitted.set();
}

std::uint64_t ScriptedBody::bytes_read() const noexcept { return state_->bytes_read; }
std::size_t ScriptedBody::rewinds() const noexcept { return state_->rewinds; }
bool ScriptedBody::end_was_read() const noexcept { return state_->end_was_read; }
bool ScriptedBody::was_dropped() const noexcept { return state_->was_dropped; }

// --- ScriptedNext

struct ScriptedNext::State {
  struct Outcome {
    explicit Outcome(Response outcome_response) : response(std::move(outcome_response)) {}
    explicit Outcome(std::exception_ptr outcome_exception)
        : exception(std::move(outcome_exception)) {}
    Response response;
    std::exception_ptr exception;
  };

  Handler handler;
  std::deque<Outcome> outcomes;
  std::size_t calls = 0;
  Event called;
  Event answered;
};

ScriptedNext::ScriptedNext() : ScriptedNext(Handler()) {}

ScriptedNext::ScriptedNext(Handler handler) : state_(std::make_shared<State>()) {
  state_->handler = std::move(handler);
  chain_.handler = std::make_shared<const Handler>(
      [state = state_](Context& ctx) { return answer(state, ctx); });
}

Task<Response> ScriptedNext::answer(std::shared_ptr<State> state, Context& ctx) {
  ++state->calls;
  state->called.set();
  if (state->handler) co_return co_await state->handler(ctx);
  while (state->outcomes.empty()) {
    const Wake wake = co_await state->answered.wait();
    if (wake == Wake::cancelled) {
      co_return Response::failure(Error(Errc::cancelled, Origin::client));
    }
  }
  State::Outcome outcome = std::move(state->outcomes.front());
  state->outcomes.pop_front();
  if (outcome.exception != nullptr) std::rethrow_exception(outcome.exception);
  co_return std::move(outcome.response);
}

Next ScriptedNext::next() const noexcept { return Next(chain_); }

void ScriptedNext::respond(Response response) {
  state_->outcomes.emplace_back(std::move(response));
  state_->answered.set();
}

void ScriptedNext::throw_exception(std::exception_ptr exception) {
  state_->outcomes.emplace_back(std::move(exception));
  state_->answered.set();
}

std::size_t ScriptedNext::calls() const noexcept { return state_->calls; }

Task<void> ScriptedNext::wait_for_call(std::size_t number) {
  const std::shared_ptr<State> state = state_;
  while (state->calls < number) {
    const Wake wake = co_await state->called.wait();
    if (wake == Wake::cancelled) throw ScriptCancelled();
  }
}

// --- TestExchange

TestExchange::TestExchange(VirtualExecutor& executor, Request request)
    : TestExchange(executor, std::move(request), Client()) {}

TestExchange::TestExchange(VirtualExecutor& executor, Request request, Client client)
    : executor_(executor),
      begin_(executor.now()),
      client_(std::move(client)),
      context_(executor.env(), std::move(request), client_.peer, client_.client, client_.is_trusted,
               this) {}

TestExchange::~TestExchange() { executor_.finish(context_.scope()); }

void TestExchange::complete(Status status, const Error* error) {
  executor_.run(context_.scope().join());
  Outcome outcome{};
  outcome.status = status;
  outcome.error = error;
  outcome.duration = executor_.now() - begin_;
  context_.complete(outcome);
}

Task<Result<>> TestExchange::send_interim(Status status, Headers headers) {
  if (context_.cancelled()) co_return Error(Errc::reset, Origin::client);
  interims_.push_back(Interim{status, std::move(headers)});
  co_return Result<>();
}

}  // namespace gatewaykit::testing
