// SPDX-License-Identifier: Apache-2.0
#include "observe/log_time.hpp"

#include <algorithm>

namespace gatewaykit::observe {

namespace {

void put_digits(char* to, int digits, std::int64_t value) noexcept {
  for (; digits > 0; --digits, value /= 10) to[digits - 1] = static_cast<char>('0' + value % 10);
}

}  // namespace

std::string_view LogTime::text(std::chrono::system_clock::time_point time) noexcept {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  if (second != second_) {
    second_ = second;
    const auto day = std::chrono::floor<std::chrono::days>(second);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(second - day);
    constexpr std::string_view kShape = "0000-00-00T00:00:00.000Z";
    std::copy(kShape.begin(), kShape.end(), text_.begin());
    put_digits(text_.data(), 4, static_cast<int>(date.year()));
    put_digits(text_.data() + 5, 2, static_cast<unsigned>(date.month()));
    put_digits(text_.data() + 8, 2, static_cast<unsigned>(date.day()));
    put_digits(text_.data() + 11, 2, clock.hours().count());
    put_digits(text_.data() + 14, 2, clock.minutes().count());
    put_digits(text_.data() + 17, 2, clock.seconds().count());
  }
  const auto fraction = std::chrono::floor<std::chrono::milliseconds>(time - second);
  put_digits(text_.data() + 20, 3, fraction.count());
  return {text_.data(), text_.size()};
}

}  // namespace gatewaykit::observe
