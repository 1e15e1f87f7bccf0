// SPDX-License-Identifier: Apache-2.0
// Base64: the vectors of RFC 4648 section 10, and what is no base64.
#include "core/base64.hpp"

#include <string>

#include "catch.hpp"

using namespace gatewaykit;

TEST_CASE("bytes are written and read as RFC 4648 has it") {
  const auto [bytes, text] = GENERATE(table<std::string, std::string>({{"", ""},
                                                                       {"f", "Zg=="},
                                                                       {"fo", "Zm8="},
                                                                       {"foo", "Zm9v"},
                                                                       {"foob", "Zm9vYg=="},
                                                                       {"fooba", "Zm9vYmE="},
                                                                       {"foobar", "Zm9vYmFy"},
                                                                       {"\xff\xfe\xfd", "//79"}}));
  CHECK(encode_base64(bytes) == text);
  CHECK(decode_base64(text) == bytes);
}

TEST_CASE("what could be written otherwise is not read") {
  const std::string text =
      GENERATE(as<std::string>(), "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v=", "Z", "Zm9v\n",
               "Zm 9v", "Zm9-", "=", "====", "Zg==Zg==");
  CHECK_FALSE(decode_base64(text));
}
