// SPDX-License-Identifier: Apache-2.0
#include "upstream/address_book.hpp"

#include "catch.hpp"

using namespace std::chrono_literals;
using gatewaykit::Duration;
using gatewaykit::IpAddress;
using gatewaykit::TimePoint;
using gatewaykit::upstream::AddressBook;

namespace {

const TimePoint kStart{50s};

IpAddress address(unsigned char last) { return IpAddress::v4({10, 0, 0, last}); }

}  // namespace

TEST_CASE("a literal address is known from the start and never looked up") {
  AddressBook book(std::vector<IpAddress>{address(1)});
  CHECK(book.version() != 0);
  CHECK(book.addresses() == std::vector{address(1)});
  CHECK_FALSE(book.claim_refresh(kStart + 9999h));
}

TEST_CASE("one caller claims each refresh that is due") {
  AddressBook book(Duration(30s));
  CHECK(book.version() == 0);
  CHECK(book.claim_refresh(kStart));
  CHECK_FALSE(book.claim_refresh(kStart));
  CHECK_FALSE(book.claim_refresh(kStart + 29s));
  CHECK(book.claim_refresh(kStart + 30s));
}

TEST_CASE("the version changes with the addresses alone") {
  AddressBook book(Duration(30s));
  book.publish({address(1), address(2)}, kStart);
  const auto version = book.version();
  CHECK(version != 0);
  book.publish({address(2), address(1)}, kStart);
  CHECK(book.version() == version);
  book.publish({address(2), address(3)}, kStart);
  CHECK(book.version() != version);
  CHECK(book.addresses() == std::vector{address(2), address(3)});
}

TEST_CASE("the last good addresses outlive lookups that fail, which are repeated soon") {
  AddressBook book(Duration(30s));
  REQUIRE(book.claim_refresh(kStart));
  book.publish({address(1)}, kStart);
  REQUIRE(book.claim_refresh(kStart + 30s));
  SECTION("no answer") { book.failed(kStart + 30s); }
  SECTION("an answer without addresses") { book.publish({}, kStart + 30s); }
  CHECK(book.addresses() == std::vector{address(1)});
  CHECK_FALSE(book.claim_refresh(kStart + 34s));
  CHECK(book.claim_refresh(kStart + 35s));
}

TEST_CASE("of a thousand records, 64 different ones are kept") {
  AddressBook book(Duration(30s));
  std::vector<IpAddress> records;
  for (int i = 0; i < 1000; ++i) {
    records.push_back(IpAddress::v4(
        {10, 0, static_cast<unsigned char>(i / 512), static_cast<unsigned char>(i / 2)}));
  }
  book.publish(records, kStart);
  CHECK(book.addresses().size() == AddressBook::kMost);
}
