#include "script/utf16.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

std::u16string Widen(std::string_view utf8) {
  std::vector<char16_t> utf16;
  ToUtf16(utf8, utf16);
  return {utf16.begin(), utf16.end()};
}

std::string Narrow(std::u16string_view utf16) {
  ByteBuffer utf8;
  AppendUtf8(utf16.data(), utf16.size(), utf8);
  return std::string(utf8.view());
}

TEST(Utf16, ConvertsBothWays) {
  const std::string ascii = "0123456789abcdef0123456789abcdef0123456789";
  for (const std::string& text :
       {std::string(), std::string("a"), ascii, ascii + "é" + ascii + "漢字" + ascii + "😀" + ascii,
        std::string("é漢😀"), std::string("\u07ff\u0800\uffff\U00010000\U0010ffff")}) {
    EXPECT_EQ(Narrow(Widen(text)), text);
  }
  EXPECT_EQ(Widen("aé漢😀"), u"aé漢😀");
}

TEST(Utf16, ReplacesInvalidText) {
  EXPECT_EQ(Widen("a\xff"
                  "b"),
            u"a\ufffdb");
  EXPECT_EQ(Widen("\xc3"), u"\ufffd");
  EXPECT_EQ(Widen("\xc0\x80"), u"\ufffd\ufffd");
  EXPECT_EQ(Widen("\xed\xa0\x80"), u"\ufffd\ufffd\ufffd");
  EXPECT_EQ(Widen("\xf4\x90\x80\x80"), u"\ufffd\ufffd\ufffd\ufffd");
  const char16_t lone[] = {u'a', 0xD800, u'b', 0xDC00};
  EXPECT_EQ(Narrow({lone, 4}), "a\ufffdb\ufffd");
}

TEST(Utf16, AppendsToExistingText) {
  ByteBuffer out;
  out.Append("x");
  AppendUtf8(u"yz", 2, out);
  EXPECT_EQ(out.view(), "xyz");
}

}  // namespace
}  // namespace millrace
