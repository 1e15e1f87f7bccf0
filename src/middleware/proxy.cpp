// SPDX-License-Identifier: Apache-2.0
// The forwarder. What happens to an exchange, in the order of the numbers in the code:
//
//      client                        gateway                           upstream target
//        |   request   +---------------------------------------+   request    |
//        |------------>| 1 target: stripped or rewritten       |              |
//        |             | 2 fields: Via, X-Forwarded-*, Host    |------------->|
//        |             | 3 send: target chosen, body streamed  |              |
//        |  failure()  |                                       |              |
//        |<------------| 4 no answer: the status that fits     |              |
//        |   response  |                                       |   response   |
//        |<------------| 5 fields: Via                         |<-------------|
//        |             +---------------------------------------+              |
//
// The request of the context is left as it was but for its body, so that the layers around may
// still read it. Framing and hop-by-hop fields are the codecs' business on both sides, and fields
// that an untrusted client may not send were dropped by the server.
#include "gatewaykit/middleware/proxy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "core/base64.hpp"
#include "gatewaykit/core/string.hpp"
#include "gatewaykit/core/tls.hpp"
#include "gatewaykit/routing/context.hpp"
#include "http/scan.hpp"
#include "middleware/target_rewrite.hpp"

namespace gatewaykit {

namespace {

constexpr std::string_view kMaxForwards = "max-forwards";

/// The digits of Max-Forwards, where the method makes it count (RFC 9110 section 7.6.2).
std::optional<std::uint32_t> max_forwards_of(const Request& request) noexcept {
  if (request.method != Method::options && request.method != Method::trace) return std::nullopt;
  const auto value = request.headers.get(kMaxForwards);
  if (!value) return std::nullopt;
  std::uint32_t hops = 0;
  const char* const end = value->data() + value->size();
  const auto [stop, failure] = std::from_chars(value->data(), end, hops);
  if (failure != std::errc() || stop != end) return std::nullopt;
  return hops;
}

/// What the last hop answers in place of the target. The server lets no TRACE pass; a gateway
/// called in-process may.
Response answer_as_last_hop(const Request& request) {
  if (request.method == Method::options) return Response(Status::no_content);
  return Response::problem(Status::method_not_allowed, "TRACE is not answered here.");
}

/// The part of `target` that `prefix` ends in front of; nothing where it is no prefix on a segment
/// boundary.
std::optional<std::string_view> behind_prefix(std::string_view target, std::string_view prefix) {
  if (prefix.empty() || !target.starts_with(prefix)) return std::nullopt;
  const std::string_view rest = target.substr(prefix.size());
  if (!rest.empty() && rest.front() != '/' && rest.front() != '?') return std::nullopt;
  return rest;
}

/// A value for X-Forwarded-For: what trusted proxies have said, in that field or in another, then
/// the peer.
String forwarded_for(const Context& ctx) {
  String value;
  const auto append = [&value](std::string_view member) {
    if (!value.empty()) value += ", ";
    value += member;
  };
  if (ctx.trusted()) {
    for (const FieldLine line : ctx.request().headers) {
      if (line.field == Field::x_forwarded_for && !line.value.empty()) append(line.value);
    }
    if (value.empty() && ctx.client().text() != ctx.peer().text()) append(ctx.client().text());
  }
  if (ctx.peer().has_address()) append(ctx.peer().text());
  return value;
}

/// An element of Forwarded (RFC 7239 section 4) for the peer.
String forwarded_element(const Peer& peer) {
  String element = "for=";
  if (!peer.has_address()) return element += "unknown";
  if (!peer.ip().is_v6()) return element += peer.text();
  element += "\"[";
  element += peer.text();
  return element += "]\"";
}

/// Good enough to be sent: what it names is the target's to judge.
bool is_host(std::string_view text) noexcept {
  const char* const end = text.data() + text.size();
  return !text.empty() && find_visible_end(text.data(), end) == end;
}

/// A trusted proxy's word about a certificate is not ours: whoever reads the field asks one of us.
void tell_certificate(const Context& ctx, Headers& fields) {
  fields.remove("client-cert");
  fields.remove("client-cert-chain");
  const ClientCertificate* const certificate = ctx.get<ClientCertificate>();
  if (certificate == nullptr) return;
  fields.set("client-cert", ":" + encode_base64(certificate->der) + ":");
}

class Forwarder {
 public:
  Forwarder(UpstreamPool pool, ProxyOptions options, std::vector<std::string>& problems);

  Task<Response> operator()(Context& ctx) const {
    const auto max_forwards = max_forwards_of(ctx.request());
    if (max_forwards == 0u) co_return answer_as_last_hop(ctx.request());

    Request outgoing;
    if (!make_request(ctx, outgoing)) {
      co_return Response::problem(Status::bad_request, "The path cannot be rewritten.");
    }
    if (max_forwards) set_max_forwards(outgoing.headers, *max_forwards - 1);

    // 3. The pool chooses a target, streams the body, tries again where that is sound.
    Result<Response> result = co_await pool_.send(ctx, std::move(outgoing));

    // 4. No answer, or none that could be passed on.
    if (!result) co_return Response::failure(std::move(result.error()));

    // 5. The response's body streams on after this returns.
    const UpstreamReport* const report = ctx.get<UpstreamReport>();
    result->headers.add_checked(Field::via, "via", via(report->version));
    co_return std::move(*result);
  }

  void describe(Wiring& wiring) const {
    wiring.name("proxy to " + pool_.name());
    rewrite_.describe(wiring);
  }

 private:
  /// What Via says of a message that was received in `version` (RFC 9110 section 7.6.3).
  const std::string& via(HttpVersion version) const noexcept {
    return vias_[static_cast<std::size_t>(version)];
  }
  bool make_request(Context& ctx, Request& outgoing) const;
  Headers fields_for(const Context& ctx, bool prefix_stripped) const;
  void add_forwarding_fields(const Context& ctx, bool prefix_stripped, Headers& fields) const;
  static void set_max_forwards(Headers& fields, std::uint32_t hops) {
    fields.set(kMaxForwards, fmt::format_int(hops).c_str());
  }

  UpstreamPool pool_;
  ProxyOptions options_;
  std::array<std::string, 3> vias_;  // By HttpVersion.
  TargetRewrite rewrite_;
};

Forwarder::Forwarder(UpstreamPool pool, ProxyOptions options, std::vector<std::string>& problems)
    : pool_(std::move(pool)),
      options_(std::move(options)),
      vias_{"1.0 " + options_.via, "1.1 " + options_.via, "2.0 " + options_.via},
      rewrite_(options_.rewrite, problems) {
  std::string& prefix = options_.strip_prefix;
  if (prefix.ends_with('/')) prefix.pop_back();
  if (!prefix.empty() && (prefix.front() != '/' || !is_field_value(prefix))) {
    problems.push_back(fmt::format("proxy: the prefix to strip, {}, must begin with '/'", prefix));
  }
  if (rewrite_ && !prefix.empty()) {
    problems.emplace_back("proxy: a path is stripped or rewritten, not both");
  }
  if (!is_token(options_.via)) {
    problems.push_back(fmt::format("proxy: the pseudonym '{}' for Via is no token", options_.via));
  }
  if (options_.host_name && !is_host(*options_.host_name)) {
    problems.push_back(fmt::format("proxy: '{}' is no host", *options_.host_name));
  }
}

/// False where the target cannot be made; then the request is as it was.
bool Forwarder::make_request(Context& ctx, Request& outgoing) const {
  Request& incoming = ctx.request();
  outgoing.method = incoming.method;
  outgoing.scheme = incoming.scheme;
  outgoing.protocol = incoming.protocol;

  // 1. Target: "/api/users?x" becomes "/users?x", "/api" becomes "/".
  const auto rest = behind_prefix(incoming.target, options_.strip_prefix);
  if (rewrite_) {
    if (!rewrite_.write(ctx, outgoing.target)) return false;
  } else {
    if (rest && !rest->starts_with('/')) outgoing.target = '/';
    outgoing.target += rest.value_or(incoming.target);
  }

  // 2. Fields, and Host, which is no field here.
  if (options_.host_name) {
    outgoing.authority = *options_.host_name;
  } else if (options_.host == ProxyOptions::Host::keep) {
    outgoing.authority = incoming.authority;
  }
  outgoing.headers = fields_for(ctx, rest.has_value());
  outgoing.body = std::move(incoming.body);
  return true;
}

/// Copies the fields that pass and adds ours, in one block.
Headers Forwarder::fields_for(const Context& ctx, bool prefix_stripped) const {
  constexpr std::size_t kAddedLines = 5;
  constexpr std::size_t kAddedNames = 80;
  const Request& incoming = ctx.request();
  const std::size_t added_bytes = kAddedNames + via(ctx.version()).size() +
                                  ctx.peer().text().size() + incoming.scheme.size() +
                                  incoming.authority.size();
  Headers fields = incoming.headers.clone(kAddedLines, added_bytes);
  const bool trusted = ctx.trusted();
  fields.remove_if([trusted, prefix_stripped](const FieldLine& line) {
    switch (line.field) {
      case Field::x_forwarded_for:
        return true;
      case Field::x_forwarded_proto:
      case Field::x_forwarded_host:
        return !trusted;
      case Field::x_forwarded_prefix:
        return prefix_stripped;
      default:
        return false;
    }
  });
  add_forwarding_fields(ctx, prefix_stripped, fields);
  return fields;
}

void Forwarder::add_forwarding_fields(const Context& ctx, bool prefix_stripped,
                                      Headers& fields) const {
  const Request& incoming = ctx.request();
  const bool trusted = ctx.trusted();
  const auto add = [&fields](Field field, std::string_view value) {
    if (!value.empty()) fields.add_checked(field, name_of(field), value);
  };

  add(Field::via, via(ctx.version()));
  add(Field::x_forwarded_for, forwarded_for(ctx));
  if (!fields.contains(Field::x_forwarded_proto)) add(Field::x_forwarded_proto, incoming.scheme);
  if (!fields.contains(Field::x_forwarded_host)) add(Field::x_forwarded_host, incoming.authority);
  if (prefix_stripped) {
    // What the client wrote in front of our target: the part that an outer proxy took off first.
    String prefix(trusted ? incoming.headers.get(Field::x_forwarded_prefix).value_or("") : "");
    if (prefix.ends_with('/')) prefix.pop_back();
    add(Field::x_forwarded_prefix, prefix += options_.strip_prefix);
  }
  if (trusted && fields.contains(Field::forwarded)) {
    add(Field::forwarded, forwarded_element(ctx.peer()));
  }
  if (options_.client_certificate) tell_certificate(ctx, fields);
}

}  // namespace

Handler proxy(UpstreamPool pool, ProxyOptions options) {
  std::vector<std::string> problems;
  Forwarder forwarder(std::move(pool), std::move(options), problems);
  if (!problems.empty()) throw ConfigError(std::move(problems));
  return forwarder;
}

}  // namespace gatewaykit
