// SPDX-License-Identifier: Apache-2.0
#include "net/tls.hpp"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace gatewaykit::net {

namespace {

// Forward secrecy and authenticated encryption alone (RFC 9325 section 4.2). AES of 128 bits, which
// is as strong as the curves, comes first: it and its SHA-256 cost less than 256 bits and SHA-384.
constexpr const char* kCiphers = "ECDHE+AES128+AESGCM:ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* kSuites =  // Of TLS 1.3.
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

using NamesPtr = std::unique_ptr<GENERAL_NAMES, TlsFree<GENERAL_NAMES_free>>;

NamesPtr alternative_names_of(X509& certificate) {
  return NamesPtr(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
}

std::string_view text_of(const ASN1_STRING& name) noexcept {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(&name)),
          static_cast<std::size_t>(ASN1_STRING_length(&name))};
}

}  // namespace

std::string take_tls_error() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return "the connection was closed";
  if (const char* const reason = ERR_reason_error_string(error)) return reason;
  if (ERR_SYSTEM_ERROR(error)) return std::strerror(static_cast<int>(ERR_GET_REASON(error)));
  return fmt::format("error {:x}", error);
}

SslContextPtr make_tls_context(const SSL_METHOD* method, TlsVersion min_version,
                               const std::string& ciphers, std::vector<std::string>& problems) {
  SslContextPtr context(SSL_CTX_new(method));
  SSL_CTX_set_min_proto_version(
      context.get(), min_version == TlsVersion::tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_PRIORITIZE_CHACHA);
  // Idle connections hold no buffers; what could not be sent may be offered from elsewhere.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_ciphersuites(context.get(), kSuites);
  if (SSL_CTX_set_cipher_list(context.get(), ciphers.empty() ? kCiphers : ciphers.c_str()) != 1) {
    problems.push_back(fmt::format("tls.ciphers '{}': {}", ciphers, take_tls_error()));
  }
  return context;
}

void use_certificate(SSL_CTX& context, const TlsCertificate& certificate,
                     std::vector<std::string>& problems) {
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(&context, certificate.certificate.c_str()) != 1) {
    problems.push_back(fmt::format("tls: cannot use the certificate '{}': {}",
                                   certificate.certificate, take_tls_error()));
    return;
  }
  if (SSL_CTX_use_PrivateKey_file(&context, certificate.private_key.c_str(), SSL_FILETYPE_PEM) !=
      1) {
    problems.push_back(fmt::format("tls: cannot use the private key '{}' of '{}': {}",
                                   certificate.private_key, certificate.certificate,
                                   take_tls_error()));
  }
}

std::vector<std::string> dns_names_of(X509& certificate) {
  std::vector<std::string> result;
  const NamesPtr names = alternative_names_of(certificate);
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    std::string lowered(text_of(*name->d.dNSName));
    std::transform(lowered.begin(), lowered.end(), lowered.begin(), lower);
    result.push_back(std::move(lowered));
  }
  return result;
}

bool has_name_with_nul(X509& certificate) {
  const NamesPtr names = alternative_names_of(certificate);
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    const bool is_text = name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI;
    if (is_text && text_of(*name->d.ia5).find('\0') != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace gatewaykit::net
