// SPDX-License-Identifier: Apache-2.0
// compression: content codings (RFC 9110 section 8.4) for responses to clients that accept them.
// Request bodies and content that is encoded already are left alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gatewaykit/export.hpp"
#include "gatewaykit/routing/middleware.hpp"
#include "gatewaykit/transform/content_coding.hpp"

namespace gatewaykit {

struct CompressionOptions {
  /// In the order of preference, which decides between codings that a client wants equally. Empty:
  /// all that are built in, zstd before br before gzip.
  std::vector<ContentCoding> codings = {};
  /// Media types without their parameters: "type/subtype", "type/*", "*/*" or "*+suffix".
  std::vector<std::string> types = {"text/*",
                                    "application/json",
                                    "application/javascript",
                                    "application/xml",
                                    "application/x-ndjson",
                                    "application/wasm",
                                    "font/otf",
                                    "font/ttf",
                                    "*+json",
                                    "*+xml"};
  /// Bytes. Smaller content of known size is left alone; content of unknown size never counts as
  /// small.
  std::uint64_t min_size = 1024;
  /// What each coding may cost. Levels: gzip 1 to 9, brotli 0 to 11, zstd 1 to 19. Above brotli 9
  /// and zstd 15 a turn of 64 KiB holds the worker's thread for tens to hundreds of milliseconds.
  int gzip_level = 5;
  int brotli_level = 4;
  int zstd_level = 3;
  /// Bytes that compressors in use may take on one worker; a response that finds no room goes out
  /// as it is. Each takes at most, until the last byte has left it:
  ///   gzip 272 KiB; br 2 MiB, from level 9 on 6 MiB; zstd 0.75 MiB, from level 5 on 1.5 MiB;
  /// and 64 KiB of input. Up to eight of gzip and of zstd are kept for the next responses.
  std::size_t memory = std::size_t{64} << 20;
};

/// Compresses a response where the client accepts a coding (weights count, "identity" too), its
/// type is listed, it is not small, and nothing speaks against it: a status without content, 206,
/// Content-Range, Content-Encoding, a digest of the content, `Cache-Control: no-transform` on
/// either side, gRPC, a tunnel. So two of these layers compress once. A client that accepts nothing
/// we have is sent the content as it is, never 406.
///
/// Content-Encoding is set, Vary names Accept-Encoding (also where a response could have been
/// compressed, but was not), Accept-Ranges goes, and the length is that of what is sent: known
/// where the content lay in memory, up to 256 KiB of it, else unknown. HEAD is answered with the
/// fields of GET. Streams (server-sent events, NDJSON) are not held back: what the source has given
/// is flushed whenever it has nothing more ready.
///
/// A strong ETag becomes a weak one (RFC 9110 section 8.8.3), on a 304 too where the client asked
/// with the weak one. Conditional GETs work as before; If-Match and If-Range never hold for a weak
/// tag, so keep resources that are edited with If-Match outside of this layer, or have their target
/// say no-transform.
///
/// BREACH: where a response over TLS reflects what an attacker can choose beside a secret such as a
/// CSRF token, its compressed size gives the secret away, byte by byte. Leave such routes out, mask
/// the secret anew in each response, or say no-transform.
///
/// Throws ConfigError that names all of: codings that are not built in or given twice, levels out
/// of range, types that are none.
GATEWAYKIT_EXPORT MiddlewarePtr compression(CompressionOptions options = {});

}  // namespace gatewaykit
