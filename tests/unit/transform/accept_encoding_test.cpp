// SPDX-License-Identifier: Apache-2.0
// Accept-Encoding: weights, wildcards, identity, and what is too broken to count.
#include "transform/accept_encoding.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"

using namespace gatewaykit;
using transform::choose_coding;

namespace {

constexpr ContentCoding kPreference[] = {ContentCoding::zstd, ContentCoding::brotli,
                                         ContentCoding::gzip};

/// The name of what is chosen for lines of Accept-Encoding; "-" for nothing.
std::string chosen_of_lines(const std::vector<std::string>& lines) {
  Headers fields;
  fields.add("accept", "*/*");
  for (const std::string& line : lines) fields.add("Accept-Encoding", line);
  const auto coding = choose_coding(fields, kPreference);
  return coding ? std::string(name_of(*coding)) : "-";
}
std::string chosen(std::string_view line) { return chosen_of_lines({std::string(line)}); }

}  // namespace

TEST_CASE("Nothing is chosen for a client that does not ask for it") {
  CHECK(chosen_of_lines({}) == "-");
  CHECK(chosen("") == "-");
  CHECK(chosen("identity") == "-");
  CHECK(chosen("deflate, compress") == "-");
}

TEST_CASE("The only one that the client knows is chosen") {
  CHECK(chosen("gzip") == "gzip");
  CHECK(chosen("br") == "br");
  CHECK(chosen("zstd") == "zstd");
  CHECK(chosen("deflate, gzip") == "gzip");
  CHECK(chosen("GZip") == "gzip");
  CHECK(chosen("x-gzip") == "gzip");
}

TEST_CASE("Between equals our preference decides") {
  CHECK(chosen("gzip, deflate, br, zstd") == "zstd");
  CHECK(chosen("gzip, br") == "br");
  CHECK(chosen("gzip;q=0.5, br;q=0.5") == "br");
  CHECK(chosen_of_lines({"gzip", "br"}) == "br");
}

TEST_CASE("A higher weight decides before that") {
  CHECK(chosen("gzip;q=1, br;q=0.9, zstd;q=0.899") == "gzip");
  CHECK(chosen("gzip;q=0.001, br;q=0") == "gzip");
  CHECK(chosen("gzip;q=0.1, br;q=0.11, zstd;q=0.109") == "br");
}

TEST_CASE("Weights are read in all their forms") {
  const std::string weight = GENERATE(as<std::string>{}, "1", "1.", "1.0", "1.00", "1.000", "0.5",
                                      "0.55", "0.555", "0.001");
  CHECK(chosen("gzip;q=" + weight) == "gzip");
  CHECK(chosen("gzip ; Q=" + weight + " ") == "gzip");
  CHECK(chosen("gzip\t;\tq=" + weight) == "gzip");
}

TEST_CASE("A weight of zero refuses") {
  const std::string weight = GENERATE(as<std::string>{}, "0", "0.", "0.0", "0.00", "0.000");
  CHECK(chosen("gzip;q=" + weight) == "-");
  CHECK(chosen("gzip;q=" + weight + ", *") == "zstd");
}

TEST_CASE("A star stands for what is not named") {
  CHECK(chosen("*") == "zstd");
  CHECK(chosen("zstd;q=0, *") == "br");
  CHECK(chosen("gzip;q=0.2, *;q=0.1") == "gzip");
  CHECK(chosen("*;q=0.3, gzip;q=0.2") == "zstd");
  CHECK(chosen("gzip, *;q=0") == "gzip");
  CHECK(chosen("*;q=0") == "-");
}

TEST_CASE("A client that likes identity better gets it") {
  CHECK(chosen("identity, gzip;q=0.5") == "-");
  CHECK(chosen("identity;q=0.6, gzip;q=0.5, br;q=0.59") == "-");
  CHECK(chosen("identity;q=0.5, gzip;q=0.5") == "gzip");
  CHECK(chosen("identity;q=0, gzip;q=0.1") == "gzip");
}

TEST_CASE("A client that refuses identity but has nothing of ours gets it all the same") {
  CHECK(chosen("identity;q=0") == "-");
  CHECK(chosen("identity;q=0, compress") == "-");
}

TEST_CASE("What is malformed counts for nothing, and the rest counts") {
  const std::string broken =
      GENERATE(as<std::string>{}, "br;q=2", "br;q=1.001", "br;q=0.1234", "br;q=.5", "br;q=-1",
               "br;q=", "br;q", "br;", "br;x=1", "br;q=1;x=1", "br; q = 1", "br;q=0,5", "br;q=1.a",
               "br;q=\"1\"", "b r", "br\xc3\xa4", "\"br\"", "br/1", "br;q=1e0", ";q=1", "br;q=00",
               "br;q=10");
  CHECK(chosen(broken) != "br");
  CHECK(chosen("gzip;q=0.001," + broken) == "gzip");
}

TEST_CASE("Empty members are no harm") { CHECK(chosen(", ,gzip,,") == "gzip"); }

TEST_CASE("The first mention counts") {
  CHECK(chosen("gzip;q=0, gzip") == "-");
  CHECK(chosen("gzip, gzip;q=0") == "gzip");
}

TEST_CASE("A list without end is read to the 32nd member") {
  std::string list;
  for (int i = 0; i < 31; ++i) list += "x,";
  CHECK(chosen(list + "gzip") == "gzip");
  CHECK(chosen(list + "x,gzip") == "-");
}

TEST_CASE("Only what is preferred at all can be chosen") {
  Headers fields;
  fields.add("accept-encoding", "zstd, br;q=0.1");
  const ContentCoding brotli_alone[] = {ContentCoding::brotli};
  CHECK(choose_coding(fields, brotli_alone) == ContentCoding::brotli);
  CHECK_FALSE(choose_coding(fields, {}).has_value());
}
