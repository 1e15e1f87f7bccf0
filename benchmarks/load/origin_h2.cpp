// SPDX-License-Identifier: Apache-2.0
#include "origin_h2.hpp"

#include <algorithm>

#include "support.hpp"

namespace gatewaykit::bench {
namespace {

using h2::Type;

constexpr std::uint32_t kStreamsAtOnce = 256;
constexpr std::size_t kMostFrameBytes = 16'384;
constexpr std::size_t kSettingBytes = 6;
constexpr std::string_view kLastLines = "SM\r\n\r\n";  // Of the preface.

constexpr char kStatus200 = '\x88';
enum StaticName { kContentLength = 28, kContentType = 31, kDate = 33 };

}  // namespace

H2Session::H2Session(std::string_view page, std::string& out, std::uint64_t& requests)
    : page_(page), out_(out), requests_(requests) {
  std::string settings;
  h2::append_setting(settings, h2::kMostStreams, kStreamsAtOnce);
  h2::append_frame(out_, Type::settings, 0, 0, settings);
}

std::size_t H2Session::feed(std::string_view bytes) {
  std::size_t used = 0;
  if (!has_preface_) {
    if (bytes.size() < kLastLines.size()) return 0;
    has_preface_ = bytes.substr(0, kLastLines.size()) == kLastLines;
    failed_ = !has_preface_;
    used = kLastLines.size();
  }
  while (!failed_ && bytes.size() - used >= h2::kFrameHeadBytes) {
    const h2::FrameHead head = h2::parse_frame_head(bytes.substr(used));
    failed_ = head.size > kMostFrameBytes;
    if (failed_ || bytes.size() - used < h2::kFrameHeadBytes + head.size) break;
    take_frame(head, bytes.substr(used + h2::kFrameHeadBytes, head.size));
    used += h2::kFrameHeadBytes + head.size;
  }
  return used;
}

void H2Session::take_frame(const h2::FrameHead& head, std::string_view payload) {
  switch (head.type) {
    case Type::data:
      return take_data(head);
    case Type::headers:
      return take_headers(head);
    case Type::rst_stream:
      return take_reset(head);
    case Type::settings:
      return take_settings(head, payload);
    case Type::ping:
      if ((head.flags & h2::kAck) == 0) h2::append_frame(out_, Type::ping, h2::kAck, 0, payload);
      return;
    case Type::window_update:
      return take_window_update(head, payload);
    case Type::continuation:
      failed_ = true;  // No block of a benchmark is that long.
      return;
  }
}

void H2Session::take_headers(const h2::FrameHead& head) {
  const bool is_new = head.stream % 2 == 1 && head.stream > last_stream_;
  failed_ = !is_new || (head.flags & h2::kEndHeaders) == 0;
  if (failed_) return;
  last_stream_ = head.stream;
  ++requests_;
  ++open_;
  if ((head.flags & h2::kEndStream) != 0) answer(head.stream);
}

// A request may end with an empty frame; content has no place in this origin.
void H2Session::take_data(const h2::FrameHead& head) {
  failed_ = head.size > 0 || (head.flags & h2::kEndStream) == 0 || head.stream > last_stream_;
  if (!failed_) answer(head.stream);
}

void H2Session::take_settings(const h2::FrameHead& head, std::string_view payload) {
  if ((head.flags & h2::kAck) != 0) return;
  for (; payload.size() >= kSettingBytes; payload.remove_prefix(kSettingBytes)) {
    const bool is_window = h2::number_of(payload.substr(0, 2)) == h2::kInitialWindow;
    // So the windows of streams never matter: each sends one page.
    if (is_window && h2::number_of(payload.substr(2, 4)) < page_.size()) failed_ = true;
  }
  h2::append_frame(out_, Type::settings, h2::kAck, 0, {});
}

void H2Session::take_window_update(const h2::FrameHead& head, std::string_view payload) {
  if (head.stream != 0) return;
  window_ += h2::number_of(payload);
  failed_ = window_ > h2::kGreatestWindow;
  if (!failed_) send_waiting();
}

void H2Session::take_reset(const h2::FrameHead& head) {
  const auto place = std::find(waiting_.begin(), waiting_.end(), head.stream);
  if (place == waiting_.end()) return;
  waiting_.erase(place);
  --open_;
}

void H2Session::answer(std::uint32_t stream) {
  waiting_.push_back(stream);
  send_waiting();
}

void H2Session::send_waiting() {
  for (; !waiting_.empty() && window_ >= page_.size(); waiting_.pop_front()) {
    std::string block(1, kStatus200);
    h2::append_field(block, kDate, http_date());
    h2::append_field(block, kContentType, "text/plain");
    h2::append_field(block, kContentLength, std::to_string(page_.size()));
    h2::append_frame(out_, Type::headers, h2::kEndHeaders, waiting_.front(), block);
    h2::append_frame(out_, Type::data, h2::kEndStream, waiting_.front(), page_);
    window_ -= static_cast<std::uint32_t>(page_.size());
    --open_;
  }
}

}  // namespace gatewaykit::bench
