// SPDX-License-Identifier: Apache-2.0
// What a lookup in the route table costs, for several shapes and sizes of route sets, in three
// states of the caches. Checks every answer, and exits with 1 where one is wrong or a figure misses
// what the project promises: 1 us over uniformly random routes, 1.5 times the cost of 10 routes on
// a hot set, 512 bytes per route.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "gatewaykit/http/headers.hpp"
#include "gatewaykit/routing/match.hpp"
#include "routing/route_table.hpp"

namespace {

using namespace gatewaykit;
using namespace gatewaykit::routing;
using Clock = std::chrono::steady_clock;

constexpr double kMaxUniformNs = 1000;
constexpr double kMaxHotRatio = 1.5;
constexpr double kMaxBytesPerRoute = 512;

double nanoseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

struct Subject {
  Match match;
  std::string path;
  std::string authority;
};

/// Numbers have one width, so that the texts are equally long in every size.
struct Shape {
  std::string_view name;
  std::function<Subject(std::size_t)> make;
};

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = {
      {"flat /item-N",
       [](std::size_t i) {
         const std::string path = fmt::format("/item-{:06}", i);
         return Subject{{.pattern = path}, path, "shop.example"};
       }},
      {"tree /api/v1/service-S/resource-N/{id}",
       [](std::size_t i) {
         const std::string path = fmt::format("/api/v1/service-{:04}/resource-{:06}/", i / 50, i);
         return Subject{
             {.pattern = path + "{id}", .methods = {Method::get}}, path + "4711", "shop.example"};
       }},
      {"deep /tenants/N/v1/orders/{order}/lines/{line}",
       [](std::size_t i) {
         const std::string path = fmt::format("/tenants/{:06}/v1/orders/", i);
         return Subject{
             {.pattern = path + "{order}/lines/{line}"}, path + "77123/lines/3", "shop.example"};
       }},
      {"hosts N.example.com/api/*",
       [](std::size_t i) {
         const std::string host = fmt::format("tenant-{:06}.example.com", i);
         return Subject{{.pattern = "/api/*", .host = host}, "/api/users/12", host};
       }},
  };
  return all;
}

/// Requests as a server has them: in memory that was just written.
class Requests {
 public:
  Requests() = default;
  Requests(const std::vector<Subject>& subjects, const std::vector<std::uint32_t>& order) {
    for (const std::uint32_t i : order) {
      const Subject& subject = subjects[i];
      items_.push_back({text_.size(), subject.path.size(), subject.authority.size(), i});
      text_ += subject.path + subject.authority;
    }
  }

  /// Looks all of them up; the number of wrong answers.
  std::size_t run(const RouteTable& table) const {
    const Headers headers;
    const Method method = Method::get;
    std::size_t wrong = 0;
    for (const Item& item : items_) {
      const std::string_view path(&text_[item.offset], item.path_size);
      const std::string_view authority(&text_[item.offset + item.path_size], item.authority_size);
      const RouteMatch match = table.match({method, path, authority, headers});
      const bool right = match.outcome == RouteMatch::Outcome::found && match.route == item.route;
      wrong += right ? 0 : 1;
    }
    return wrong;
  }
  std::size_t size() const { return items_.size(); }

 private:
  struct Item {
    std::size_t offset;
    std::size_t path_size;
    std::size_t authority_size;
    std::uint32_t route;
  };

  std::string text_;
  std::vector<Item> items_;
};

/// One size of one shape. Each member function but cold() takes one round and keeps the best, so
/// that the rounds of several sizes can be interleaved: the machine's mood then changes for all of
/// them.
class Bench {
 public:
  Bench(const Shape& shape, std::size_t routes) {
    std::vector<Match> matches;
    for (std::size_t i = 0; i < routes; ++i) {
      subjects_.push_back(shape.make(i));
      matches.push_back(subjects_.back().match);
    }
    const auto start = Clock::now();
    RouteTable::Built built = RouteTable::build(matches);
    build_ms_ = nanoseconds_since(start) / 1e6;
    table_ = std::move(built.table.value());
    hot_requests_ = Requests(subjects_, draw(kRound, 10));
    uniform_requests_ = Requests(subjects_, draw(kRound, routes));
  }

  /// Ten routes, spread over the table, again and again.
  void hot() { hot_ns_ = std::min(hot_ns_, look_up(hot_requests_)); }
  /// All routes, uniformly at random.
  void uniform() { uniform_ns_ = std::min(uniform_ns_, look_up(uniform_requests_)); }
  /// The same in batches, the caches swept before each; the median.
  double cold() {
    constexpr std::size_t kBatches = 40;
    constexpr std::size_t kBatch = 64;
    std::vector<double> costs;
    for (std::size_t i = 0; i < kBatches; ++i) {
      sweep();
      costs.push_back(look_up(Requests(subjects_, draw(kBatch, subjects_.size()))));
    }
    std::nth_element(costs.begin(), costs.begin() + kBatches / 2, costs.end());
    return costs[kBatches / 2];
  }

  std::size_t routes() const { return table_.size(); }
  double hot_ns() const { return hot_ns_; }
  double uniform_ns() const { return uniform_ns_; }
  double build_ms() const { return build_ms_; }
  double bytes_per_route() const {
    return static_cast<double>(table_.bytes()) / static_cast<double>(table_.size());
  }
  std::size_t wrong() const { return wrong_; }

 private:
  static constexpr std::size_t kRound = 50000;

  /// `count` indices, drawn from `choices` routes that lie evenly in the table.
  std::vector<std::uint32_t> draw(std::size_t count, std::size_t choices) {
    std::vector<std::uint32_t> order(count);
    const std::size_t step = subjects_.size() / choices;
    for (auto& i : order) i = static_cast<std::uint32_t>(random_() % choices * step);
    return order;
  }

  double look_up(const Requests& requests) {
    const auto start = Clock::now();
    wrong_ += requests.run(table_);
    return nanoseconds_since(start) / static_cast<double>(requests.size());
  }

  static void sweep() {
    static std::vector<std::uint64_t> memory(std::size_t{128} << 17);  // 128 MiB
    for (std::size_t i = 0; i < memory.size(); i += 8) ++memory[i];
  }

  std::vector<Subject> subjects_;
  RouteTable table_;
  std::mt19937 random_{1};
  Requests hot_requests_;
  Requests uniform_requests_;
  double hot_ns_ = std::numeric_limits<double>::infinity();
  double uniform_ns_ = std::numeric_limits<double>::infinity();
  double build_ms_ = 0;
  std::size_t wrong_ = 0;
};

/// Prints one shape in all sizes; the number of promises that it misses.
int measure(const Shape& shape) {
  std::vector<Bench> sizes;
  for (const std::size_t routes : {std::size_t{10}, std::size_t{1000}, std::size_t{100000}}) {
    sizes.emplace_back(shape, routes);
  }
  for (int round = 0; round < 20; ++round) {
    for (Bench& bench : sizes) bench.hot();
    for (Bench& bench : sizes) bench.uniform();
  }
  int missed = 0;
  fmt::print("{}\n", shape.name);
  for (Bench& bench : sizes) {
    const double hot_ratio = bench.hot_ns() / sizes.front().hot_ns();
    fmt::print(
        "  {:>7} routes  hot {:5.0f} ns ({:4.2f} x)  uniform {:5.0f} ns  cold {:5.0f} ns"
        "  {:4.0f} bytes/route  built in {:6.1f} ms\n",
        bench.routes(), bench.hot_ns(), hot_ratio, bench.uniform_ns(), bench.cold(),
        bench.bytes_per_route(), bench.build_ms());
    missed += bench.wrong() > 0 ? 1 : 0;
    missed += bench.uniform_ns() > kMaxUniformNs ? 1 : 0;
    missed += hot_ratio > kMaxHotRatio ? 1 : 0;
    missed += bench.bytes_per_route() > kMaxBytesPerRoute ? 1 : 0;
  }
  return missed;
}

}  // namespace

int main() {
  int missed = 0;
  for (const Shape& shape : shapes()) missed += measure(shape);
  if (missed > 0) fmt::print("{} figures or answers miss what is promised\n", missed);
  return missed > 0 ? 1 : 0;
}
