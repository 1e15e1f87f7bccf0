// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/http/response.hpp"

#include <fmt/format.h>

#include "core/utf8.hpp"

namespace gatewaykit {

namespace {

Response with_content(Status status, std::string_view type, std::string_view content) {
  Response response(status);
  response.headers.set("content-type", type);
  response.body = Body(Chunk::copy_of(content));
  return response;
}

/// What a client may know about a failure: its kind, never the target's name or words.
std::string_view sentence_for(const Error& error) noexcept {
  const bool is_clients = error.origin == Origin::client;
  switch (error.code) {
    case Errc::connect_timeout:
    case Errc::tls_timeout:
    case Errc::first_byte_timeout:
    case Errc::idle_timeout:
    case Errc::total_timeout:
      if (is_clients) return "The request did not arrive in time.";
      return "The upstream service did not answer in time.";
    case Errc::connect_failed:
    case Errc::tls_failed:
      return "The upstream service could not be reached.";
    case Errc::reset:
    case Errc::protocol:
      if (is_clients) return "The request is malformed or incomplete.";
      return "The upstream service gave no valid answer.";
    case Errc::queue_timeout:
    case Errc::queue_full:
    case Errc::no_healthy_target:
    case Errc::breaker_open:
    case Errc::store_unavailable:
      return "The service is not available at the moment.";
    case Errc::client_header_timeout:
    case Errc::client_body_timeout:
      return "The request did not arrive in time.";
    case Errc::head_too_large:
      return "The header section is larger than what the service takes.";
    case Errc::body_too_large:
      return "The content is larger than what is allowed here.";
    case Errc::bad_message:
      return "The message is malformed.";
    case Errc::cancelled:
      return "The request was cancelled.";
    case Errc::invalid_config:
      return "The gateway failed.";
  }
  return "The gateway failed.";
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const char* const end = text.data() + text.size();
  out += '"';
  for (const char* in = text.data(); in != end; ++in) {
    const auto byte = static_cast<unsigned char>(*in);
    if (byte >= 0x80) {
      const std::size_t size = utf8_size(in, end);
      out += size == 0 ? std::string_view("\\ufffd") : std::string_view(in, size);
      if (size != 0) in += size - 1;
    } else if (byte == '"' || byte == '\\') {
      out += '\\';
      out += *in;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += *in;
    }
  }
  out += '"';
}

}  // namespace

Response Response::text(Status status, std::string_view content) {
  return with_content(status, "text/plain; charset=utf-8", content);
}

Response Response::json(Status status, std::string_view content) {
  return with_content(status, "application/json", content);
}

Response Response::problem(Status status, std::string_view detail) {
  Response response(status);
  response.rare().problem_detail = detail.empty() ? reason_phrase(status) : detail;
  return response;
}

Response Response::failure(Error error) {
  Response response(status_of(error));
  response.rare().problem_detail = sentence_for(error);
  response.rare().error = std::move(error);
  return response;
}

Response Response::switching_to(std::string_view protocol, Body body) {
  Response response(Status::switching_protocols);
  response.rare().protocol = protocol;
  response.body = std::move(body);
  return response;
}

const Error* Response::error() const noexcept {
  return rare_ != nullptr && rare_->error ? &*rare_->error : nullptr;
}

std::string_view Response::problem_detail() const noexcept {
  return rare_ == nullptr ? std::string_view() : rare_->problem_detail;
}

std::string_view Response::protocol() const noexcept {
  return rare_ == nullptr ? std::string_view() : rare_->protocol;
}

Response::Rare& Response::rare() {
  if (rare_ == nullptr) rare_ = std::make_unique<Rare>();
  return *rare_;
}

Status status_of(const Error& error) noexcept {
  const bool is_clients = error.origin == Origin::client;
  switch (error.code) {
    case Errc::connect_timeout:
    case Errc::tls_timeout:
    case Errc::first_byte_timeout:
    case Errc::idle_timeout:
    case Errc::total_timeout:
      return is_clients ? Status::request_timeout : Status::gateway_timeout;
    case Errc::no_healthy_target:
    case Errc::breaker_open:
    case Errc::queue_full:
    case Errc::queue_timeout:
    case Errc::store_unavailable:
      return Status::service_unavailable;
    case Errc::connect_failed:
    case Errc::tls_failed:
      return Status::bad_gateway;
    case Errc::reset:
      return is_clients ? Status::client_closed_request : Status::bad_gateway;
    case Errc::client_header_timeout:
    case Errc::client_body_timeout:
      return Status::request_timeout;
    case Errc::head_too_large:
      return is_clients ? Status::request_header_fields_too_large : Status::bad_gateway;
    case Errc::body_too_large:
      return error.origin == Origin::upstream ? Status::bad_gateway : Status::content_too_large;
    case Errc::protocol:
    case Errc::bad_message:
      return is_clients ? Status::bad_request : Status::bad_gateway;
    case Errc::cancelled:
      return is_clients ? Status::client_closed_request : Status::service_unavailable;
    case Errc::invalid_config:
      return Status::internal_server_error;
  }
  return Status::internal_server_error;
}

std::string render_problem(Status status, std::string_view detail, std::string_view request_id) {
  std::string json = R"({"type":"about:blank","title":)";
  append_json_string(json, reason_phrase(status));
  json += fmt::format(R"(,"status":{},"detail":)", code(status));
  append_json_string(json, detail);
  if (!request_id.empty()) {
    json += R"(,"instance":)";
    append_json_string(json, request_id);
  }
  json += "}\n";
  return json;
}

}  // namespace gatewaykit
