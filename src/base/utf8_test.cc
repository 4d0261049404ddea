#include "base/utf8.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(ToValidUtf8, KeepsWhatIsValid) {
  for (const char* text : {"", "plain", "gs://b/ü", "\xE2\x82\xAC", "\xF0\x9F\x98\x80 x",
                           "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(ToValidUtf8(text), text);
  }
}

TEST(ToValidUtf8, ReplacesWhatIsNot) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(ToValidUtf8("a\xFFz"), "a" + bad + "z");
  EXPECT_EQ(ToValidUtf8(std::string_view("a\0z", 3)), "a" + bad + "z");
  EXPECT_EQ(ToValidUtf8("\xC3"), bad);
  EXPECT_EQ(ToValidUtf8("\x80"), bad);
  EXPECT_EQ(ToValidUtf8("\xC0\xAF"), bad + bad);            // overlong
  EXPECT_EQ(ToValidUtf8("\xED\xA0\x80"), bad + bad + bad);  // surrogate
  EXPECT_EQ(ToValidUtf8("\xF4\x90\x80\x80"), bad + bad + bad + bad);
  EXPECT_EQ(ToValidUtf8("\xE2\x82z"), bad + bad + "z");
}

}  // namespace
}  // namespace millrace
