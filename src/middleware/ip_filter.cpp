// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/ip_filter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "gatewaykit/core/error.hpp"
#include "gatewaykit/routing/context.hpp"
#include "routing/answer.hpp"

namespace gatewaykit {

namespace {

/// An address as a number: of 32 bits in `low`, or of 128.
struct Number {
  explicit Number(const IpAddress& address) noexcept {
    for (const char byte : address.bytes()) {
      high = high << 8 | low >> 56;
      low = low << 8 | static_cast<unsigned char>(byte);
    }
  }

  friend auto operator<=>(const Number&, const Number&) noexcept = default;

  std::uint64_t high = 0;
  std::uint64_t low = 0;
};

/// The lowest `count` of 64 bits.
constexpr std::uint64_t low_bits(unsigned count) noexcept {
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

/// Addresses of one family, as ranges in order that do not overlap.
class Ranges {
 public:
  void add(const Cidr& block) {
    const unsigned width = block.network().is_v6() ? 128 : 32;
    const unsigned free = width - block.bits();
    const std::uint64_t high = low_bits(free > 64 ? free - 64 : 0);
    const std::uint64_t low = low_bits(free);
    Range range{Number(block.network()), Number(block.network())};
    range.first.high &= ~high;
    range.first.low &= ~low;
    range.last.high |= high;
    range.last.low |= low;
    ranges_.push_back(range);
  }

  /// After the last `add`: sorts, and merges what overlaps.
  void close() {
    std::sort(ranges_.begin(), ranges_.end(),
              [](const Range& a, const Range& b) { return a.first < b.first; });
    std::size_t kept = 0;
    for (const Range& range : ranges_) {
      if (kept > 0 && range.first <= ranges_[kept - 1].last) {
        ranges_[kept - 1].last = std::max(ranges_[kept - 1].last, range.last);
      } else {
        ranges_[kept++] = range;
      }
    }
    ranges_.erase(ranges_.begin() + static_cast<std::ptrdiff_t>(kept), ranges_.end());
  }

  bool contains(const Number& number) const noexcept {
    const auto behind = std::upper_bound(
        ranges_.begin(), ranges_.end(), number,
        [](const Number& sought, const Range& range) { return sought < range.first; });
    return behind != ranges_.begin() && number <= std::prev(behind)->last;
  }

  bool empty() const noexcept { return ranges_.empty(); }

 private:
  struct Range {
    Number first;
    Number last;
  };
  std::vector<Range> ranges_;
};

class AddressSet {
 public:
  AddressSet(const std::vector<std::string>& entries, std::string_view list,
             std::vector<std::string>& problems) {
    for (const std::string& entry : entries) {
      if (const std::optional<Cidr> block = Cidr::parse(entry)) {
        (block->network().is_v6() ? v6_ : v4_).add(*block);
      } else {
        problems.push_back(
            fmt::format("ip_filter: {}: '{}' is no address and no CIDR block", list, entry));
      }
    }
    v4_.close();
    v6_.close();
  }

  bool contains(const IpAddress& address) const noexcept {
    return (address.is_v6() ? v6_ : v4_).contains(Number(address));
  }
  bool empty() const noexcept { return v4_.empty() && v6_.empty(); }

 private:
  Ranges v4_;
  Ranges v6_;
};

class IpFilterLayer final : public Middleware {
 public:
  IpFilterLayer(AddressSet allow, AddressSet deny, const IpFilterOptions& options)
      : allow_(std::move(allow)),
        deny_(std::move(deny)),
        looks_at_peer_(options.of == IpFilterOptions::Of::peer),
        allows_unix_(options.allow_unix || allow_.empty()) {}

  Task<Response> handle(Context& ctx, Next next) const override {
    if (may_pass(looks_at_peer_ ? ctx.peer() : ctx.client())) return next(ctx);
    return answer(
        Response::problem(Status::forbidden, "Requests from this address are not served here."));
  }
  void describe(Wiring& wiring) const override { wiring.name("ip_filter"); }

 private:
  bool may_pass(const Peer& peer) const noexcept {
    if (!peer.has_address()) return allows_unix_;
    if (deny_.contains(peer.ip())) return false;
    return allow_.empty() || allow_.contains(peer.ip());
  }

  AddressSet allow_;
  AddressSet deny_;
  bool looks_at_peer_;
  bool allows_unix_;
};

}  // namespace

MiddlewarePtr ip_filter(IpFilterOptions options) {
  std::vector<std::string> problems;
  AddressSet allow(options.allow, "allow", problems);
  AddressSet deny(options.deny, "deny", problems);
  if (options.allow.empty() && options.deny.empty()) {
    problems.emplace_back("ip_filter: neither allow nor deny has an entry");
  }
  if (!problems.empty()) throw ConfigError(std::move(problems));
  return std::make_shared<const IpFilterLayer>(std::move(allow), std::move(deny), options);
}

}  // namespace gatewaykit
