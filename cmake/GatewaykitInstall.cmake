# SPDX-License-Identifier: Apache-2.0
# Install rules: libraries, headers, and what find_package and pkg-config need.

include(CMakePackageConfigHelpers)

set(package_directory "${CMAKE_INSTALL_LIBDIR}/cmake/gatewaykit")

install(
  TARGETS gatewaykit gatewaykit_testing
  EXPORT gatewaykitTargets
  FILE_SET HEADERS)

# What an archive holds for linking across files would make each link of a host take half a minute,
# and fail with any other version of g++. It stays in the build tree.
if(GATEWAYKIT_LTO AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT BUILD_SHARED_LIBS)
  install(
    CODE "
    set(library_directory \"${CMAKE_INSTALL_LIBDIR}\")
    cmake_path(ABSOLUTE_PATH library_directory BASE_DIRECTORY \"\${CMAKE_INSTALL_PREFIX}\")
    foreach(archive IN ITEMS $<TARGET_FILE_NAME:gatewaykit> $<TARGET_FILE_NAME:gatewaykit_testing>)
      execute_process(
        COMMAND \"${CMAKE_OBJCOPY}\" --wildcard --remove-section .gnu.lto_*
                --remove-section .gnu.debuglto_* --strip-symbol __gnu_lto_v1
                \"\$ENV{DESTDIR}\${library_directory}/\${archive}\" COMMAND_ERROR_IS_FATAL ANY)
    endforeach()")
endif()
install(
  EXPORT gatewaykitTargets
  NAMESPACE gatewaykit::
  DESTINATION "${package_directory}")

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/gatewaykitConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/gatewaykitConfig.cmake"
  INSTALL_DESTINATION "${package_directory}")
# Before 1.0 a minor version may break its users.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/gatewaykitConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(
  FILES "${PROJECT_BINARY_DIR}/gatewaykitConfig.cmake"
        "${PROJECT_BINARY_DIR}/gatewaykitConfigVersion.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/FindBrotli.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/FindLibuv.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/FindNghttp2.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/FindZstd.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/GatewaykitCheckCoroutines.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/check_coroutines.py"
  DESTINATION "${package_directory}")

# The file says where it lies, so that an installed tree may be moved.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY
           "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" OUTPUT_VARIABLE prefix_from_pkgconfig)
list(JOIN coding_modules " " coding_modules_text)
configure_file("${PROJECT_SOURCE_DIR}/cmake/gatewaykit.pc.in" "${PROJECT_BINARY_DIR}/gatewaykit.pc"
               @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/gatewaykit.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# The gateway from a file, and the schema that editors check the file by.
if(TARGET gateway)
  install(TARGETS gateway)
endif()
install(FILES "${PROJECT_SOURCE_DIR}/examples/gateway.schema.json"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/gatewaykit")
