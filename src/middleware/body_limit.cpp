// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/body_limit.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "gatewaykit/core/pool.hpp"
#include "gatewaykit/routing/context.hpp"
#include "routing/answer.hpp"

namespace gatewaykit {

namespace {

Error too_large(std::uint64_t limit) {
  return Error(Errc::body_too_large, Origin::client,
               fmt::format("the content is above the limit of {} bytes", limit));
}

/// Content of unknown length, which only a source can have.
class LimitedBody final : public BodyFilter {
 public:
  LimitedBody(Body inner, std::uint64_t limit) noexcept
      : BodyFilter(std::move(inner)), limit_(limit), left_(limit) {}

  static void* operator new(std::size_t size) { return pool_allocate(size); }
  static void operator delete(void* block, std::size_t size) noexcept {
    pool_deallocate(block, size);
  }

  bool ready(Chunk& chunk) override {
    Chunk next;
    if (is_exceeded_ || !inner().ready(next) || !admit(next)) return false;
    chunk = std::move(next);
    return true;
  }

  Task<Result<Chunk>> read() override {
    if (is_exceeded_) co_return too_large(limit_);
    Result<Chunk> next = co_await inner().read();
    if (next && !admit(*next)) co_return too_large(limit_);
    co_return next;
  }

  bool rewind() override {
    if (!inner().rewind()) return false;
    left_ = limit_;
    is_exceeded_ = false;
    return true;
  }

  bool forward_expectation() override { return inner().source()->forward_expectation(); }

 private:
  bool admit(const Chunk& chunk) noexcept {
    is_exceeded_ = chunk.size() > left_;
    if (!is_exceeded_) left_ -= chunk.size();
    return !is_exceeded_;
  }

  const std::uint64_t limit_;
  std::uint64_t left_;
  bool is_exceeded_ = false;
};

class BodyLimitLayer final : public Middleware {
 public:
  explicit BodyLimitLayer(std::uint64_t limit) noexcept : limit_(limit) {}

  Task<Response> handle(Context& ctx, Next next) const override {
    Request& request = ctx.request();
    if (!request.protocol.empty()) return next(ctx);
    const std::optional<std::uint64_t> size = request.body.size();
    if (size > limit_) return answer(Response::failure(too_large(limit_)));
    if (!size) request.body = Body(*new LimitedBody(std::move(request.body), limit_));
    return next(ctx);
  }
  void describe(Wiring& wiring) const override { wiring.name("body_limit"); }

 private:
  std::uint64_t limit_;
};

}  // namespace

MiddlewarePtr body_limit(BodyLimitOptions options) {
  return std::make_shared<const BodyLimitLayer>(options.bytes);
}

MiddlewarePtr body_limit(std::uint64_t bytes) {
  return body_limit(BodyLimitOptions{.bytes = bytes});
}

}  // namespace gatewaykit
