// SPDX-License-Identifier: Apache-2.0
// Owners of OpenSSL's objects, and its errors as sentences.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "gatewaykit/core/tls.hpp"

namespace gatewaykit::net {

template <auto Free>
struct TlsFree {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using SslPtr = std::unique_ptr<SSL, TlsFree<SSL_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, TlsFree<SSL_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, TlsFree<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, TlsFree<EVP_PKEY_free>>;
using CertificateStorePtr = std::unique_ptr<X509_STORE, TlsFree<X509_STORE_free>>;

/// The reason of the oldest error of this thread, all of which are forgotten.
std::string take_tls_error();

/// With what both sides of the gateway have in common. `problems` gets a sentence for all that
/// cannot be used.
SslContextPtr make_tls_context(const SSL_METHOD* method, TlsVersion min_version,
                               const std::string& ciphers, std::vector<std::string>& problems);
void use_certificate(SSL_CTX& context, const TlsCertificate& certificate,
                     std::vector<std::string>& problems);

/// The DNS names of a certificate, in lower case.
std::vector<std::string> dns_names_of(X509& certificate);
/// Among its alternative names that are text (DNS, mail, URI).
bool has_name_with_nul(X509& certificate);

}  // namespace gatewaykit::net
