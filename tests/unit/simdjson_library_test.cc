// libparquet exports a copy of simdjson, of another version. This program is linked with Arrow
// first, the order in which our calls would be bound to that copy, and asks the dynamic linker.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <parquet/properties.h>
#include <simdjson.h>

#include <cstddef>
#include <string>

namespace {

using ::testing::HasSubstr;

// The shared library, or the program, that holds `address`.
std::string LibraryOf(const void* address) {
  Dl_info info = {};
  return dladdr(address, &info) != 0 ? info.dli_fname : "";
}

TEST(SimdjsonLibrary, LibparquetIsInTheProcessWithACopyOfItsOwn) {
  EXPECT_THAT(LibraryOf(reinterpret_cast<const void*>(&parquet::default_reader_properties)),
              HasSubstr("libparquet"));
}

// Only what libparquet has as well: any other call brings our copy into the program by itself.
TEST(SimdjsonLibrary, TheProgramCallsItsOwnCopy) {
  const std::string program = LibraryOf(reinterpret_cast<const void*>(&LibraryOf));
  EXPECT_EQ(LibraryOf(reinterpret_cast<const void*>(&simdjson::get_active_implementation)),
            program);
  bool (*const validate)(const char*, size_t) noexcept = &simdjson::validate_utf8;
  EXPECT_EQ(LibraryOf(reinterpret_cast<const void*>(validate)), program);
  // The code that was chosen for this machine is of that copy too.
  EXPECT_EQ(LibraryOf(simdjson::get_active_implementation().operator->()), program);
}

}  // namespace
