# millrace_library(<folder> [COLD] [COLD_SOURCES <file>...] [DEPS <folder>...] [PRIVATE <target>...])
# One static library per folder of src/, from its *.cc; *_test.cc become one test program.
# The library of folder connectors/mixpanel is called millrace_connectors_mixpanel.
# COLD: no event passes through the code. A release compiles it with -O1, which takes a third less time.
# COLD_SOURCES: the same for these files of the folder only.
# testing/*.cc of a folder become millrace_<name>_testing, which the tests of that folder and of
# those that depend on it are linked with.
include(GoogleTest)

# Headers that nearly every source includes are compiled once: for the libraries, and with the test
# framework for the tests. System headers only, so that no change of ours rebuilds everything; a
# source still includes all that it uses (clang-tidy sees it without them).
set(millrace_common_headers
    <algorithm> <array> <atomic> <charconv> <cmath> <cstdint> <cstring> <filesystem> <functional> <map>
    <memory> <optional> <ostream> <stop_token> <string> <string_view> <thread> <utility> <vector>
    <absl/container/flat_hash_map.h> <absl/container/flat_hash_set.h> <absl/status/statusor.h>
    <absl/strings/numbers.h> <absl/strings/str_cat.h> <absl/synchronization/mutex.h> <absl/time/time.h>
    <absl/types/span.h>)
function(millrace_precompiled name)
  add_library(${name} STATIC "${CMAKE_SOURCE_DIR}/cmake/precompiled.cc")
  target_precompile_headers(${name} PRIVATE ${millrace_common_headers} ${ARGN})
  if(CCACHE)
    set_target_properties(${name} PROPERTIES CXX_COMPILER_LAUNCHER
      "${CMAKE_SOURCE_DIR}/cmake/hash_precompiled.sh;${CMAKE_CXX_COMPILER_LAUNCHER}")
  endif()
endfunction()
millrace_precompiled(millrace_precompiled)
if(MILLRACE_TESTS)
  set(millrace_test_options -O0)  # compiling tests costs more than running them
  millrace_precompiled(millrace_test_precompiled <gtest/gtest.h> <gmock/gmock.h>)
  target_compile_options(millrace_test_precompiled PRIVATE ${millrace_test_options})
  target_link_libraries(millrace_test_precompiled PRIVATE GTest::gmock)
endif()

# Test sources: compiled like all tests. Only those that name MILLRACE_SOURCE_DIR see it, so that the
# others are the same to the compiler cache in every checkout.
function(millrace_test_sources target)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -fPIC ${millrace_test_options})
  target_precompile_headers(${target} REUSE_FROM millrace_test_precompiled)
  foreach(source IN LISTS ARGN)
    file(STRINGS "${source}" uses REGEX MILLRACE_SOURCE_DIR LIMIT_COUNT 1)
    if(uses)
      set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_DEFINITIONS
                   MILLRACE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    endif()
  endforeach()
endfunction()

function(millrace_library folder)
  cmake_parse_arguments(ARG "COLD" "" "COLD_SOURCES;DEPS;PRIVATE" ${ARGN})
  string(REPLACE "/" "_" name "${folder}")
  set(target millrace_${name})
  set(dir "${CMAKE_SOURCE_DIR}/src/${folder}")
  file(GLOB sources CONFIGURE_DEPENDS "${dir}/*.cc")
  file(GLOB tests CONFIGURE_DEPENDS "${dir}/*_test.cc")
  list(REMOVE_ITEM sources ${tests} "${dir}/main.cc")
  if(NOT sources)
    message(FATAL_ERROR "src/${folder} has no sources")
  endif()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} PUBLIC "${CMAKE_SOURCE_DIR}/src")
  foreach(dep IN LISTS ARG_DEPS)
    string(REPLACE "/" "_" dep "${dep}")
    target_link_libraries(${target} PUBLIC millrace_${dep})
  endforeach()
  target_link_libraries(${target} PRIVATE ${ARG_PRIVATE})
  target_precompile_headers(${target} REUSE_FROM millrace_precompiled)
  if(ARG_COLD)
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  endif()
  foreach(source IN LISTS ARG_COLD_SOURCES)
    set_property(SOURCE "${dir}/${source}" APPEND PROPERTY COMPILE_OPTIONS $<$<CONFIG:Release>:-O1>)
  endforeach()
  file(GLOB testing CONFIGURE_DEPENDS "${dir}/testing/*.cc")
  set(testing_of_deps)
  foreach(dep IN LISTS ARG_DEPS)
    string(REPLACE "/" "_" dep "${dep}")
    if(TARGET millrace_${dep}_testing)
      list(APPEND testing_of_deps millrace_${dep}_testing)
    endif()
  endforeach()
  if(MILLRACE_TESTS AND testing)
    add_library(${target}_testing STATIC EXCLUDE_FROM_ALL ${testing})
    target_link_libraries(${target}_testing PUBLIC ${target} ${testing_of_deps} PRIVATE ${ARG_PRIVATE} GTest::gmock)
    millrace_test_sources(${target}_testing ${testing})
    list(APPEND testing_of_deps ${target}_testing)
  endif()
  if(MILLRACE_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE millrace_tls ${target} ${testing_of_deps} ${ARG_PRIVATE}
                          GTest::gmock_main)
    millrace_test_sources(${name}_test ${tests})
    gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST NO_PRETTY_VALUES TEST_PREFIX "${folder}:"
                         PROPERTIES TIMEOUT 120 LABELS unit)
  endif()
endfunction()
