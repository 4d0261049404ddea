#include "staypoints/user_prefix.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

TEST(UserPrefixTest, TakesTwoAndTwoCharacters) {
  const auto prefix = [](std::string_view id) {
    const UserPrefix parts = PrefixOf(id);
    return std::string(parts.p1) + "|" + std::string(parts.p2);
  };
  EXPECT_EQ(prefix("user123"), "us|er");
  EXPECT_EQ(prefix("user"), "us|er");
  EXPECT_EQ(prefix("use"), "us|e");
  EXPECT_EQ(prefix("us"), "us|");
  EXPECT_EQ(prefix("u"), "u|");
  EXPECT_EQ(prefix(""), "|");
  EXPECT_EQ(prefix("日本語の人"), "日本|語の");
  EXPECT_EQ(prefix("é😀ßx"), "é😀|ßx");
  EXPECT_EQ(prefix("e\xCC\x81x"), "e\xCC\x81|x");  // a combining accent is a character of its own
}

TEST(HiveFolderValueTest, EscapesAsHiveDoes) {
  EXPECT_EQ(HiveFolderValue("ab"), "ab");
  EXPECT_EQ(HiveFolderValue(""), "__HIVE_DEFAULT_PARTITION__");
  EXPECT_EQ(HiveFolderValue("a/"), "a%2F");
  EXPECT_EQ(HiveFolderValue(".."), "..");
  EXPECT_EQ(HiveFolderValue("%="), "%25%3D");
  EXPECT_EQ(HiveFolderValue("\"#'*"), "%22%23%27%2A");
  EXPECT_EQ(HiveFolderValue(":?\\{"), "%3A%3F%5C%7B");
  EXPECT_EQ(HiveFolderValue("[]^\x7f"), "%5B%5D%5E%7F");
  EXPECT_EQ(HiveFolderValue(std::string("\0\n", 2)), "%00%0A");
  EXPECT_EQ(HiveFolderValue("日 "), "日 ");
}

}  // namespace
}  // namespace millrace
