# SPDX-License-Identifier: Apache-2.0
# gatewaykit_check_coroutines(TARGET [DIRECTORIES DIR...]) makes the build of TARGET fail when a
# statement with co_await has a form that g++ 12 miscompiles. It checks the sources of TARGET that
# lie in its own source directory, and every source under the given directories.

function(gatewaykit_check_coroutines target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DIRECTORIES")
  find_package(Python3 QUIET COMPONENTS Interpreter)
  if(NOT Python3_Interpreter_FOUND)
    message(WARNING "gatewaykit_check_coroutines(${target}) needs Python 3: nothing is checked.")
    return()
  endif()

  get_target_property(directory ${target} SOURCE_DIR)
  get_target_property(sources ${target} SOURCES)
  set(files)
  foreach(source IN LISTS sources)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY "${directory}" NORMALIZE)
    cmake_path(IS_PREFIX directory "${source}" is_own)
    if(is_own)
      list(APPEND files "${source}")
    endif()
  endforeach()
  foreach(folder IN LISTS arg_DIRECTORIES)
    cmake_path(ABSOLUTE_PATH folder BASE_DIRECTORY "${directory}" NORMALIZE)
    file(GLOB_RECURSE found CONFIGURE_DEPENDS "${folder}/*.[chi]pp" "${folder}/*.h"
         "${folder}/*.cc" "${folder}/*.cxx")
    list(APPEND files ${found})
  endforeach()
  list(REMOVE_DUPLICATES files)

  set(script "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/check_coroutines.py")
  set(stamp "${CMAKE_CURRENT_BINARY_DIR}/${target}.coroutines")
  add_custom_command(
    OUTPUT "${stamp}"
    COMMAND Python3::Interpreter "${script}" ${files}
    COMMAND "${CMAKE_COMMAND}" -E touch "${stamp}"
    DEPENDS ${files} "${script}"
    COMMENT "Checking the co_await statements of ${target}"
    VERBATIM)
  add_custom_target(${target}_check_coroutines DEPENDS "${stamp}")
  add_dependencies(${target} ${target}_check_coroutines)
endfunction()
