// SPDX-License-Identifier: Apache-2.0
// Explanation: what the routes make of a request, told without running it. A plain value, for the
// people who wire a gateway: Router::explain, Gateway::explain and `gateway explain` make it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "gatewaykit/export.hpp"
#include "gatewaykit/http/status.hpp"

namespace gatewaykit {

struct Explanation {
  struct Parameter {
    std::string name;
    std::string value;  ///< As it stands in the target, percent-encoded.
  };
  struct Candidate {
    std::string route;
    std::string reason;  ///< Why it does not take the request.
  };
  /// The most candidates that are listed.
  static constexpr std::size_t kMaxCandidates = 20;

  /// Method, host and normalised target: `GET shop.example/users/7?x=1`.
  std::string request;
  /// The route that takes it, as wiring errors name routes; none where `refusal` answers.
  std::optional<std::string> route = std::nullopt;
  std::vector<Parameter> parameters = {};
  /// 400, 404 or 405, or 204 for `OPTIONS *`: what the gateway answers by itself, and why.
  std::optional<Status> refusal = std::nullopt;
  std::string reason = {};
  std::string allow = {};  ///< The field Allow of a 405.
  /// The names of what runs, outermost first, for refusals as well.
  std::vector<std::string> middlewares = {};
  /// What answers inside of them.
  std::string handler = {};
  /// Routes whose path matches as well, and why they do not take it. Where no path matches, the one
  /// that agrees with the request for the most segments.
  std::vector<Candidate> others = {};
  std::size_t others_left_out = 0;  ///< Beyond kMaxCandidates.
};

/// Some lines for people, each with a line feed. Not a format for programs.
GATEWAYKIT_EXPORT std::string to_string(const Explanation& explanation);

}  // namespace gatewaykit
