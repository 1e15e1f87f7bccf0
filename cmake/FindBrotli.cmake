# SPDX-License-Identifier: Apache-2.0
# Finds brotli, whose own build installs no CMake files, and defines the imported targets
# Brotli::encoder and Brotli::decoder. Installed beside the package's config file, since a static
# gatewaykit makes its consumers link the encoder.

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PC_Brotli QUIET libbrotlienc)
endif()

find_path(Brotli_INCLUDE_DIR NAMES brotli/encode.h HINTS ${PC_Brotli_INCLUDE_DIRS})
foreach(part IN ITEMS common enc dec)
  find_library(Brotli_${part}_LIBRARY NAMES brotli${part} brotli${part}-static
               HINTS ${PC_Brotli_LIBRARY_DIRS})
  mark_as_advanced(Brotli_${part}_LIBRARY)
endforeach()
mark_as_advanced(Brotli_INCLUDE_DIR)

set(Brotli_VERSION "${PC_Brotli_VERSION}")
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Brotli
  REQUIRED_VARS Brotli_enc_LIBRARY Brotli_dec_LIBRARY Brotli_common_LIBRARY Brotli_INCLUDE_DIR
  VERSION_VAR Brotli_VERSION
  REASON_FAILURE_MESSAGE "on Debian: apt-get install libbrotli-dev")

if(Brotli_FOUND AND NOT TARGET Brotli::encoder)
  foreach(part IN ITEMS enc dec)
    add_library(Brotli::${part}oder UNKNOWN IMPORTED)
    set_target_properties(
      Brotli::${part}oder
      PROPERTIES IMPORTED_LOCATION "${Brotli_${part}_LIBRARY}"
                 INTERFACE_INCLUDE_DIRECTORIES "${Brotli_INCLUDE_DIR}"
                 INTERFACE_LINK_LIBRARIES "${Brotli_common_LIBRARY}")
  endforeach()
endif()
