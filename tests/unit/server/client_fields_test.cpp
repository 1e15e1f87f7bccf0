// SPDX-License-Identifier: Apache-2.0
// What a client may not say about itself, and whose word counts for its address.
#include "server/client_fields.hpp"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"

using namespace gatewaykit;
using server::ListenConfig;
using server::remove_untrusted_fields;
using server::resolve_client;

namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

Headers headers_of(const Lines& lines) {
  Headers headers;
  for (const auto& [name, value] : lines) headers.add(name, value);
  return headers;
}

/// 10.0.0.0/8 and 2001:db8:ffff::/48 are proxies, which tell the client in `field`.
ListenConfig proxies_with(ClientField field) {
  ListenOptions options;
  options.trusted_proxies = {"10.0.0.0/8", "2001:db8:ffff::/48"};
  options.client_field = field;
  std::vector<std::string> problems;
  ListenConfig config = ListenConfig::from(options, problems);
  REQUIRE(problems.empty());
  return config;
}

/// The client's address by these lines; "none" without.
std::string client_by(const Lines& lines, ClientField field = ClientField::x_forwarded_for) {
  const std::optional<IpAddress> client = resolve_client(headers_of(lines), proxies_with(field));
  return client ? client->to_string() : "none";
}
std::string by_x_forwarded_for(const std::string& value) {
  return client_by({{"X-Forwarded-For", value}});
}
std::string by_forwarded(const std::string& value) {
  return client_by({{"Forwarded", value}}, ClientField::forwarded);
}

}  // namespace

// --- Fields of untrusted clients.

TEST_CASE("an untrusted client's word about itself is dropped") {
  const std::string name = GENERATE(
      as<std::string>(),
      // Addresses and what stands for the target.
      "Forwarded", "X-Forwarded-For", "x-forwarded-for", "X-FORWARDED-FOR", "X-Forwarded-Host",
      "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Real-IP", "X-Original-URL",
      "X-Rewrite-URL", "X-HTTP-Method-Override",
      // Of the family, although not known.
      "X-Forwarded-Ssl", "x-forwarded-client-cert",
      // Those by which a client could pretend that its certificate was verified.
      "Client-Cert", "client-cert-chain", "CLIENT-CERT", "X-SSL-Client-Verify", "x-ssl-cert",
      "X-Client-Cert", "X-Client-Certificate", "X-Client-Verify", "X-Forwarded-Client-Cert",
      "X-Forwarded-Tls-Client-Cert", "SSL-Client-Subject-DN", "X-Amzn-Mtls-Clientcert",
      // The gateway's own.
      "X-Gk-Route", "x-gk-anything", "X-GK-");
  Headers headers = headers_of({{"Accept", "*/*"}, {name, "1"}, {name, "2"}, {"X-Mine", "3"}});
  remove_untrusted_fields(headers);
  CHECK_FALSE(headers.contains(name));
  CHECK(headers.size() == 2);
  CHECK(headers.get("accept") == "*/*");
  CHECK(headers.get("x-mine") == "3");
}

TEST_CASE("names that mean a known field to whoever reads them as CGI does are dropped") {
  const std::string name =
      GENERATE(as<std::string>(), "X_Forwarded_For", "x_forwarded_for", "X-Forwarded_For",
               "X_Forwarded-For", "Content_Length", "Transfer_Encoding", "X_Real_IP", "X_Gk_Route",
               "X-Gk_Route", "X_Gk-Route", "X_Forwarded_Ssl", "X-Forwarded_Ssl", "X_Forwarded-Ssl",
               "X_Http_Method_Override", "Client_Cert", "client_cert-chain", "X_SSL_Client_Cert",
               "User_Agent", "x_request_id", "Http2_Settings");
  Headers headers = headers_of({{name, "1"}, {"X-Mine", "3"}});
  remove_untrusted_fields(headers);
  CHECK_FALSE(headers.contains(name));
  CHECK(headers.size() == 1);
}

TEST_CASE("what merely looks alike is kept") {
  const std::string name =
      GENERATE(as<std::string>(), "X-Forwarded", "X-Forward-For", "X-Gk", "X-Gkx-Route",
               "My-X-Gk-Route", "X-Real-IP-2", "my_field", "x_gk", "x_y_z", "_", "Client",
               "Client-Id", "X-SSL", "SSL-Client", "a_field_of_a_name_longer_than_all_known_ones",
               "Authorization", "Cookie", "Host", "X-Request-Id", "Via", "x");
  Headers headers = headers_of({{name, "1"}});
  remove_untrusted_fields(headers);
  CHECK(headers.get(name) == "1");
}

// --- The address, from trusted peers.

TEST_CASE("the client is the rightmost address that is no trusted proxy") {
  CHECK(by_x_forwarded_for("203.0.113.7") == "203.0.113.7");
  CHECK(by_x_forwarded_for("203.0.113.7, 10.0.0.1, 10.0.0.2") == "203.0.113.7");
  CHECK(by_x_forwarded_for("198.51.100.1, 203.0.113.7, 10.0.0.1") == "203.0.113.7");
  CHECK(by_x_forwarded_for("198.51.100.1,203.0.113.7") == "203.0.113.7");
  CHECK(by_forwarded("for=203.0.113.7") == "203.0.113.7");
  CHECK(by_forwarded("for=198.51.100.1, for=203.0.113.7;proto=https, for=10.0.0.1") ==
        "203.0.113.7");
}

TEST_CASE("where all are trusted it is the leftmost") {
  CHECK(by_x_forwarded_for("10.0.0.3, 10.0.0.2, 10.0.0.1") == "10.0.0.3");
  CHECK(by_forwarded("for=10.0.0.3, for=10.0.0.2") == "10.0.0.3");
}

TEST_CASE("nothing is known without a field") {
  CHECK(client_by({}) == "none");
  CHECK(client_by({{"X-Real-IP", "203.0.113.7"}}) == "none");
  CHECK(by_x_forwarded_for("") == "none");
  CHECK(by_forwarded("proto=https;host=a.test") == "none");
}

TEST_CASE("several lines are one list, in their order") {
  CHECK(client_by({{"X-Forwarded-For", "198.51.100.1, 203.0.113.7"},
                   {"X-Mine", "192.0.2.1"},
                   {"x-forwarded-for", "10.0.0.1"}}) == "203.0.113.7");
  CHECK(client_by({{"Forwarded", "for=203.0.113.7"}, {"Forwarded", "for=10.0.0.1"}},
                  ClientField::forwarded) == "203.0.113.7");
  CHECK(client_by({{"X-Forwarded-For", "198.51.100.1"}, {"X-Forwarded-For", "203.0.113.7"}}) ==
        "203.0.113.7");
}

// A proxy that writes one of them lets pass what the client wrote into the other.
TEST_CASE("one field counts, and the other is removed") {
  const Lines both = {{"X-Forwarded-For", "198.51.100.1"}, {"Forwarded", "for=203.0.113.7"}};
  CHECK(client_by(both) == "198.51.100.1");
  CHECK(client_by(both, ClientField::forwarded) == "203.0.113.7");
  CHECK(client_by({{"Forwarded", "for=203.0.113.7"}}) == "none");
  CHECK(client_by({{"X-Forwarded-For", "198.51.100.1"}}, ClientField::forwarded) == "none");

  Headers headers = headers_of(both);
  server::remove_disbelieved_field(headers, proxies_with(ClientField::x_forwarded_for));
  CHECK(headers.size() == 1);
  CHECK(headers.contains(Field::x_forwarded_for));
  headers = headers_of(both);
  server::remove_disbelieved_field(headers, proxies_with(ClientField::forwarded));
  CHECK(headers.size() == 1);
  CHECK(headers.contains(Field::forwarded));
}

TEST_CASE("addresses are read in all their forms") {
  CHECK(by_x_forwarded_for("203.0.113.7:4711") == "203.0.113.7");
  CHECK(by_x_forwarded_for("2001:db8::1") == "2001:db8::1");
  CHECK(by_x_forwarded_for("[2001:db8::1]") == "2001:db8::1");
  CHECK(by_x_forwarded_for("[2001:db8::1]:443") == "2001:db8::1");
  CHECK(by_x_forwarded_for(" \t203.0.113.7 \t,10.0.0.1\t") == "203.0.113.7");
  CHECK(by_x_forwarded_for("::ffff:203.0.113.7") == "203.0.113.7");
  CHECK(by_forwarded("For=\"[2001:DB8:0:0::1]:4711\"") == "2001:db8::1");
  CHECK(by_forwarded("for=\"203.0.113.7:80\"") == "203.0.113.7");
  CHECK(by_forwarded("proto=https; FOR=203.0.113.7 ;by=10.0.0.9") == "203.0.113.7");
}

TEST_CASE("proxies are told by their address whatever its form") {
  CHECK(by_x_forwarded_for("203.0.113.7, 2001:db8:ffff::2, ::ffff:10.0.0.1") == "203.0.113.7");
  CHECK(by_forwarded("for=203.0.113.7, for=\"[2001:db8:ffff::1]:80\"") == "203.0.113.7");
  CHECK(by_forwarded("for=203.0.113.7, for=\"[2001:db8:fffe::1]:80\"") == "2001:db8:fffe::1");
}

TEST_CASE("beyond what names no address nothing is believed") {
  const std::string garbage =
      GENERATE(as<std::string>(), "unknown", "_hidden", "_SEVKISEK", "a.test", "999.0.0.1",
               "203.0.113", "[2001:db8::1", "[2001:db8::1]x", "[2001:db8::1]80", "2001:db8::1]",
               "203.0.113.7:80:90", "\"203.0.113.7", "-", "");
  CHECK(by_x_forwarded_for("198.51.100.1, " + garbage + ", 10.0.0.1") == "10.0.0.1");
  CHECK(by_forwarded("for=198.51.100.1, for=" + garbage + ", for=10.0.0.1") == "10.0.0.1");
  CHECK(by_x_forwarded_for("198.51.100.1, x" + garbage) == "none");
}

TEST_CASE("an element of Forwarded that does not say for whom names no address") {
  CHECK(by_forwarded("for=198.51.100.1, proto=https, for=10.0.0.1") == "10.0.0.1");
  CHECK(by_forwarded("for=198.51.100.1, forward=203.0.113.7") == "none");
}

// A host may hold commas and semicolons (RFC 3986 section 3.2.2), and is the client's to choose.
TEST_CASE("what stands in quotes is neither an element nor a parameter") {
  CHECK(by_forwarded(R"(host="a;for=198.51.100.1";for=203.0.113.7)") == "203.0.113.7");
  CHECK(by_forwarded(R"(for=203.0.113.7;host="a,for=198.51.100.1;b")") == "203.0.113.7");
  CHECK(by_forwarded(R"(for=203.0.113.7;host="a\",for=198.51.100.1;b")") == "203.0.113.7");
  CHECK(by_forwarded(R"(for=203.0.113.7;by="[2001:db8:ffff::1]:80", for=10.0.0.1)") ==
        "203.0.113.7");
}

TEST_CASE("what a client wrote cannot change how a proxy's words behind it are read") {
  CHECK(by_forwarded(R"(for=198.51.100.1;host=", for=203.0.113.7)") == "203.0.113.7");
  CHECK(by_forwarded(R"(for=198.51.100.1;host=", for=203.0.113.7;host="a")") == "203.0.113.7");
  CHECK(by_forwarded(R"(for=198.51.100.1;host="\, for=203.0.113.7;host="a")") == "203.0.113.7");
  CHECK(by_forwarded(R"(for=198.51.100.1;host=", for=10.0.0.1)") == "10.0.0.1");
  CHECK(by_x_forwarded_for(R"(198.51.100.1", 203.0.113.7)") == "203.0.113.7");
}
