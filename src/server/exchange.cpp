// SPDX-License-Identifier: Apache-2.0
#include "server/exchange.hpp"

#include <utility>

#include "http/grpc.hpp"
#include "server/client_fields.hpp"
#include "server/worker.hpp"

namespace gatewaykit::server {

Exchange::Exchange(ClientConnection& connection, HttpVersion version)
    : version_(version), connection_(connection), started_(connection.worker().loop().now()) {}

bool Exchange::is_stopping() const noexcept { return connection_.worker().is_stopping(); }

void Exchange::begin() {
  connection_.worker().count_request();
  routes_ = connection_.worker().routes();
}

std::optional<Response> Exchange::refusal_of(const Method& method, std::string_view raw_target,
                                             std::string_view authority,
                                             NormalisedTarget& target) const {
  if (method == Method::connect || method == Method::trace) {
    Response refusal =
        Response::problem(Status::method_not_allowed, "This method is not served here.");
    refusal.headers.set("allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    return refusal;
  }
  Result<NormalisedTarget> normalised =
      normalise_target(raw_target, connection_.config().encoded_slash);
  if (!normalised) return Response::problem(Status::bad_request, normalised.error().detail);
  if (connection_.tls() != nullptr && !connection_.tls()->serves(authority)) {
    return Response::problem(Status::misdirected_request,
                             "This host has a certificate of its own: connect for it.");
  }
  target = std::move(*normalised);
  return std::nullopt;
}

const Chain& Exchange::open(Request&& request, const std::optional<Error>& failure) {
  request.scheme = scheme();
  const Peer& client = client_of(request.headers);
  const std::optional<Duration> timeout = grpc_timeout_of(request);
  begin_context(std::move(request), client);
  if (timeout) {
    call_deadline_ = deadline_after(connection_.worker().loop().now(), *timeout);
    context_->set_deadline(call_deadline_);
  }
  if (failure) return refuse(Response::failure(*failure));
  return routes_->match(*context_);
}

/// Removes what is not to be believed of what the request says about its client.
const Peer& Exchange::client_of(Headers& fields) {
  if (!connection_.is_trusted()) {
    remove_untrusted_fields(fields);
    return connection_.peer();
  }
  remove_disbelieved_field(fields, connection_.config());
  const std::optional<IpAddress> address = resolve_client(fields, connection_.config());
  return address ? client_.emplace(*address, std::uint16_t{0}) : connection_.peer();
}

void Exchange::begin_context(Request&& request, const Peer& client) {
  context_.emplace(connection_.worker().env(), std::move(request), connection_.peer(), client,
                   connection_.is_trusted(), this);
  context_->set_version(version_);
  const TlsSession* const tls = connection_.tls();
  if (tls != nullptr && tls->client_certificate()) context_->set(*tls->client_certificate());
}

const Chain& Exchange::refuse(const Method& method, std::string_view target, Response refusal,
                              std::string_view content_type) {
  Request request(method, target);
  request.scheme = scheme();
  if (!content_type.empty()) request.headers.set("content-type", content_type);
  begin_context(std::move(request), connection_.peer());
  return refuse(std::move(refusal));
}

const Chain& Exchange::refuse(Response refusal) {
  context_->refuse(std::move(refusal));
  return routes_->refusal_chain();
}

std::string_view Exchange::scheme() const noexcept {
  return connection_.tls() == nullptr ? "http" : "https";
}

bool Exchange::allows_content(const Response& response) const noexcept {
  return context_->request().method != Method::head && response.status != Status::no_content &&
         response.status != Status::not_modified && !is_interim(response.status);
}

std::optional<std::uint64_t> Exchange::described_length(const Response& response) const {
  const std::optional<std::uint64_t> size = response.body.size();
  const bool is_described = response.headers.contains(Field::content_length);
  const bool has_length = size && *size > 0 && !is_described;
  return has_length && context_->request().method == Method::head ? size : std::nullopt;
}

/// A tunnel has no other end than that somebody leaves it.
void Exchange::complete(std::uint64_t bytes_in, std::uint64_t bytes_out, bool is_gone) {
  if (is_gone) {
    status_ = Status::client_closed_request;
    if (!failure_) failure_ = Error(Errc::cancelled, Origin::client, "the client went away");
  }
  context_->complete({status_, failure_ ? &*failure_ : nullptr, bytes_in, bytes_out,
                      connection_.worker().loop().now() - started_});
}

}  // namespace gatewaykit::server
