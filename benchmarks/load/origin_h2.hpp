// SPDX-License-Identifier: Apache-2.0
//
// The HTTP/2 side of the origin: frames in, frames out, no socket. Its peers are trusted, so it
// answers every stream with the same page and decodes no header block. What it does not understand
// it calls an error.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "h2_frames.hpp"

namespace gatewaykit::bench {

class H2Session {
 public:
  /// All answers have the content `page`; `out` gets what is to be sent, `requests` is counted up.
  /// All three outlive the session.
  H2Session(std::string_view page, std::string& out, std::uint64_t& requests);

  /// Takes whole frames, behind the last line of the preface; how many bytes it used.
  std::size_t feed(std::string_view bytes);

  bool failed() const { return failed_; }
  /// Whether every request has got its answer.
  bool is_idle() const { return open_ == 0; }

 private:
  void take_frame(const h2::FrameHead& head, std::string_view payload);
  void take_headers(const h2::FrameHead& head);
  void take_data(const h2::FrameHead& head);
  void take_settings(const h2::FrameHead& head, std::string_view payload);
  void take_window_update(const h2::FrameHead& head, std::string_view payload);
  void take_reset(const h2::FrameHead& head);
  void answer(std::uint32_t stream);
  void send_waiting();

  std::string_view page_;
  std::string& out_;
  std::uint64_t& requests_;
  bool has_preface_ = false;
  bool failed_ = false;
  std::uint32_t last_stream_ = 0;
  std::uint32_t window_ = h2::kFirstWindow;
  std::uint64_t open_ = 0;
  std::deque<std::uint32_t> waiting_;  // Streams to be answered once the window allows.
};

}  // namespace gatewaykit::bench
