// SPDX-License-Identifier: Apache-2.0
// TLS as a host sees it: what a middleware is told of a client's certificate, and what is counted.
// How clients see it is told by peers/tls.test.mjs.
#include <stdlib.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "catch.hpp"
#include "gatewaykit/core/error.hpp"
#include "served.hpp"

using namespace gatewaykit;
using namespace gatewaykit::testing;

namespace {

/// What a shell command prints; throws where it fails.
std::string run(const std::string& command) {
  FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::string output;
  std::array<char, 4096> block;
  while (const std::size_t size = std::fread(block.data(), 1, block.size(), pipe)) {
    output.append(block.data(), size);
  }
  if (::pclose(pipe) != 0) throw std::runtime_error(command + ": " + output);
  return output;
}

/// A certificate that is signed by itself, as files.
class SelfSigned {
 public:
  explicit SelfSigned(const std::string& subject) {
    std::string pattern = (std::filesystem::temp_directory_path() / "gatewaykit-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder");
    folder_ = pattern;
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -keyout " +
        key() + " -out " + certificate() + " -subj '" + subject +
        "' -addext subjectAltName=DNS:A.test,DNS:other.test");
  }
  ~SelfSigned() { std::filesystem::remove_all(folder_); }
  SelfSigned(const SelfSigned&) = delete;
  SelfSigned& operator=(const SelfSigned&) = delete;

  std::string certificate() const { return folder_ + "/certificate.pem"; }
  std::string key() const { return folder_ + "/key.pem"; }
  TlsCertificate files() const { return {certificate(), key()}; }

 private:
  std::string folder_;
};

Router telling_certificates() {
  Router router;
  router.get("/", [](Context& ctx) -> Task<Response> {
    const ClientCertificate* const client = ctx.get<ClientCertificate>();
    if (client == nullptr) co_return Response::text(Status::ok, "nobody");
    std::string text = client->subject + "|" + client->sha256;
    for (const std::string& name : client->dns_names) text += "|" + name;
    co_return Response::text(Status::ok, text);
  });
  return router;
}

}  // namespace

TEST_CASE("a middleware reads the certificate that a client has shown") {
  const SelfSigned server("/CN=server");
  const SelfSigned client("/O=Example/CN=cli\\,ent");
  TlsOptions tls;
  tls.certificates = {server.files()};
  tls.client_certificates = ClientCertificates::optional;
  tls.client_ca = client.certificate();
  ListenOptions listen;
  listen.tls = std::move(tls);
  Served served(telling_certificates(), std::move(listen));
  const std::string url = " https://127.0.0.1:" + std::to_string(served.port()) + "/";
  CHECK(run("curl -sSk" + url) == "nobody");

  std::string digest = run("openssl x509 -noout -fingerprint -sha256 -in " + client.certificate());
  digest = digest.substr(digest.find('=') + 1);
  std::string expected = "CN=cli\\,ent,O=Example|";
  for (const char c : digest) {
    if (c != ':' && c != '\n') expected += static_cast<char>(std::tolower(c));
  }
  expected += "|a.test|other.test";
  const std::string shown = " --cert " + client.certificate() + " --key " + client.key();
  CHECK(run("curl -sSk" + shown + url) == expected);
}

TEST_CASE("handshakes that fail are counted, and take no connection away") {
  const SelfSigned server("/CN=server");
  TlsOptions tls;
  tls.certificates = {server.files()};
  ListenOptions listen;
  listen.tls = std::move(tls);
  Served served(telling_certificates(), std::move(listen));
  SocketPeer client = served.dial();
  client.write("\x15\x03\x03 no handshake");
  client.wait_for_end();
  while (served.gateway().stats().connections_open > 0) std::this_thread::yield();
  CHECK(served.gateway().stats().tls_failures == 1);
}

TEST_CASE("TLS options with mistakes are refused, all of them at once") {
  TlsOptions tls;
  tls.certificates = {{"/nowhere.pem", "/nowhere.key"}};
  tls.ciphers = "NONSENSE";
  tls.handshake_timeout = Duration::zero();
  ListenOptions listen;
  listen.tls = std::move(tls);
  Gateway gateway(telling_certificates());
  try {
    gateway.listen("127.0.0.1:0", std::move(listen));
    FAIL("listens");
  } catch (const ConfigError& error) {
    CHECK(error.problems().size() == 3);
  }
}
