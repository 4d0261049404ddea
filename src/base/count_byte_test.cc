#include "base/count_byte.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace millrace {
namespace {

TEST(CountByte, AgreesWithTheStandardLibrary) {
  std::string text;
  uint32_t state = 1;
  for (int i = 0; i < 20'000; ++i) {
    text += static_cast<char>((state = state * 1664525 + 1013904223) >> 30);
  }
  for (const size_t size : {0, 1, 15, 16, 17, 255, 4079, 4080, 4081, 4096, 20'000}) {
    for (const size_t begin : {0, 3}) {
      const std::string_view part = std::string_view(text).substr(begin, size);
      for (const char byte : {'\0', '\1', '\xff'}) {
        EXPECT_EQ(CountByte(part, byte),
                  static_cast<size_t>(std::count(part.begin(), part.end(), byte)))
            << size << " from " << begin;
      }
    }
  }
}

TEST(CountByte, CountsTextOfThatByteAlone) {
  EXPECT_EQ(CountByte(std::string(100'000, '\n'), '\n'), 100'000u);
  EXPECT_EQ(CountByte(std::string(100'000, '\xff'), '\xff'), 100'000u);
}

}  // namespace
}  // namespace millrace
