// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/access_log.hpp"

#include <chrono>
#include <utility>

#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/core/worker_local.hpp"
#include "gatewaykit/routing/context.hpp"
#include "middleware/access_line.hpp"
#include "observe/log_time.hpp"
#include "observe/log_writer.hpp"

namespace gatewaykit {

namespace {

/// What of the log belongs to one worker: lines that the writer has not been given yet. They are
/// handed over when there are many, after a while, and when the worker ends; no lock before.
class WorkerLines final : private Timer {
 public:
  WorkerLines(std::shared_ptr<observe::LogWriter> writer, Executor& executor)
      : Timer(&WorkerLines::on_deadline),
        writer_(std::move(writer)),
        executor_(executor),
        text_(new char[kCapacity]) {}

  ~WorkerLines() {
    if (!hand_over()) writer_->count_dropped(lines_);
    writer_->hurry();
  }

  void add(const AccessLine& form, const Context& ctx, const Outcome& outcome) {
    const std::string_view time = time_.text(executor_.wall_now());
    if (size_ > kFull && !hand_over()) {
      ++dropped_;
      writer_->count_dropped(1);
      return;
    }
    if (deadline() == kNever) set(executor_.timers(), executor_.now() + kPatience);
    if (dropped_ > 0) push(AccessLine::write_dropped(end(), time, std::exchange(dropped_, 0)));
    push(form.write(end(), time, ctx, outcome));
    if (size_ > kFull) static_cast<void>(hand_over());
  }

 private:
  // Small, so that it stays in the nearest cache beside what requests need.
  static constexpr std::size_t kFull = std::size_t{16} * 1024;
  static constexpr std::size_t kCapacity = kFull + 2 * AccessLine::kMaxSize;
  static constexpr std::chrono::milliseconds kPatience{100};

  static void on_deadline(Timer& timer) noexcept {
    auto& self = static_cast<WorkerLines&>(timer);
    if (!self.hand_over()) self.set(self.executor_.timers(), self.executor_.now() + kPatience);
    self.writer_->hurry();
  }

  char* end() const noexcept { return text_.get() + size_; }
  void push(const char* line_end) noexcept {
    size_ = static_cast<std::size_t>(line_end - text_.get());
    ++lines_;
  }

  /// False where the writer takes nothing: what there is stays.
  bool hand_over() noexcept {
    if (size_ == 0) return true;
    if (!writer_->take({text_.get(), size_}, lines_)) return false;
    size_ = lines_ = 0;
    return true;
  }

  std::shared_ptr<observe::LogWriter> writer_;
  Executor& executor_;
  observe::LogTime time_;
  std::unique_ptr<char[]> text_;
  std::size_t size_ = 0;
  std::size_t lines_ = 0;
  std::uint64_t dropped_ = 0;  // Since the last line.
};

}  // namespace

class AccessLog::State {
 public:
  explicit State(AccessLogOptions options)
      : writer_(std::make_shared<observe::LogWriter>(std::move(options.file),
                                                     std::move(options.sink), options.buffer)),
        form_(std::move(options.redact)) {}

  void add(const Context& ctx, const Outcome& outcome) {
    Executor& executor = *ctx.env().executor;
    WorkerLines& lines =
        workers_.get(executor, [&] { return std::make_unique<WorkerLines>(writer_, executor); });
    lines.add(form_, ctx, outcome);
  }

  observe::LogWriter& writer() noexcept { return *writer_; }

 private:
  std::shared_ptr<observe::LogWriter> writer_;
  AccessLine form_;
  WorkerLocal<WorkerLines> workers_;
};

namespace {

class AccessLogLayer final : public Middleware {
 public:
  explicit AccessLogLayer(std::shared_ptr<AccessLog::State> state) : state_(std::move(state)) {}

  Task<Response> handle(Context& ctx, Next next) const override {
    // The routes, hence this layer, outlive every context of theirs.
    ctx.on_complete([state = state_.get()](const Context& over, const Outcome& outcome) {
      state->add(over, outcome);
    });
    return next(ctx);
  }
  void describe(Wiring& wiring) const override { wiring.name("access_log"); }

 private:
  std::shared_ptr<AccessLog::State> state_;
};

}  // namespace

AccessLog::AccessLog(AccessLogOptions options)
    : state_(std::make_shared<State>(std::move(options))) {}

Result<> AccessLog::reopen() { return state_->writer().reopen(); }

AccessLogStats AccessLog::stats() const noexcept {
  return {state_->writer().written(), state_->writer().dropped()};
}

MiddlewarePtr access_log(AccessLog log) {
  return std::make_shared<const AccessLogLayer>(std::move(log.state_));
}

MiddlewarePtr access_log(AccessLogOptions options) {
  return access_log(AccessLog(std::move(options)));
}

}  // namespace gatewaykit
