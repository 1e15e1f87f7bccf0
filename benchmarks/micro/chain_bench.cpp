// SPDX-License-Identifier: Apache-2.0
//
// What layers cost: eight that are functions, eight that are coroutines, request_id, access_log,
// cors, compression and the forwarder's share of an exchange whose target answers at once. Each
// operation is a whole exchange without a connection; the bare one is the line to subtract.
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/core/random.hpp"
#include "gatewaykit/http/address.hpp"
#include "gatewaykit/middleware/access_log.hpp"
#include "gatewaykit/middleware/compression.hpp"
#include "gatewaykit/middleware/cors.hpp"
#include "gatewaykit/middleware/request_id.hpp"
#include "gatewaykit/routing/context.hpp"
#include "gatewaykit/routing/middleware.hpp"
#include "gatewaykit/routing/router.hpp"
#include "measure.hpp"
#include "middleware/access_line.hpp"
#include "observe/json_line.hpp"
#include "observe/log_time.hpp"
#include "routing/route_set.hpp"

namespace {

using namespace gatewaykit;

/// Runs what never waits, and timers when asked.
class BenchExecutor final : public Executor {
 public:
  ~BenchExecutor() override { locals().clear(*this); }
  void post(Function<void()> job) override { job(); }
  void tick() {
    set_now(std::chrono::steady_clock::now());
    timers().fire(now());
    run_ready();
  }
};

class FunctionLayer final : public Middleware {
 public:
  Task<Response> handle(Context& ctx, Next next) const override { return next(ctx); }
};

class CoroutineLayer final : public Middleware {
 public:
  Task<Response> handle(Context& ctx, Next next) const override {
    Response response = co_await next(ctx);
    bench::keep(response.status);
    co_return response;
  }
};

Task<Response> answer(Context& /*ctx*/) { co_return Response(Status::ok); }

Request typical_request() {
  Request request(Method::get, "/api/users/1234567/orders?page=2&sort=date");
  request.scheme = "https";
  request.authority = "api.example.com";
  request.headers.add("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101");
  request.headers.add("accept", "application/json");
  request.headers.add("accept-encoding", "gzip, deflate, br");
  request.headers.add("cookie", "session=0123456789abcdef0123456789abcdef");
  return request;
}

const Peer kPeer(IpAddress::v4({192, 0, 2, 1}), 49152);

/// One exchange through `router`.
class Exchange {
 public:
  explicit Exchange(Router router) : routes_(RouteSet::compile(std::move(router))) {}

  void operator()() {
    Request request;
    request.target = prototype_.target;
    request.scheme = prototype_.scheme;
    request.authority = prototype_.authority;
    request.headers = prototype_.headers.clone();
    Context ctx({&executor_, nullptr, nullptr}, std::move(request), kPeer, kPeer, false, nullptr);
    const Chain& chain = routes_->match(ctx);
    ctx.scope().spawn(ctx.env(), run(chain, ctx));
    executor_.tick();
    ctx.complete({Status::ok, nullptr, 300, 400, std::chrono::microseconds(321)});
  }

 private:
  static Task<void> run(const Chain& chain, Context& ctx) {
    const Response response = co_await Next(chain)(ctx);
    bench::keep(response.status);
  }

  BenchExecutor executor_;
  Request prototype_ = typical_request();
  std::shared_ptr<const RouteSet> routes_;
};

Router with(std::initializer_list<MiddlewarePtr> layers) {
  Router router;
  for (const MiddlewarePtr& layer : layers) router.use(layer);
  router.any("/api/users/{id}/orders", &answer);
  return router;
}

template <class Layer>
Router eight() {
  Router router = with({});
  for (int i = 0; i < 8; ++i) router.use(Layer());
  return router;
}

MiddlewarePtr log_to_nowhere() {
  return access_log({.sink = [](std::string_view lines) { bench::keep(lines.size()); }});
}

MiddlewarePtr cors_of_one() {
  CorsOptions options;
  options.origins = {"https://app.example"};
  return cors(std::move(options));
}

void measure_chains() {
  std::printf("An exchange without a connection\n");
  bench::print("no layer", bench::measure(Exchange(with({}))));
  bench::print("8 layers that are functions", bench::measure(Exchange(eight<FunctionLayer>())));
  bench::print("8 layers that are coroutines", bench::measure(Exchange(eight<CoroutineLayer>())));
  bench::print("request_id", bench::measure(Exchange(with({request_id()}))));
  bench::print("cors, no Origin", bench::measure(Exchange(with({cors_of_one()}))));
  bench::print("compression of nothing", bench::measure(Exchange(with({compression()}))));
  bench::print("access_log", bench::measure(Exchange(with({log_to_nowhere()}))));
  bench::print("request_id, access_log",
               bench::measure(Exchange(with({request_id(), log_to_nowhere()}))));
}

void measure_line() {
  std::printf("A line of the access log\n");
  BenchExecutor executor;
  Context ctx({&executor, nullptr, nullptr}, typical_request(), kPeer, kPeer, false, nullptr);
  ctx.set_route("/api/users/{id}/orders", nullptr, 0);
  ctx.set(RequestId{String("019b76da-a800-7000-8000-000000000000")});
  const AccessLine form(AccessLogOptions().redact);
  const Outcome outcome{Status::ok, nullptr, 300, 400, std::chrono::microseconds(321)};
  const auto line = std::make_unique<char[]>(AccessLine::kMaxSize);
  observe::LogTime time;
  bench::print("line, the time included", bench::measure([&] {
                 const std::string_view now = time.text(executor.wall_now());
                 bench::keep(form.write(line.get(), now, ctx, outcome));
               }));
  const std::string text(100, 'x');
  bench::print("100 plain characters as a JSON string", bench::measure([&] {
                 observe::JsonLine json(line.get());
                 json.string(text, 1000);
                 bench::keep(json.end());
               }));
}

}  // namespace

int main() {
  measure_chains();
  measure_line();
}
