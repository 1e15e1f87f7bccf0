// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/grpc_web.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "gatewaykit/core/executor.hpp"
#include "gatewaykit/routing/context.hpp"
#include "http/grpc.hpp"
#include "http/scan.hpp"
#include "transform/grpc_web_body.hpp"

namespace gatewaykit {

namespace {

constexpr std::string_view kGrpc = "application/grpc";
constexpr std::string_view kWeb = "application/grpc-web";
constexpr std::string_view kText = "application/grpc-web-text";

/// A type of gRPC-Web: with "+proto" or the like behind it, or nothing.
struct WebType {
  bool is_text;
  std::string_view suffix;
};

std::optional<WebType> web_type_of(std::string_view type) noexcept {
  type = trim_ows(type.substr(0, type.find(';')));
  for (const std::string_view name : {kText, kWeb}) {
    if (!equals_lower(type.substr(0, name.size()), name)) continue;
    const std::string_view suffix = type.substr(name.size());
    if (suffix.empty() || suffix.front() == '+') return WebType{name == kText, suffix};
  }
  return std::nullopt;
}

class GrpcWebLayer final : public Middleware {
 public:
  Task<Response> handle(Context& ctx, Next next) const override {
    Request& request = ctx.request();
    const std::string type(request.headers.get(Field::content_type).value_or(""));
    const std::optional<WebType> web = web_type_of(type);
    if (!web || request.method != Method::post) co_return co_await next(ctx);
    const TimePoint deadline = deadline_of(request, ctx.env().executor->now());
    const bool is_text = web->is_text;
    request.headers.set("content-type", std::string(kGrpc).append(web->suffix));
    if (is_text) request.body = Body(*new transform::GrpcWebRequestBody(std::move(request.body)));
    Response response = co_await next(ctx);
    // A refusal of the gateway's own is told in the client's terms.
    request.headers.set("content-type", type);
    if (!response.wants_rendering()) translate(response, is_text, deadline);
    co_return response;
  }
  void describe(Wiring& wiring) const override { wiring.name("grpc_web"); }

 private:
  /// Of the whole call: that of a route's timeout is for the head alone.
  static TimePoint deadline_of(const Request& request, TimePoint now) {
    const std::optional<Duration> timeout = grpc_timeout_of(request);
    return timeout ? deadline_after(now, *timeout) : kNever;
  }
  static void translate(Response& response, bool is_text, TimePoint deadline) {
    const std::string type(response.headers.get(Field::content_type).value_or(""));
    if (!equals_lower(std::string_view(type).substr(0, kGrpc.size()), kGrpc)) return;
    const std::string_view suffix = std::string_view(type).substr(kGrpc.size());
    response.headers.set("content-type", std::string(is_text ? kText : kWeb).append(suffix));
    // An answer of trailers alone has them among its fields.
    if (response.headers.contains("grpc-status")) return;
    response.body =
        Body(*new transform::GrpcWebResponseBody(std::move(response.body), is_text, deadline));
  }
};

}  // namespace

MiddlewarePtr grpc_web() { return std::make_shared<const GrpcWebLayer>(); }

}  // namespace gatewaykit
