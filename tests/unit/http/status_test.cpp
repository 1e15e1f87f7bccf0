// SPDX-License-Identifier: Apache-2.0
// Statuses: any three digits, a reason phrase for those that are registered.
#include "gatewaykit/http/status.hpp"

#include "catch.hpp"

using gatewaykit::Status;

TEST_CASE("a registered status has the reason phrase of the registry") {
  CHECK(reason_phrase(Status::continue_) == "Continue");
  CHECK(reason_phrase(Status::ok) == "OK");
  CHECK(reason_phrase(Status::temporary_redirect) == "Temporary Redirect");
  CHECK(reason_phrase(Status::content_too_large) == "Content Too Large");
  CHECK(reason_phrase(Status::request_header_fields_too_large) ==
        "Request Header Fields Too Large");
  CHECK(reason_phrase(Status::http_version_not_supported) == "HTTP Version Not Supported");
}

TEST_CASE("any other status has none") {
  CHECK(reason_phrase(Status(199)).empty());
  CHECK(reason_phrase(Status(299)).empty());
  CHECK(reason_phrase(Status(418)).empty());
  CHECK(reason_phrase(Status(599)).empty());
  CHECK(reason_phrase(Status(999)).empty());
}

TEST_CASE("statuses below 200 are interim") {
  CHECK(is_interim(Status::early_hints));
  CHECK(is_interim(Status::switching_protocols));
  CHECK_FALSE(is_interim(Status::ok));
  CHECK(code(Status(618)) == 618);
}
