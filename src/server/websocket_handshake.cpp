// SPDX-License-Identifier: Apache-2.0
#include "server/websocket_handshake.hpp"

#include <openssl/evp.h>

#include <cstring>

#include "core/base64.hpp"

namespace gatewaykit::server {

std::string make_websocket_key(std::uint64_t first, std::uint64_t second) {
  char bytes[16];
  std::memcpy(bytes, &first, sizeof first);
  std::memcpy(bytes + sizeof first, &second, sizeof second);
  return encode_base64({bytes, sizeof bytes});
}

std::string websocket_accept_for(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr);
  return encode_base64({reinterpret_cast<const char*>(digest), size});
}

}  // namespace gatewaykit::server
