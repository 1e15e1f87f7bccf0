# SPDX-License-Identifier: Apache-2.0
# What came of the options, told at the end of a configure run of this project alone.

message(STATUS "gatewaykit ${PROJECT_VERSION}:")
foreach(line IN LISTS coding_report)
  message(STATUS "  ${line}")
endforeach()
foreach(part IN ITEMS TESTS EXAMPLES BENCHMARKS FUZZERS)
  message(STATUS "  GATEWAYKIT_BUILD_${part}=${GATEWAYKIT_BUILD_${part}}")
endforeach()
