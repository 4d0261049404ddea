# simdjson, compiled privately: libparquet exports symbols of a copy of its own.
set(MILLRACE_PYSIMDJSON_VERSION 7.0.2)
set(_simdjson "${MILLRACE_DEPS}/pysimdjson-${MILLRACE_PYSIMDJSON_VERSION}/simdjson")
if(NOT EXISTS "${_simdjson}/simdjson.cpp")
  message(FATAL_ERROR "simdjson is missing: run ./dev setup (looked in ${_simdjson})")
endif()
add_library(millrace_simdjson STATIC "${_simdjson}/simdjson.cpp")
target_include_directories(millrace_simdjson SYSTEM PUBLIC "${_simdjson}")
target_compile_options(millrace_simdjson PRIVATE -w -O2)
# A namespace of its own: whatever stands first in a link, no call of ours can be bound to that copy.
target_compile_definitions(millrace_simdjson PUBLIC simdjson=millrace_simdjson)
