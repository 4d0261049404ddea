#include "formats/json_text.h"

#include <string>

#include "gtest/gtest.h"

namespace millrace {
namespace {

std::string Unescaped(std::string_view inside) {
  ByteBuffer out;
  AppendUnescaped(out, inside);
  return std::string(out.view());
}

std::string Replaced(std::string inside) {
  ReplaceLoneSurrogates(inside.data(), inside.size());
  return inside;
}

TEST(JsonTextTest, Unescapes) {
  EXPECT_EQ(Unescaped("plain"), "plain");
  EXPECT_EQ(Unescaped(R"(a\u0041\u00e9\u20ac\ud834\udd1eb)"), "aA\u00e9\u20ac\U0001D11Eb");
  EXPECT_EQ(Unescaped(R"(\u0000)"), std::string(1, '\0'));
  EXPECT_EQ(Unescaped(R"(\\u0041\\)"), R"(\u0041\)");
  EXPECT_EQ(Unescaped(R"(\udd1e\ud834\ud834\udd1e)"), "\ufffd\ufffd\U0001D11E");
  EXPECT_EQ(Unescaped(R"(\q\u12\)"), R"(\q\u12\)");
}

TEST(JsonTextTest, FindsBadEscapes) {
  EXPECT_EQ(FindBadEscape(R"(\"\\\/\b\f\n\r\t\u00aF)"), std::string_view::npos);
  EXPECT_EQ(FindBadEscape(R"(ab\x)"), 2);
  EXPECT_EQ(FindBadEscape(R"(\\\)"), 2);
  EXPECT_EQ(FindBadEscape(R"(\u123)"), 0);
  EXPECT_EQ(FindBadEscape(R"(\u123g)"), 0);
  EXPECT_EQ(FindBadEscape(R"(\U0041)"), 0);
}

TEST(JsonTextTest, ReplacesLoneSurrogatesInPlace) {
  EXPECT_EQ(Replaced(R"(a\ud83db)"), R"(a\ufffdb)");
  EXPECT_EQ(Replaced(R"(\ud83d\ude00)"), R"(\ud83d\ude00)");
  EXPECT_EQ(Replaced(R"(\ude00\ud83d)"), R"(\ufffd\ufffd)");
  EXPECT_EQ(Replaced(R"(\ud83d\ud83d\ude00)"), R"(\ufffd\ud83d\ude00)");
  EXPECT_EQ(Replaced(R"(\\ud83d\n\u0041)"), R"(\\ud83d\n\u0041)");
}

}  // namespace
}  // namespace millrace
