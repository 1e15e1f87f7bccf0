// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/respond.hpp"

#include <fmt/format.h>

#include <string_view>

#include "gatewaykit/core/error.hpp"
#include "gatewaykit/routing/context.hpp"
#include "http/scan.hpp"
#include "middleware/field_name.hpp"

namespace gatewaykit {

namespace {

bool forbids_content(Status status) noexcept {
  constexpr Status kResetContent{205};
  return status == Status::no_content || status == kResetContent || status == Status::not_modified;
}

class Responder {
 public:
  explicit Responder(const RespondOptions& options)
      : status_(options.status), content_(Chunk::copy_of(options.content)) {
    std::vector<std::string> problems;
    check_status(problems);
    if (!content_.empty()) add_field("content-type", options.content_type, problems);
    for (const auto& [name, value] : options.headers) {
      if (field_of(name) == Field::content_type) {
        problems.emplace_back("respond: Content-Type is what content_type says");
      } else {
        add_field(name, value, problems);
      }
    }
    if (!problems.empty()) throw ConfigError(std::move(problems));
  }

  Task<Response> operator()(Context& /*ctx*/) const {
    Response response(status_);
    response.headers = headers_.clone();
    response.body = Body(content_);
    co_return response;
  }
  void describe(Wiring& wiring) const { wiring.name(fmt::format("respond {}", code(status_))); }

 private:
  void check_status(std::vector<std::string>& problems) const {
    if (is_interim(status_) || code(status_) > 599) {
      problems.push_back(
          fmt::format("respond: {} is not the status of a final response", code(status_)));
    }
    if (forbids_content(status_) && !content_.empty()) {
      problems.push_back(fmt::format("respond: a {} has no content", code(status_)));
    }
  }

  void add_field(std::string_view name, std::string_view value,
                 std::vector<std::string>& problems) {
    std::string_view why = why_not_writable(name);
    if (why.empty() && !is_field_value(value)) why = "cannot hold this value";
    if (why.empty()) {
      headers_.add(name, value);
    } else {
      problems.push_back(fmt::format("respond: '{}' {}", name, why));
    }
  }

  Status status_;
  Chunk content_;
  Headers headers_;
};

}  // namespace

Handler respond(RespondOptions options) { return Responder(options); }

}  // namespace gatewaykit
