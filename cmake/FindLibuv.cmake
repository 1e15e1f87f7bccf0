# SPDX-License-Identifier: Apache-2.0
# Finds libuv and defines the imported target Libuv::Libuv. Installed beside the package's config
# file, since a static gatewaykit makes its consumers link libuv.

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PC_Libuv QUIET libuv)
endif()

find_path(Libuv_INCLUDE_DIR NAMES uv.h HINTS ${PC_Libuv_INCLUDE_DIRS})
find_library(Libuv_LIBRARY NAMES uv uv_a HINTS ${PC_Libuv_LIBRARY_DIRS})
mark_as_advanced(Libuv_INCLUDE_DIR Libuv_LIBRARY)

set(Libuv_VERSION "${PC_Libuv_VERSION}")
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Libuv
  REQUIRED_VARS Libuv_LIBRARY Libuv_INCLUDE_DIR
  VERSION_VAR Libuv_VERSION
  REASON_FAILURE_MESSAGE "on Debian: apt-get install libuv1-dev")

if(Libuv_FOUND AND NOT TARGET Libuv::Libuv)
  add_library(Libuv::Libuv UNKNOWN IMPORTED)
  set_target_properties(
    Libuv::Libuv PROPERTIES IMPORTED_LOCATION "${Libuv_LIBRARY}"
                            INTERFACE_INCLUDE_DIRECTORIES "${Libuv_INCLUDE_DIR}")
endif()
