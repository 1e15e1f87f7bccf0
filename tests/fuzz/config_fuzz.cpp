// SPDX-License-Identifier: Apache-2.0
// Configuration texts: a text is wired or has problems, each of which can be shown; what was wired
// is wired again, with the same pools.
#include <cstddef>
#include <cstdint>
#include <string>

#include "gatewaykit/config/load.hpp"
#include "property.hpp"

using namespace gatewaykit;
using namespace gatewaykit::config;
using namespace gatewaykit::fuzz;

namespace {

/// Without what would write files.
Catalog harmless() {
  Catalog catalog;
  catalog.remove("accessLog");
  return catalog;
}

void check_problem(const Problem& problem) {
  require(problem.line > 0 && problem.column > 0, "a problem has its place");
  require(!problem.sentence.empty(), "a problem has its sentence");
  for (const char c : to_string(problem, "file")) {
    require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "a problem can be shown");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Catalog catalog = harmless();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Loaded first = load(text, catalog);
  require(first.wiring.has_value() == first.problems.empty(), "a text is wired or has problems");
  for (const Problem& problem : first.problems) check_problem(problem);
  if (!first.wiring) return 0;
  const Loaded again = load(text, catalog, first.wiring->services);
  require(again.wiring.has_value(), "what was wired is wired again");
  for (const auto& [name, service] : again.wiring->services) {
    const auto before = first.wiring->services.find(name);
    require(before != first.wiring->services.end() &&
                &before->second.pool.name() == &service.pool.name(),
            "a service of the same text keeps its pool");
  }
  return 0;
}
