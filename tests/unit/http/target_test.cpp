// SPDX-License-Identifier: Apache-2.0
// Targets have one reading: what is normalised, what is refused (attack classes 30-34), and what an
// authority may be (23).
#include "gatewaykit/http/target.hpp"

#include <string>

#include "catch.hpp"

using namespace gatewaykit;

namespace {

std::string normalise(std::string_view raw, EncodedSlash encoded_slash = EncodedSlash::reject) {
  const Result<NormalisedTarget> target = normalise_target(raw, encoded_slash);
  if (!target) {
    REQUIRE(target.error().code == Errc::bad_message);
    REQUIRE(target.error().origin == Origin::client);
    REQUIRE_FALSE(target.error().detail.empty());
    return "refused";
  }
  return std::string(target->text);
}

}  // namespace

TEST_CASE("a path in normal form stays as it is") {
  for (const char* target : {"/", "/a", "/a/b/", "/a.b/c..d/.e", "/a/..b/...", "/~a-b_c.d", "/%2A",
                             "/a%20b%C3%A4", "/a:b@c!$&'()*+,=", "/a;p=1/b", "/a/b;v=1.2?x", "*",
                             "/a?", "/a?b=/../c//d&e=%zz;\\", "/\"<>[]^`{|}", "/ADMIN"}) {
    CAPTURE(target);
    CHECK(normalise(target) == target);
    CHECK(normalise(target, EncodedSlash::keep) == target);
  }
}

TEST_CASE("path and query are told apart at the first question mark") {
  const auto parts = [](std::string_view raw) {
    const auto target = normalise_target(raw, EncodedSlash::reject);
    return std::string(target->path()) + " " + std::string(target->query());
  };
  CHECK(parts("/a/b") == "/a/b ");
  CHECK(parts("/a/b?") == "/a/b ");
  CHECK(parts("/a/b?c?d") == "/a/b c?d");
  CHECK(parts("/a//b/../c?d//e/../f") == "/a/c d//e/../f");
  CHECK(parts("*") == "* ");
}

TEST_CASE("dot segments are resolved, plain and encoded (30)") {
  CHECK(normalise("/x/../admin") == "/admin");
  CHECK(normalise("/x/%2e%2e/admin") == "/admin");
  CHECK(normalise("/x/.%2E/admin") == "/admin");
  CHECK(normalise("/.%2e/") == "/");
  CHECK(normalise("/admin/.") == "/admin/");
  CHECK(normalise("/admin/./") == "/admin/");
  CHECK(normalise("/admin/..") == "/");
  CHECK(normalise("/a/b/../../c") == "/c");
  CHECK(normalise("/a/b/../..") == "/");
  CHECK(normalise("/..") == "/");
  CHECK(normalise("/../../etc/passwd") == "/etc/passwd");
  CHECK(normalise("/a/./b/./c/../d?x=../y") == "/a/b/d?x=../y");
  CHECK(normalise("/a//../b") == "/b");  // Slashes merge first.
  CHECK(normalise("/a/.../b") == "/a/.../b");
  CHECK(normalise("/a/..b/.c") == "/a/..b/.c");
}

TEST_CASE("repeated slashes are merged (31)") {
  CHECK(normalise("//admin") == "/admin");
  CHECK(normalise("///admin//x///") == "/admin/x/");
  CHECK(normalise("//") == "/");
  CHECK(normalise("/a//?b") == "/a/?b");
}

TEST_CASE("an encoded slash is refused, or kept as it is (31)") {
  for (const char* target : {"/%2fadmin", "/a%2Fb", "/a%2f", "/%2F", "/a/%2f/b"}) {
    CAPTURE(target);
    CHECK(normalise(target) == "refused");
    CHECK(normalise(target, EncodedSlash::keep) != "refused");
  }
  CHECK(normalise("/a%2fb", EncodedSlash::keep) == "/a%2Fb");
  CHECK(normalise("/a%2fb/../c", EncodedSlash::keep) == "/c");
  // A target that decodes it would see a dot segment.
  for (const char* target :
       {"/a/..%2fadmin", "/a%2f..%2Fb", "/a%2F..", "/a%2f%2e%2e/b", "/.%2fa", "/a%2f..;x%2fb"}) {
    CAPTURE(target);
    CHECK(normalise(target, EncodedSlash::keep) == "refused");
  }
}

TEST_CASE("backslashes are refused, plain and encoded (32)") {
  for (const char* target : {"/x\\..\\admin", "\\admin", "/%5cadmin", "/a%5C..", "/a/\\"}) {
    CAPTURE(target);
    CHECK(normalise(target) == "refused");
    CHECK(normalise(target, EncodedSlash::keep) == "refused");
  }
}

TEST_CASE("parameters cannot hide what a segment is (32)") {
  for (const char* target : {"/x/..;/admin", "/x/..;a=b/admin", "/.;/admin", "/;/admin", "/a/;b",
                             "/x/%2e%2e;/admin", "/a/..;", "/;"}) {
    CAPTURE(target);
    CHECK(normalise(target) == "refused");
  }
  CHECK(normalise("/a;x/b;y=z") == "/a;x/b;y=z");
  CHECK(normalise("/a;..") == "/a;..");
  CHECK(normalise("/a;x/../b") == "/b");
}

TEST_CASE("escapes of unreserved characters are decoded, once, others written in upper case (33)") {
  CHECK(normalise("/%61%7A%41%5a%30%39%2d%2E%5f%7e") == "/azAZ09-._~");
  CHECK(normalise("/%c3%a4%20%3b%3f%23") == "/%C3%A4%20%3B%3F%23");
  CHECK(normalise("/%252e%252e/%252fx") == "/%252e%252e/%252fx");
  CHECK(normalise("/%c0%ae%c0%ae/") == "/%C0%AE%C0%AE/");
  CHECK(normalise("/%41?%41%c3") == "/A?%41%c3");
}

TEST_CASE("malformed escapes and control characters are refused (33)") {
  for (const char* target :
       {"/admin%", "/admin%4", "/%zz", "/%4g", "/%%41", "/% 41", "/%u0041", "/admin%00.css",
        "/%0d%0a", "/%1f", "/%7f", "/%09", "/a%?b", "/a%2?b"}) {
    CAPTURE(target);
    CHECK(normalise(target) == "refused");
  }
}

TEST_CASE("bytes that are no visible ASCII are refused, and so is a fragment") {
  for (int byte = 0; byte < 256; ++byte) {
    const bool bad = byte < 0x21 || byte > 0x7e || byte == '#';
    for (const std::string& begin : {std::string("/a"), std::string("/a?b"), std::string("/a/../b"),
                                     std::string("/a?0123456789abcdef")}) {
      const bool in_path = begin.find('?') == std::string::npos;
      const char c = static_cast<char>(byte);
      if (in_path && (c == '\\' || c == '%')) continue;
      const bool refused = normalise(begin + c + "z") == "refused";
      if (refused != bad) FAIL("byte " << byte << " behind " << begin);
    }
  }
}

TEST_CASE("paths keep their case (34)") { CHECK(normalise("/Admin/%41") == "/Admin/A"); }

TEST_CASE("a target has origin, absolute or asterisk form (26)") {
  CHECK(normalise("http://a.test/x//y?z") == "/x/y?z");
  CHECK(normalise("HTTPS://a.test:443") == "/");
  CHECK(normalise("http://a?x=/y") == "/?x=/y");
  CHECK(normalise("http://a/..") == "/");
  for (const char* target : {"", "a", "a/b", "host:80", "**", "*/x", "?", "http:/a", "ftp://a/b",
                             "://a", "http//a/", "http://a#b", "ws://a/"}) {
    CAPTURE(target);
    CHECK(normalise(target) == "refused");
  }
}

TEST_CASE("normalising twice changes nothing") {
  for (const char* target : {"/a/./b/../c//d;x/%41%2a?e", "/%7e%25%3d/", "//a/../..//b"}) {
    const std::string once = normalise(target);
    CHECK(normalise(once) == once);
  }
}

TEST_CASE("the parts of a target are told apart") {
  const auto parts = split_target("http://u@A:80/b?c");
  REQUIRE(parts.has_value());
  CHECK(parts->form == TargetParts::Form::absolute);
  CHECK(parts->authority == "u@A:80");
  CHECK(parts->rest == "/b?c");
  CHECK(split_target("/a://b")->form == TargetParts::Form::origin);
  CHECK(split_target("*")->form == TargetParts::Form::asterisk);
  CHECK_FALSE(split_target("a.test:443").has_value());
}

TEST_CASE("an authority is a host with an optional port, and nothing else (23)") {
  const auto read = [](std::string_view text) {
    const auto authority = parse_authority(text);
    if (!authority) return std::string("refused");
    return std::string(authority->host) + " " +
           (authority->port ? std::to_string(*authority->port) : "none");
  };
  CHECK(read("A.test") == "A.test none");
  CHECK(read("a_b-c~d.:65535") == "a_b-c~d. 65535");
  CHECK(read("127.0.0.1:80") == "127.0.0.1 80");
  CHECK(read("[2001:db8::1]") == "[2001:db8::1] none");
  CHECK(read("[::1]:1") == "[::1] 1");
  CHECK(read(std::string(255, 'a') + ":12345").substr(0, 3) == "aaa");
  for (const char* text :
       {"",     ":",    ":80",    "a:",     "a:b",         "a:0",      "a:65536",     "a:100000",
        "a:+1", "a: 1", "a b",    "a/b",    "u@a",         "a@",       "[",           "[]",
        "[::1", "::1",  "[::1]a", "[::1]:", "[127.0.0.1]", "[v1.x]",   "[fe80::1%1]", "[::g]",
        "a,b",  "a%41", "a\\",    "a#",     "a?",          "\xc3\xa4", "a\t"}) {
    CAPTURE(text);
    CHECK(read(text) == "refused");
  }
  CHECK(read(std::string("a\0", 2)) == "refused");
  CHECK(read(std::string(262, 'a')) == "refused");
}
