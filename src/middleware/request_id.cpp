// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/request_id.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/routing/context.hpp"
#include "http/scan.hpp"

namespace gatewaykit {

namespace {

constexpr std::size_t kMaxInboundSize = 128;
constexpr std::size_t kUuidSize = 36;

bool is_well_formed(std::string_view id) noexcept {
  constexpr std::string_view kMarks = "._~:/+=@-";
  return !id.empty() && id.size() <= kMaxInboundSize &&
         std::all_of(id.begin(), id.end(), [kMarks](char c) {
           return is_alpha(c) || is_digit(c) || kMarks.find(c) != std::string_view::npos;
         });
}

void put_hex(char* to, int digits, std::uint64_t value) noexcept {
  for (; digits > 0; --digits, value >>= 4) to[digits - 1] = "0123456789abcdef"[value & 15];
}

/// A UUIDv7 (RFC 9562 section 5.7). The 12 bits behind the milliseconds are their fraction (section
/// 6.2, method 3), so that ids made one after the other sort that way without a shared counter.
std::array<char, kUuidSize> make_uuid(std::chrono::system_clock::time_point now,
                                      std::uint64_t random) noexcept {
  constexpr std::int64_t kMilli = 1'000'000;
  const std::int64_t nanos =
      std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  const auto milliseconds = static_cast<std::uint64_t>(nanos / kMilli);
  const auto fraction = static_cast<std::uint64_t>(nanos % kMilli * 4096 / kMilli);
  constexpr std::uint64_t kVersion = 7;
  constexpr std::uint64_t kVariant = 2;  // In the two highest of 64 bits.
  const std::uint64_t tail = random >> 2 | kVariant << 62;

  std::array<char, kUuidSize> id;
  put_hex(&id[0], 8, milliseconds >> 16);
  id[8] = '-';
  put_hex(&id[9], 4, milliseconds);
  id[13] = '-';
  put_hex(&id[14], 4, kVersion << 12 | fraction);
  id[18] = '-';
  put_hex(&id[19], 4, tail >> 48);
  id[23] = '-';
  put_hex(&id[24], 12, tail);
  return id;
}

class RequestIdLayer final : public Middleware {
 public:
  explicit RequestIdLayer(RequestIdOptions options) : field_(std::move(options.field)) {
    if (!is_token(field_)) {
      throw ConfigError({fmt::format("request_id: '{}' is no field name", field_)});
    }
  }

  Task<Response> handle(Context& ctx, Next next) const override {
    const RequestId& id = give_id(ctx);
    Response response = co_await next(ctx);
    response.headers.set(field_, id.value);
    co_return response;
  }

 private:
  const RequestId& give_id(Context& ctx) const {
    Headers& fields = ctx.request().headers;
    if (const auto inbound = inbound_id(ctx, fields)) {
      ctx.set(RequestId{String(*inbound)});
    } else {
      Executor& executor = *ctx.env().executor;
      const auto made = make_uuid(executor.wall_now(), executor.random().next());
      const std::string_view text(made.data(), made.size());
      fields.set(field_, text);
      ctx.set(RequestId{String(text)});
    }
    return *ctx.get<RequestId>();
  }

  std::optional<std::string_view> inbound_id(const Context& ctx, const Headers& fields) const {
    if (!ctx.trusted() || fields.count(field_) != 1) return std::nullopt;
    const auto id = fields.get(field_);
    return is_well_formed(*id) ? id : std::nullopt;
  }

  std::string field_;
};

}  // namespace

MiddlewarePtr request_id(RequestIdOptions options) {
  return std::make_shared<const RequestIdLayer>(std::move(options));
}

}  // namespace gatewaykit
