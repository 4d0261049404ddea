# Third-party libraries. Versions and their traps: docs/dependencies.md.
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core)
pkg_check_modules(PUGIXML REQUIRED IMPORTED_TARGET pugixml)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(JSC REQUIRED IMPORTED_TARGET javascriptcoregtk-4.1)
find_library(XXHASH_LIBRARY xxhash REQUIRED)
find_package(ZLIB REQUIRED)
if(MILLRACE_TESTS)
  find_package(GTest REQUIRED)
  find_package(benchmark REQUIRED)
endif()

# Where `./dev setup` unpacks what Debian does not carry.
execute_process(COMMAND "${CMAKE_SOURCE_DIR}/tools/cache_folder.sh" OUTPUT_VARIABLE _cache
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(MILLRACE_DEPS "${_cache}/deps" CACHE PATH "Folder of the unpacked dependencies")

include(Arrow)
include(Simdjson)
include(Grpc)

# The system's OpenSSL must come before libparquet, which leaks symbols of a copy of its own. Link options
# stand before all libraries, whatever order those are brought into.
add_library(millrace_tls INTERFACE)
target_link_libraries(millrace_tls INTERFACE OpenSSL::SSL OpenSSL::Crypto CURL::libcurl)
target_link_options(millrace_tls INTERFACE "SHELL:-Wl,--no-as-needed -lssl -lcrypto -lcurl -Wl,--as-needed")
