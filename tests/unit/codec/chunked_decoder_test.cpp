// SPDX-License-Identifier: Apache-2.0
// Taking framing off: the same content and the same end at every split, strict about sizes, line
// ends, extensions and trailers (attack classes 6-9 and, for responses, 20), and not one byte of
// what follows is taken.
#include "codec/chunked_decoder.hpp"

#include <string>
#include <vector>

#include "catch.hpp"
#include "splits.hpp"

using namespace gatewaykit;
using namespace gatewaykit::codec;

namespace {

/// Presents pieces as they come; the decoder never sees a byte again that it has taken.
template <class Decoder>
std::string run(Decoder& decoder, std::string_view message, const std::vector<std::size_t>& ends) {
  std::string content;
  std::size_t taken = 0;
  for (const std::size_t end : ends) {
    for (;;) {
      const ExactBytes bytes(message.substr(taken, end - taken));
      const BodyStep step = decoder.next(bytes.view());
      if (step.consumed > bytes.view().size()) FAIL("took more than there was");
      taken += step.consumed;
      if (step.kind == BodyStep::Kind::data) {
        if (step.data.empty()) FAIL("data without a byte");
        content += step.data;
        continue;
      }
      if (step.kind == BodyStep::Kind::end) {
        return content + "|end at " + std::to_string(taken) + "|" + text_of(decoder.trailers());
      }
      if (step.kind == BodyStep::Kind::failed) {
        return std::to_string(code(decoder.error().status)) + " " +
               std::string(decoder.error().sentence);
      }
      if (taken != end) FAIL("asks for more with bytes left");
      break;
    }
  }
  return content + "|need more";
}

std::string decode(std::string_view message) {
  return at_every_split(message, [](std::string_view bytes, const std::vector<std::size_t>& ends) {
    ChunkedDecoder decoder;
    return run(decoder, bytes, ends);
  });
}

std::string decode(BodyFraming framing, std::string_view message) {
  return at_every_split(message, [&](std::string_view bytes, const std::vector<std::size_t>& ends) {
    BodyDecoder decoder(framing);
    return run(decoder, bytes, ends);
  });
}

int status_of_refusal(std::string_view message) {
  const std::string outcome = decode(message);
  INFO(outcome);
  REQUIRE(outcome.find('|') == std::string::npos);
  return std::stoi(outcome);
}

}  // namespace

TEST_CASE("chunks are joined to content, and the next message is left alone (17)") {
  CHECK(decode("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET / HTTP/1.1") == "hello world|end at 26|");
  CHECK(decode("0\r\n\r\n") == "|end at 5|");
  CHECK(decode("000\r\n\r\n5") == "|end at 7|");
  CHECK(decode("A\r\n0123456789\r\na\r\nabcdefghij\r\n0\r\n\r\n") ==
        "0123456789abcdefghij|end at 35|");
  CHECK(decode("5\r\nhello\r\n") == "hello|need more");
  CHECK(decode("") == "|need more");
}

TEST_CASE("content may hold anything, line ends and chunk heads too") {
  CHECK(decode("7\r\n0\r\n\r\n5\r\r\n0\r\n\r\n") == "0\r\n\r\n5\r|end at 17|");
}

TEST_CASE("a chunk size is hexadecimal digits and nothing else (6)") {
  for (const char* message : {"\r\n", " 5\r\nhello", "+5\r\nhello", "-5\r\nhello", "0x5\r\nhello",
                              "5 \r\nhello", "5\t\r\nhello", "5h\r\nhello", "g\r\n", "5\nhello",
                              "5\r5", "5\rhello", ";a=b\r\n", "5,5\r\nhello", "5\v\r\nhello"}) {
    CAPTURE(message);
    CHECK(status_of_refusal(message) == 400);
  }
  CHECK(status_of_refusal("00000000000000005\r\nhello") == 400);  // 17 digits.
  CHECK(status_of_refusal("fffffffffffffffff\r\n") == 400);
  CHECK(status_of_refusal("8000000000000000\r\n") == 400);
  CHECK(status_of_refusal("ffffffffffffffff\r\n") == 400);
  CHECK(decode("0000000000000005\r\nhello\r\n0\r\n\r\n") == "hello|end at 30|");
  CHECK(decode("7fffffffffffffff\r\nhello") == "hello|need more");
}

TEST_CASE("a chunk ends with CR LF where its size says (6)") {
  CHECK(status_of_refusal("5\r\nhelloX") == 400);
  CHECK(status_of_refusal("5\r\nhello\n0\r\n\r\n") == 400);
  CHECK(status_of_refusal("5\r\nhello\rX") == 400);
  CHECK(status_of_refusal("5\r\nhello0\r\n\r\n") == 400);
  CHECK(status_of_refusal("4\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(status_of_refusal("6\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(status_of_refusal("0\r\n\n") == 400);
  CHECK(status_of_refusal("0\r\n\rX") == 400);
  CHECK(status_of_refusal("5\r\nhello\r\n\r\n0\r\n\r\n") == 400);
}

TEST_CASE("extensions are read over, within bounds (7)") {
  CHECK(decode("5;a=b;c=\"d;e\"\r\nhello\r\n0;x\r\n\r\n") == "hello|end at 29|");
  CHECK(decode("5 ; a\r\nhello\r\n0\r\n\r\n") == "hello|end at 19|");
  CHECK(decode("5;\r\nhello\r\n0\r\n\r\n") == "hello|end at 16|");
  CHECK(decode("5;" + std::string(4096, 'x') + "\r\nhello\r\n0\r\n\r\n").find("hello|end") == 0);
  CHECK(status_of_refusal("5;" + std::string(4097, 'x') + "\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(status_of_refusal("5;" + std::string(65536, 'x')) == 400);
  CHECK(status_of_refusal("5" + std::string(5000, ' ')) == 400);
  CHECK(status_of_refusal("5;a\nb\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(status_of_refusal("5;a\rb\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(status_of_refusal("5;a\x01\r\nhello\r\n0\r\n\r\n") == 400);
  // The bound is one chunk's: the next one begins anew.
  const std::string long_extension = ";" + std::string(4000, 'x') + "\r\n";
  CHECK(
      decode("1" + long_extension + "a\r\n1" + long_extension + "b\r\n0\r\n\r\n").find("ab|end") ==
      0);
}

TEST_CASE("a hundred thousand chunks of one byte are decoded (8)") {
  std::string message;
  for (int i = 0; i < 100000; ++i) message += "1\r\nx\r\n";
  message += "0\r\n\r\n";
  ChunkedDecoder decoder;
  std::string_view rest = message;
  std::string content;
  BodyStep step = decoder.next(rest);
  for (; step.kind == BodyStep::Kind::data; step = decoder.next(rest)) {
    content += step.data;
    rest.remove_prefix(step.consumed);
  }
  CHECK(step.kind == BodyStep::Kind::end);
  CHECK(content == std::string(100000, 'x'));
}

TEST_CASE("trailers come after the content") {
  CHECK(decode("1\r\na\r\n0\r\nGrpc-Status: 0\r\nETag:  \"x\" \r\n\r\nGET") ==
        "a|end at 40|Grpc-Status: 0\nETag: \"x\"\n");
}

TEST_CASE("trailers that decide on framing, routing or trust are dropped (9)") {
  for (const char* name : {"Content-Length",
                           "Transfer-Encoding",
                           "Host",
                           "Connection",
                           "Upgrade",
                           "TE",
                           "Trailer",
                           "Keep-Alive",
                           "Authorization",
                           "Cookie",
                           "Set-Cookie",
                           "Content-Type",
                           "Content-Encoding",
                           "Content-Range",
                           "Range",
                           "If-Match",
                           "Cache-Control",
                           "Expect",
                           "Max-Forwards",
                           "Location",
                           "X-Forwarded-For",
                           "X-Forwarded-Anything",
                           "Forwarded",
                           "X-Real-IP",
                           "X-Request-Id",
                           "X-GK-Tenant",
                           "Access-Control-Allow-Origin",
                           "Content_Length",
                           "x_forwarded_for"}) {
    CAPTURE(name);
    const std::string message = "0\r\n" + std::string(name) + ": 5\r\nX-Kept: 1\r\n\r\n";
    CHECK(decode(message) == "|end at " + std::to_string(message.size()) + "|X-Kept: 1\n");
  }
}

TEST_CASE("trailers are as strict and as bounded as any field section") {
  CHECK(status_of_refusal("0\r\nA : b\r\n\r\n") == 400);
  CHECK(status_of_refusal("0\r\nA: b\r\n c\r\n\r\n") == 400);
  CHECK(status_of_refusal("0\r\nA: b\n\r\n") == 400);
  CHECK(status_of_refusal("0\r\nA\r\n\r\n") == 400);
  CHECK(status_of_refusal("0\r\nA: " + std::string(40000, 'x')) == 431);
  std::string lines;
  for (int i = 0; i < 101; ++i) lines += "a: b\r\n";
  CHECK(status_of_refusal("0\r\n" + lines + "\r\n") == 431);
}

TEST_CASE("an end or a failure is told again and takes nothing") {
  ChunkedDecoder ended;
  CHECK(ended.next("0\r\n\r\n").kind == BodyStep::Kind::end);
  CHECK(ended.has_ended());
  CHECK(ended.next("GET").kind == BodyStep::Kind::end);
  CHECK(ended.next("GET").consumed == 0);
  CHECK(ended.next("").kind == BodyStep::Kind::end);
  ChunkedDecoder failed;
  CHECK(failed.next("x").kind == BodyStep::Kind::failed);
  CHECK(failed.next("0\r\n\r\n").kind == BodyStep::Kind::failed);
  CHECK(failed.next("").kind == BodyStep::Kind::failed);
  CHECK_FALSE(failed.has_ended());
}

TEST_CASE("content of a length ends by itself, at once where it is empty") {
  CHECK(decode(BodyFraming::of_length(5), "helloGET") == "hello|end at 5|");
  CHECK(decode(BodyFraming::of_length(5), "hell") == "hell|need more");
  CHECK(decode(BodyFraming::of_length(0), "GET") == "|end at 0|");
  CHECK(decode(BodyFraming::none(), "GET") == "|end at 0|");
  CHECK(decode(BodyFraming::chunked(), "1\r\na\r\n0\r\n\r\nb") == "a|end at 11|");
  CHECK(decode(BodyFraming::until_close(), "hello") == "hello|need more");
  CHECK(decode(BodyFraming::until_close(), "") == "|need more");
}

TEST_CASE("the end of the stream is clean only where the content has ended (21)") {
  BodyDecoder length(BodyFraming::of_length(2));
  CHECK_FALSE(length.may_end_here());
  CHECK(length.left() == 2);
  static_cast<void>(length.next("x"));
  CHECK_FALSE(length.may_end_here());
  static_cast<void>(length.next("y"));
  CHECK(length.may_end_here());
  CHECK(length.left() == 0);

  BodyDecoder chunked(BodyFraming::chunked());
  static_cast<void>(chunked.next("1\r\n"));
  static_cast<void>(chunked.next("x"));
  static_cast<void>(chunked.next("\r\n0\r\n"));
  CHECK_FALSE(chunked.may_end_here());
  CHECK(chunked.next("\r\n").kind == BodyStep::Kind::end);
  CHECK(chunked.may_end_here());

  CHECK(BodyDecoder(BodyFraming::none()).may_end_here());
  CHECK(BodyDecoder(BodyFraming::until_close()).may_end_here());
}
