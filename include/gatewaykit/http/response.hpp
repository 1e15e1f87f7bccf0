// SPDX-License-Identifier: Apache-2.0
// Response: an HTTP response message, the same for every version of the protocol; may carry the
// Error that it stands for, on which outer middlewares decide.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gatewaykit/core/error.hpp"
#include "gatewaykit/export.hpp"
#include "gatewaykit/http/body.hpp"
#include "gatewaykit/http/headers.hpp"
#include "gatewaykit/http/status.hpp"

namespace gatewaykit {

struct GATEWAYKIT_EXPORT Response {
  explicit Response(Status response_status = Status::ok) noexcept : status(response_status) {}

  /// Content of type text/plain; charset=utf-8.
  static Response text(Status status, std::string_view content);
  /// Content of type application/json; `content` is sent as it is.
  static Response json(Status status, std::string_view content);
  /// A refusal by the gateway or the host. Unless a body is set later, the server renders it as
  /// problem JSON (RFC 9457); `detail` is one sentence that the client may read.
  static Response problem(Status status, std::string_view detail);
  /// A failure: the status that stands for `error` (see status_of). Its detail stays in the log.
  static Response failure(Error error);
  /// 101: the connection becomes a tunnel of `protocol`, whose bytes from the target are `body`.
  static Response switching_to(std::string_view protocol, Body body);

  /// The failure that this response stands for, if it is one.
  const Error* error() const noexcept;
  /// The sentence of problem(), or of failure()'s kind; empty for any other response.
  std::string_view problem_detail() const noexcept;
  /// A body of its own has not been set on a problem or failure: the server renders one.
  bool wants_rendering() const noexcept { return !problem_detail().empty() && body.empty(); }
  /// The connection becomes a byte tunnel: both bodies are raw, stay open, and transforms must
  /// leave them alone.
  bool is_tunnel() const noexcept { return status == Status::switching_protocols; }
  /// The protocol switched to; empty where this is no tunnel.
  std::string_view protocol() const noexcept;

  Status status;
  Headers headers;
  Body body;

 private:
  /// What few responses have, apart so that moving one through the middlewares stays cheap.
  struct Rare {
    std::optional<Error> error;
    std::string problem_detail;
    std::string protocol;
  };
  Rare& rare();

  std::unique_ptr<Rare> rare_;
};

/// The status that the gateway answers for a failure of its own or of the target's making:
/// timeouts 504, no target or no room 503, broken answers 502, client faults 4xx.
GATEWAYKIT_EXPORT Status status_of(const Error& error) noexcept;

/// The problem JSON (RFC 9457) for a refusal: type, title, status, detail, and instance where
/// `request_id` is not empty.
GATEWAYKIT_EXPORT std::string render_problem(Status status, std::string_view detail,
                                             std::string_view request_id);

}  // namespace gatewaykit
