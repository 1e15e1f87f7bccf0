# SPDX-License-Identifier: Apache-2.0
# The content codings of compression(). Each is a library of the system, asked for by
# GATEWAYKIT_WITH_NAME: ON (missing is an error), OFF, or AUTO (built in where it is there).
# What it leaves behind, one member for each coding that is built in:
#   coding_names, coding_targets      for people, for the linker
#   coding_packages, coding_modules   for find_package and pkg-config of a consumer
#   coding_definitions                for the sources that choose
#   absent_coding_sources             what is not built
# and coding_report, a line for each option that tells what came of it.

set(coding_names)
set(coding_targets)
set(coding_packages)
set(coding_modules)
set(coding_definitions)
set(absent_coding_sources)
set(coding_report)

macro(gatewaykit_add_coding name)
  cmake_parse_arguments(coding "" "OPTION;PACKAGE;TARGET;MODULE;SOURCE;DEBIAN" "" ${ARGN})
  set(GATEWAYKIT_WITH_${coding_OPTION} AUTO
      CACHE STRING "Build in the content coding ${name} (AUTO, ON, OFF)")
  set_property(CACHE GATEWAYKIT_WITH_${coding_OPTION} PROPERTY STRINGS AUTO ON OFF)
  set(coding_wish "${GATEWAYKIT_WITH_${coding_OPTION}}")
  if(coding_wish)
    find_package(${coding_PACKAGE} QUIET)
  endif()
  if(coding_wish AND ${coding_PACKAGE}_FOUND)
    # FindZLIB calls it so before CMake 3.26.
    set(coding_version ${${coding_PACKAGE}_VERSION} ${${coding_PACKAGE}_VERSION_STRING} unknown)
    list(GET coding_version 0 coding_version)
    set(coding_outcome "ON (${coding_version})")
    list(APPEND coding_names ${name})
    list(APPEND coding_targets ${coding_TARGET})
    list(APPEND coding_packages ${coding_PACKAGE})
    list(APPEND coding_modules ${coding_MODULE})
    list(APPEND coding_definitions GATEWAYKIT_HAS_${coding_OPTION})
  elseif(coding_wish AND NOT coding_wish STREQUAL "AUTO")
    message(FATAL_ERROR "GATEWAYKIT_WITH_${coding_OPTION} is ${coding_wish}, but ${coding_PACKAGE} "
                        "was not found. On Debian: apt-get install ${coding_DEBIAN}")
  else()
    set(coding_outcome OFF)
    list(APPEND absent_coding_sources "${PROJECT_SOURCE_DIR}/src/transform/${coding_SOURCE}")
  endif()
  list(APPEND coding_report "GATEWAYKIT_WITH_${coding_OPTION}=${coding_wish} -> ${coding_outcome}")
endmacro()

gatewaykit_add_coding(gzip OPTION ZLIB PACKAGE ZLIB TARGET ZLIB::ZLIB MODULE zlib
                      SOURCE gzip_compressor.cpp DEBIAN zlib1g-dev)
gatewaykit_add_coding(br OPTION BROTLI PACKAGE Brotli TARGET Brotli::encoder MODULE libbrotlienc
                      SOURCE brotli_compressor.cpp DEBIAN libbrotli-dev)
gatewaykit_add_coding(zstd OPTION ZSTD PACKAGE Zstd TARGET Zstd::Zstd MODULE libzstd
                      SOURCE zstd_compressor.cpp DEBIAN libzstd-dev)
