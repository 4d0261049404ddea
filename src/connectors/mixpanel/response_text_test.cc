#include "connectors/mixpanel/response_text.h"

#include <gtest/gtest.h>

namespace millrace::mixpanel {
namespace {

TEST(CleanText, KeepsPlainAndNonLatinText) {
  EXPECT_EQ(CleanText("plain text"), "plain text");
  EXPECT_EQ(CleanText("日本語 \xF0\x9F\x98\x80"), "日本語 \xF0\x9F\x98\x80");
  EXPECT_EQ(CleanText(""), "");
}

TEST(CleanText, TakesControlCharactersForSpaces) {
  EXPECT_EQ(CleanText("\x1B[31mred\x1B[0m"), "[31mred [0m");
  EXPECT_EQ(CleanText("a\r\n\tb\x7F"), "a b");
  EXPECT_EQ(CleanText("a\xC2\x9B"
                      "b"),
            "a b");  // U+009B, CSI in one character
  EXPECT_EQ(CleanText(std::string_view("a\0b", 3)), "a b");
}

TEST(CleanText, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(CleanText("a\xFF\xFE"), "a??");
  EXPECT_EQ(CleanText("\xC0\xAF"), "??");            // overlong
  EXPECT_EQ(CleanText("\xED\xA0\x80"), "???");       // surrogate
  EXPECT_EQ(CleanText("\xF4\x90\x80\x80"), "????");  // beyond U+10FFFF
  EXPECT_EQ(CleanText("end \xE6\x97"), "end ??");    // cut
}

TEST(CleanText, CutsLongTextBetweenCharacters) {
  EXPECT_EQ(CleanText("abcdefgh", 8), "abcdefgh");
  EXPECT_EQ(CleanText("abcdefghi", 8), "abcde...");
  EXPECT_EQ(CleanText("ééééé", 9), "ééé...");
  EXPECT_EQ(CleanText("日本語日本語", 10), "日本...");
}

}  // namespace
}  // namespace millrace::mixpanel
