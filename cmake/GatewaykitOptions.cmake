# SPDX-License-Identifier: Apache-2.0
# The options of the build and what each of them switches on. As a subproject everything but the
# library itself is off, and nothing here reaches the targets of the parent.

if(PROJECT_IS_TOP_LEVEL AND NOT BUILD_SHARED_LIBS)
  set(test_default ON)
else()
  set(test_default OFF)
endif()
option(GATEWAYKIT_BUILD_TESTS "Build the tests (static builds only)" ${test_default})
option(GATEWAYKIT_BUILD_EXAMPLES "Build the examples" ${PROJECT_IS_TOP_LEVEL})
option(GATEWAYKIT_BUILD_BENCHMARKS "Build the benchmarks" OFF)
option(GATEWAYKIT_BUILD_FUZZERS "Build the fuzz targets with libFuzzer (clang)" OFF)
option(GATEWAYKIT_INSTALL "Define the install rules" ${PROJECT_IS_TOP_LEVEL})
option(GATEWAYKIT_LTO "Optimise across files when linking" OFF)
option(GATEWAYKIT_WERROR "Treat warnings as errors" OFF)
set(GATEWAYKIT_SANITIZE "" CACHE STRING "Sanitizers, for example address;undefined or thread")

if(GATEWAYKIT_BUILD_TESTS AND BUILD_SHARED_LIBS)
  message(FATAL_ERROR "The tests reach private units, which a shared library hides: "
                      "set BUILD_SHARED_LIBS or GATEWAYKIT_BUILD_TESTS off.")
endif()

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
    find_program(GATEWAYKIT_CCACHE ccache)
    mark_as_advanced(GATEWAYKIT_CCACHE)
    if(GATEWAYKIT_CCACHE)
      set(CMAKE_CXX_COMPILER_LAUNCHER "${GATEWAYKIT_CCACHE}")
    endif()
  endif()
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo)
  endif()
endif()

# Across files a proxied request costs some per cent less. The archives stay usable without it.
if(GATEWAYKIT_LTO)
  include(CheckIPOSupported)
  check_ipo_supported(LANGUAGES CXX)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-ffat-lto-objects)
  endif()
endif()

# A sanitizer must see every object of the build, so these are flags of the directory.
if(GATEWAYKIT_SANITIZE)
  string(REPLACE ";" "," sanitizers "${GATEWAYKIT_SANITIZE}")
  add_compile_options(-fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${sanitizers})
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    add_compile_options(-fno-sanitize=function) # clang 14 fails on coroutines with this check
  endif()
endif()
if(GATEWAYKIT_BUILD_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "GATEWAYKIT_BUILD_FUZZERS needs clang: use the preset fuzz.")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# The flags that every target of this project is compiled with.
function(gatewaykit_compile_options target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
  if(GATEWAYKIT_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
endfunction()

# gatewaykit_define_library(TARGET SOURCES file... HEADERS file...): what both libraries share.
function(gatewaykit_define_library target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;HEADERS")
  target_sources(
    ${target}
    PRIVATE ${arg_SOURCES} "${PROJECT_SOURCE_DIR}/include/gatewaykit/export.hpp"
    PUBLIC FILE_SET HEADERS
           BASE_DIRS "${PROJECT_SOURCE_DIR}/include"
           FILES ${arg_HEADERS})
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/src")
  gatewaykit_compile_options(${target})
  set_target_properties(
    ${target}
    PROPERTIES VERSION ${PROJECT_VERSION}
               SOVERSION ${PROJECT_VERSION_MAJOR}
               CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON
               POSITION_INDEPENDENT_CODE ON
               LINKER_LANGUAGE CXX)
endfunction()
