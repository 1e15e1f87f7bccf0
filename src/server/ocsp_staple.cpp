// SPDX-License-Identifier: Apache-2.0
#include "server/ocsp_staple.hpp"

#include <fmt/format.h>
#include <openssl/ocsp.h>

#include <ctime>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>

namespace gatewaykit::server {

namespace {

using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, net::TlsFree<OCSP_RESPONSE_free>>;
using BasicResponsePtr = std::unique_ptr<OCSP_BASICRESP, net::TlsFree<OCSP_BASICRESP_free>>;

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

/// The answer about the certificate with this number.
OCSP_SINGLERESP* find(OCSP_BASICRESP& basic, const ASN1_INTEGER& serial) noexcept {
  for (int i = 0; i < OCSP_resp_count(&basic); ++i) {
    OCSP_SINGLERESP* const single = OCSP_resp_get0(&basic, i);
    ASN1_INTEGER* number = nullptr;
    OCSP_id_get0_info(nullptr, nullptr, nullptr, &number,
                      const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single)));
    if (number != nullptr && ASN1_INTEGER_cmp(number, &serial) == 0) return single;
  }
  return nullptr;
}

std::int64_t seconds_of(const ASN1_GENERALIZEDTIME* time) noexcept {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return kNever;
  return ::timegm(&parts);
}

/// When it expires; or, in `reason`, why it is of no use.
std::optional<std::int64_t> expiry_of(const std::string& der, const X509& certificate,
                                      std::string_view& reason) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  const ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &bytes, static_cast<long>(der.size())));
  reason = "it is no OCSP response";
  if (!response) return std::nullopt;
  reason = "the authority gave no answer";
  if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) return std::nullopt;
  const BasicResponsePtr basic(OCSP_response_get1_basic(response.get()));
  if (!basic) return std::nullopt;
  reason = "it is about another certificate";
  OCSP_SINGLERESP* const single = find(*basic, *X509_get0_serialNumber(&certificate));
  if (single == nullptr) return std::nullopt;
  ASN1_GENERALIZEDTIME* next_update = nullptr;
  OCSP_single_get0_status(single, nullptr, nullptr, nullptr, &next_update);
  return seconds_of(next_update);
}

}  // namespace

std::unique_ptr<const OcspStaple> OcspStaple::read(const std::string& file, const X509* certificate,
                                                   std::vector<std::string>& problems) {
  if (file.empty() || certificate == nullptr) return nullptr;  // The latter was told already.
  std::ifstream input(file, std::ios::binary);
  std::string_view reason = "it cannot be read";
  if (input) {
    std::string der{std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>()};
    if (const auto expires = expiry_of(der, *certificate, reason)) {
      return std::unique_ptr<const OcspStaple>(new OcspStaple(std::move(der), *expires));
    }
  }
  net::take_tls_error();
  problems.push_back(fmt::format("tls: cannot use the OCSP response '{}': {}", file, reason));
  return nullptr;
}

bool OcspStaple::give_to(SSL& ssl) const noexcept {
  if (std::time(nullptr) >= expires_) return false;
  void* const copy = OPENSSL_memdup(response_.data(), response_.size());
  if (copy == nullptr) return false;
  SSL_set_tlsext_status_ocsp_resp(&ssl, copy, static_cast<long>(response_.size()));  // Taken.
  return true;
}

}  // namespace gatewaykit::server
