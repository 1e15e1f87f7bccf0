// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/request_id.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
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

/// The eight hexadecimal digits of `value`, the first one in the lowest byte.
constexpr std::uint64_t hex_digits(std::uint32_t value) noexcept {
  // One digit per byte, the last one lowest.
  std::uint64_t digits = value;
  digits = (digits | digits << 16) & 0x0000ffff0000ffff;
  digits = (digits | digits << 8) & 0x00ff00ff00ff00ff;
  digits = (digits | digits << 4) & 0x0f0f0f0f0f0f0f0f;
  // 1 in each byte whose digit is a letter.
  const std::uint64_t letters = (digits + 0x0606060606060606) >> 4 & 0x0101010101010101;
  digits += 0x3030303030303030 + letters * ('a' - '0' - 10);
  return __builtin_bswap64(digits);
}
static_assert(hex_digits(0x0189abcf) == 0x6663626139383130);  // "0189abcf", on its head.

void put_hex(char* to, std::uint32_t value) noexcept {
  std::uint64_t digits = hex_digits(value);
  if constexpr (std::endian::native == std::endian::big) digits = __builtin_bswap64(digits);
  std::memcpy(to, &digits, sizeof digits);
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

  // Each word holds the digits of two groups: the second one is written again, behind its hyphen.
  std::array<char, kUuidSize> id;
  put_hex(&id[0], static_cast<std::uint32_t>(milliseconds >> 16));
  put_hex(&id[10], static_cast<std::uint32_t>(milliseconds << 16 | kVersion << 12 | fraction));
  put_hex(&id[20], static_cast<std::uint32_t>(tail >> 32));
  put_hex(&id[28], static_cast<std::uint32_t>(tail));
  std::memmove(&id[9], &id[10], 4);
  std::memmove(&id[19], &id[20], 4);
  id[8] = id[13] = id[18] = id[23] = '-';
  return id;
}

class RequestIdLayer final : public Middleware {
 public:
  explicit RequestIdLayer(RequestIdOptions options)
      : field_(std::move(options.field)), known_field_(field_of(field_)) {
    if (!is_token(field_)) {
      throw ConfigError({fmt::format("request_id: '{}' is no field name", field_)});
    }
  }

  Task<Response> handle(Context& ctx, Next next) const override {
    const RequestId& id = give_id(ctx);
    Response response = co_await next(ctx);
    response.headers.set_checked(known_field_, field_, id.value);
    co_return response;
  }
  void describe(Wiring& wiring) const override { wiring.name("request_id").provides<RequestId>(); }

 private:
  const RequestId& give_id(Context& ctx) const {
    Headers& fields = ctx.request().headers;
    if (const auto inbound = inbound_id(ctx, fields)) {
      ctx.set(RequestId{String(*inbound)});
    } else {
      Executor& executor = *ctx.env().executor;
      const auto made = make_uuid(executor.wall_now(), executor.random().next());
      const std::string_view text(made.data(), made.size());
      fields.set_checked(known_field_, field_, text);
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
  Field known_field_;
};

}  // namespace

MiddlewarePtr request_id(RequestIdOptions options) {
  return std::make_shared<const RequestIdLayer>(std::move(options));
}

}  // namespace gatewaykit
