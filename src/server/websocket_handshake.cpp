// SPDX-License-Identifier: Apache-2.0
#include "server/websocket_handshake.hpp"

#include <openssl/evp.h>

#include <cstring>

namespace gatewaykit::server {

namespace {

std::string base64(const unsigned char* bytes, int size) {
  std::string text(static_cast<std::size_t>((size + 2) / 3 * 4 + 1), '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes, size);
  text.resize(static_cast<std::size_t>(length));
  return text;
}

}  // namespace

std::string make_websocket_key(std::uint64_t first, std::uint64_t second) {
  unsigned char bytes[16];
  std::memcpy(bytes, &first, sizeof first);
  std::memcpy(bytes + sizeof first, &second, sizeof second);
  return base64(bytes, sizeof bytes);
}

std::string websocket_accept_for(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr);
  return base64(digest, static_cast<int>(size));
}

}  // namespace gatewaykit::server
