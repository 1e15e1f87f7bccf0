// SPDX-License-Identifier: Apache-2.0
// What both roles of HTTP/2 (RFC 9113) have in common around nghttp2's session: who owns its
// objects, and its memory, which comes from the block pool. The session does no I/O: connections
// feed it what they receive, and send what it yields. One worker's thread.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>

namespace gatewaykit::codec {

template <auto kFree>
struct Http2Free {
  template <class T>
  void operator()(T* object) const noexcept {
    kFree(object);
  }
};

using Http2SessionPtr = std::unique_ptr<nghttp2_session, Http2Free<nghttp2_session_del>>;
using Http2CallbacksPtr =
    std::unique_ptr<nghttp2_session_callbacks, Http2Free<nghttp2_session_callbacks_del>>;
using Http2OptionPtr = std::unique_ptr<nghttp2_option, Http2Free<nghttp2_option_del>>;

/// Throws std::bad_alloc where nghttp2 has no memory.
Http2CallbacksPtr make_http2_callbacks();
/// Options that every session of ours has: windows open when we say so, no stream is kept once it
/// is closed, and what a message may be is checked by its stream (http2_fields.hpp), not here as
/// well.
Http2OptionPtr make_http2_options();

/// Bytes in front of each frame (RFC 9113 section 4.1).
inline constexpr std::size_t kHttp2FrameHead = 9;

/// Bytes as nghttp2 hands them out.
inline std::string_view as_text(const std::uint8_t* bytes, std::size_t size) noexcept {
  return {reinterpret_cast<const char*>(bytes), size};
}

/// What stands for a stream: an object of ours, which is not owned. The session is asked for it but
/// once while it tells of the same stream again and again.
template <class Object>
class Http2StreamObject {
 public:
  Object* find(nghttp2_session* session, std::int32_t stream) noexcept {
    if (stream != stream_ || object_ == nullptr) {
      stream_ = stream;
      object_ = static_cast<Object*>(nghttp2_session_get_stream_user_data(session, stream));
    }
    return object_;
  }
  /// To be set to null before the object dies.
  void set(nghttp2_session* session, std::int32_t stream, Object* object) noexcept {
    nghttp2_session_set_stream_user_data(session, stream, object);
    if (stream == stream_) object_ = object;
  }

 private:
  std::int32_t stream_ = 0;
  Object* object_ = nullptr;
};

/// Blocks of this thread's pool, for nghttp2_session_*_new3.
nghttp2_mem* http2_memory() noexcept;

}  // namespace gatewaykit::codec
