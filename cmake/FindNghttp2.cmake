# SPDX-License-Identifier: Apache-2.0
# Finds nghttp2 and defines the imported target Nghttp2::Nghttp2. Installed beside the package's
# config file, since a static gatewaykit makes its consumers link nghttp2.

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PC_Nghttp2 QUIET libnghttp2)
endif()

find_path(Nghttp2_INCLUDE_DIR NAMES nghttp2/nghttp2.h HINTS ${PC_Nghttp2_INCLUDE_DIRS})
find_library(Nghttp2_LIBRARY NAMES nghttp2 HINTS ${PC_Nghttp2_LIBRARY_DIRS})
mark_as_advanced(Nghttp2_INCLUDE_DIR Nghttp2_LIBRARY)

set(Nghttp2_VERSION "${PC_Nghttp2_VERSION}")
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Nghttp2
  REQUIRED_VARS Nghttp2_LIBRARY Nghttp2_INCLUDE_DIR
  VERSION_VAR Nghttp2_VERSION
  REASON_FAILURE_MESSAGE "on Debian: apt-get install libnghttp2-dev")

if(Nghttp2_FOUND AND NOT TARGET Nghttp2::Nghttp2)
  add_library(Nghttp2::Nghttp2 UNKNOWN IMPORTED)
  set_target_properties(
    Nghttp2::Nghttp2 PROPERTIES IMPORTED_LOCATION "${Nghttp2_LIBRARY}"
                                INTERFACE_INCLUDE_DIRECTORIES "${Nghttp2_INCLUDE_DIR}")
endif()
