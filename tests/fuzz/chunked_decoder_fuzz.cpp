// SPDX-License-Identifier: Apache-2.0
// The chunked coding: however the bytes are split, content, trailers and end are the same; encoded
// again they are decoded to the same. The first two bytes of an input choose splits.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "codec/chunked_decoder.hpp"
#include "codec/http1_writer.hpp"
#include "property.hpp"

using namespace gatewaykit;
using namespace gatewaykit::codec;
using namespace gatewaykit::fuzz;

namespace {

struct Outcome {
  bool has_ended = false;
  std::string content;
  std::string rest;  // Where it ended and with what trailers, or how it failed.

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome run(ChunkedDecoder& decoder, std::string_view message,
            const std::vector<std::size_t>& ends) {
  Outcome outcome;
  std::size_t taken = 0;
  for (const std::size_t end : ends) {
    for (;;) {
      const ExactBytes bytes(message.substr(taken, end - taken));
      const BodyStep step = decoder.next(bytes.view());
      require(step.consumed <= bytes.view().size(), "no more is taken than there is");
      taken += step.consumed;
      if (step.kind == BodyStep::Kind::failed) {
        outcome.rest = decoder.error().sentence;
        return outcome;
      }
      if (step.kind == BodyStep::Kind::end) {
        outcome.has_ended = true;
        outcome.rest = std::to_string(taken) + " " + text_of(decoder.trailers());
        return outcome;
      }
      if (step.kind == BodyStep::Kind::need_more) break;
      require(!step.data.empty(), "data has bytes");
      outcome.content += step.data;
    }
    require(taken == end, "all is taken before more is asked for");
  }
  outcome.rest = "need more";
  return outcome;
}

void check_round_trip(std::string_view message) {
  ChunkedDecoder decoder;
  const Outcome outcome = run(decoder, message, {message.size()});
  if (!outcome.has_ended) return;
  ByteWriter writer(1);
  for (std::size_t at = 0; at < outcome.content.size(); at += 7) {
    const std::string_view chunk = std::string_view(outcome.content).substr(at, 7);
    char head[kChunkHeadSize];
    writer.append({head, write_chunk_head(chunk.size(), head)});
    writer.append(chunk);
    writer.append(kChunkEnd);
  }
  write_last_chunk(writer, decoder.trailers());
  ChunkedDecoder again;
  const Outcome copy = run(again, writer.view(), {writer.size()});
  require(copy.has_ended && copy.content == outcome.content, "content survives");
  require(text_of(again.trailers()) == text_of(decoder.trailers()), "trailers survive");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view message(reinterpret_cast<const char*>(data) + 2, size - 2);
  ChunkedDecoder whole_decoder;
  const Outcome whole = run(whole_decoder, message, {message.size()});
  ChunkedDecoder piece_decoder;
  require(run(piece_decoder, message, piece_ends(message.size(), data[0], 1 + data[1])) == whole,
          "pieces mean what the whole means");
  ChunkedDecoder byte_decoder;
  require(run(byte_decoder, message, piece_ends(message.size(), 0, 1)) == whole,
          "bytes mean what the whole means");
  check_round_trip(message);
  return 0;
}
