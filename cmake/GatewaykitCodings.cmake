# SPDX-License-Identifier: Apache-2.0
# The content codings of compression(). Each is a library of the system, asked for by
# GATEWAYKIT_WITH_NAME: ON (missing is an error), OFF, or AUTO (built in where it is there).
# What it leaves behind, one member for each coding that is built in:
#   coding_names, coding_targets      for people, for the linker
#   coding_packages, coding_modules   for find_package and pkg-config of a consumer
#   coding_definitions                for the sources that choose
#   absent_coding_sources             what is not built

set(coding_names)
set(coding_targets)
set(coding_packages)
set(coding_modules)
set(coding_definitions)
set(absent_coding_sources)

macro(gatewaykit_add_coding name)
  cmake_parse_arguments(coding "" "OPTION;PACKAGE;TARGET;MODULE;SOURCE" "" ${ARGN})
  set(GATEWAYKIT_WITH_${coding_OPTION} AUTO
      CACHE STRING "Build in the content coding ${name} (AUTO, ON, OFF)")
  set_property(CACHE GATEWAYKIT_WITH_${coding_OPTION} PROPERTY STRINGS AUTO ON OFF)
  if(GATEWAYKIT_WITH_${coding_OPTION} STREQUAL "AUTO")
    find_package(${coding_PACKAGE} QUIET)
  elseif(GATEWAYKIT_WITH_${coding_OPTION})
    find_package(${coding_PACKAGE} REQUIRED)
  endif()
  if(GATEWAYKIT_WITH_${coding_OPTION} AND ${coding_PACKAGE}_FOUND)
    list(APPEND coding_names ${name})
    list(APPEND coding_targets ${coding_TARGET})
    list(APPEND coding_packages ${coding_PACKAGE})
    list(APPEND coding_modules ${coding_MODULE})
    list(APPEND coding_definitions GATEWAYKIT_HAS_${coding_OPTION})
  else()
    list(APPEND absent_coding_sources "${PROJECT_SOURCE_DIR}/src/transform/${coding_SOURCE}")
  endif()
endmacro()

gatewaykit_add_coding(gzip OPTION ZLIB PACKAGE ZLIB TARGET ZLIB::ZLIB MODULE zlib
                      SOURCE gzip_compressor.cpp)
gatewaykit_add_coding(br OPTION BROTLI PACKAGE Brotli TARGET Brotli::encoder MODULE libbrotlienc
                      SOURCE brotli_compressor.cpp)
gatewaykit_add_coding(zstd OPTION ZSTD PACKAGE Zstd TARGET Zstd::Zstd MODULE libzstd
                      SOURCE zstd_compressor.cpp)

list(JOIN coding_names ", " coding_summary)
if(coding_summary STREQUAL "")
  set(coding_summary "none")
endif()
message(STATUS "gatewaykit: content codings built in: ${coding_summary}")
