// SPDX-License-Identifier: Apache-2.0
// Exchange: what a request and its response have in common in every version of HTTP: how the
// request is checked and matched, whose it is, and what becomes of it in the end.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "gatewaykit/http/target.hpp"
#include "gatewaykit/routing/context.hpp"
#include "server/client_connection.hpp"
#include "server/served_routes.hpp"

namespace gatewaykit {
struct Chain;
}

namespace gatewaykit::server {

class Exchange : public ExchangeHost {
 public:
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  bool is_stopping() const noexcept override;

 protected:
  Exchange(ClientConnection& connection, HttpVersion version);
  ~Exchange() = default;
  /// For destructors: what the context holds refers to members of the exchange's own kind.
  void end_context() noexcept { context_.reset(); }

  /// From here on there are routes: those of now.
  void begin();
  /// Why a request is refused whatever the routes are. `target` is set where it is not.
  std::optional<Response> refusal_of(const Method& method, std::string_view raw_target,
                                     std::string_view authority, NormalisedTarget& target) const;
  /// The route of a request that was not refused; the answer to `failure` where there is one.
  const Chain& open(Request&& request, const std::optional<Error>& failure);
  /// The chain that answers with `refusal`, for a request that was not opened. Of its fields only
  /// the type of its content is kept, by which the answer is written.
  const Chain& refuse(const Method& method, std::string_view target, Response refusal,
                      std::string_view content_type = {});

  /// The response may have content, by its status and the method of the request.
  bool allows_content(const Response& response) const noexcept;
  /// The length to announce for content that does not follow: of an answer to HEAD.
  std::optional<std::uint64_t> described_length(const Response& response) const;
  void complete(std::uint64_t bytes_in, std::uint64_t bytes_out, bool is_gone);

  ServedRoutes::Use routes_;  // What the context refers to.
  std::optional<Context> context_;
  std::optional<Error> failure_;
  Status status_ = Status::ok;
  HttpVersion version_;               // Of the request.
  TimePoint call_deadline_ = kNever;  // Of a call of gRPC, for all of it.

 private:
  const Peer& client_of(Headers& fields);
  const Chain& refuse(Response refusal);
  void begin_context(Request&& request, const Peer& client);
  std::string_view scheme() const noexcept;

  ClientConnection& connection_;
  std::optional<Peer> client_;  // Where trusted proxies name another than the peer.
  TimePoint started_;
};

}  // namespace gatewaykit::server
